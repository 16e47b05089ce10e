// Is the system's C library new enough? Asked before the runtime is started: the system's own words for it are
// "version `GLIBC_2.35' not found".
#ifndef PANNIER_GLIBC_H
#define PANNIER_GLIBC_H

#include "record.h"

// Ends the program where this system has no glibc, or one that is too old.
void check_glibc(const struct record *record);

#endif
