// Runtimes on disk: unpacked once, found at every later start.
//
// `runtime-<id>/` appears by one rename, complete, so there is no moment at which a start could meet half of it, whoever
// is killed when. Every start compares the sizes of its files: cleaners of temporary folders take single old files away.
//
// What a crash of the whole machine may leave is another matter: names without content. Flushing every file to the disk
// would prevent that, but a flush also waits for all that others are writing (a model of gigabytes that was copied a
// moment ago: a minute was seen). So nothing is flushed. Instead the folder remembers at which boot it was written
// (`state`), and the first start after another boot compares the checksums of all files, once, some milliseconds: what it
// reads then was on the disk. A runtime that is not whole is put aside and unpacked again.
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
