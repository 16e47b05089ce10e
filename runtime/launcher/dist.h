// The file that is running, read as the ZIP archive it is (docs/format.md). Only what the launcher needs of it: where
// an entry's bytes lie, and whether they are what the directory says.
#ifndef PANNIER_DIST_H
#define PANNIER_DIST_H

#include <stdint.h>

struct dist {
    int fd;            // open for reading; handed on to the runtime
    uint64_t size;     // of the whole file
    char name[4096];   // for people
    unsigned char *directory;
    uint64_t directory_size;
};

struct entry {
    uint64_t offset;
    uint64_t size;
    uint32_t crc32;
};

// Open the running file and read its directory. Ends the program where the file is not whole.
void open_own(struct dist *dist);

// Where the entry lies. Ends the program where there is none.
struct entry find_entry(const struct dist *dist, const char *name);

// Read exactly `size` bytes at `offset`. Ends the program where they cannot be had.
void read_at(const struct dist *dist, void *into, uint64_t size, uint64_t offset);

// Compare a range's CRC-32 with what it should be. Ends the program where it differs; `what` names the range.
void check_range(const struct dist *dist, struct entry range, const char *what);

#endif
