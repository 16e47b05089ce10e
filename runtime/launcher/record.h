// `runtime.txt`: what the launcher must know of the runtime in the file. Written by bundler/launcher/describe.py.
//
//     pannier-runtime 1
//     id 0123456789abcdef0123456789abcdef     names the folder in the cache; stands for the content of all files
//     stub 123456 89abcdef                    size and CRC-32 of the launcher itself
//     program runtime                         what is executed in the folder
//     loader /lib64/ld-linux-x86-64.so.2      the system's loader of programs that the runtime asks for
//     glibc 2.35                              the oldest glibc the runtime starts on
//     file 1234 89abcdef _internal/base_library.zip    for each file, in the archive's order: size, CRC-32, path
#ifndef PANNIER_RECORD_H
#define PANNIER_RECORD_H

#include "dist.h"

enum { MAX_FILES = 4096 };

struct packed_file {
    uint64_t size;
    uint32_t crc32;
    const char *path;
};

struct record {
    const char *id;
    struct entry stub;
    const char *program;
    const char *loader;
    unsigned glibc_major, glibc_minor;
    unsigned count;
    struct packed_file files[MAX_FILES];
};

// Read the record, checked. Ends the program where it is not whole or of a version this launcher does not know.
void read_record(const struct dist *dist, struct record *record);

#endif
