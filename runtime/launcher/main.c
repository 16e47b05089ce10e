// The launcher: a dist's first bytes, what the system executes.
//
//     open self -> read runtime.txt -> check stub and runtime -> find the runtime in the cache, or unpack it -> exec
//
// A one-file program that unpacks itself at every start costs a quarter of a second each time, a process that only
// waits, and litter when it is killed; and where its one temporary folder forbids execution it cannot start at all. So
// the runtime is unpacked once, where it may live, and this program becomes it: same process, same arguments. The open
// file is handed on, so that the runtime reads what was started, whatever has become of its name.
//
// Static and without a C library of the system's own: it starts on every Linux, and can say what is missing there.

#include "glibc.h"
#include "places.h"
#include "record.h"
#include "say.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARCHIVE_ENTRY "runtime.tar.zst"
#define FD_VARIABLE "PANNIER_DIST_FD" // runtime/launch/opening.py reads it

// Become the runtime in this place, if it has one. Comes back only where that is not possible.
static void become(struct place *place, const struct record *record, char **argv) {
    char program[PATH_MAX + 300];
    int folder = find_runtime(place, record);
    if (folder < 0) {
        return;
    }
    snprintf(program, sizeof program, "%s/runtime-%s/%s", place->path, record->id, record->program);
    execv(program, argv);
    if (errno == ENOEXEC) {
        fail(CANNOT_RUN, "Ask for a file for this system.", "The runtime inside is not for this kind of machine.");
    }
    place->refusal = errno == EACCES ? NO_EXECUTION : in_words(errno);
    close(folder);
}

int main(int argc, char **argv) {
    static struct dist dist;
    static struct record record;
    static struct places places;
    char number[16];
    (void) argc;

    open_own(&dist);
    read_record(&dist, &record);
    check_range(&dist, record.stub, "its launcher");
    struct entry archive = find_entry(&dist, ARCHIVE_ENTRY);
    check_range(&dist, archive, "its runtime");
    check_glibc(&record);

    snprintf(number, sizeof number, "%d", dist.fd);
    setenv(FD_VARIABLE, number, 1);
    list_places(&places, &dist);
    for (int i = 0; i < places.count; i++) {
        struct place *place = &places.list[i];
        become(place, &record, argv);
        place->refusal = place->refusal ? place->refusal : unpack_runtime(place, &record, &dist, archive);
        if (!place->refusal) {
            become(place, &record, argv);
        }
    }
    none_left(&places);
}
