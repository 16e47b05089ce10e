// Runtimes on disk: unpacked once, found at every later start.
//
// `runtime-<id>/` appears by one rename, complete and flushed to the disk, so there is no moment at which a start could
// meet half of it, whoever is killed when. Every start still compares the sizes of its files: cleaners of temporary
// folders take single old files away. A runtime that is not whole is put aside and unpacked again.
#ifndef PANNIER_STORE_H
#define PANNIER_STORE_H

#include "places.h"
#include "record.h"

// The runtime's folder in `place`, open and locked against sweeping as long as the descriptor lives; -1 if the place
// does not have it whole.
int find_runtime(const struct place *place, const struct record *record);

// Put the runtime into `place`, or find that another start did meanwhile. NULL if it is there now, else why not.
const char *unpack_runtime(const struct place *place, const struct record *record, const struct dist *dist,
                           struct entry archive);

#endif
