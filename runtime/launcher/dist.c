#include "dist.h"

#include "crc.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL = 1 << 16, // the end records and the archive comment lie within
    MAX_DIRECTORY = 64 << 20,
    CHUNK = 1 << 18,
    END = 22,
    LOCATOR64 = 20,
    END64 = 56,
    CENTRAL = 46,
    LOCAL = 30,
    ZIP64_ID = 1,
};
#define LIMIT32 0xFFFFFFFFu

static uint16_t u16(const unsigned char *at) { return (uint16_t) (at[0] | at[1] << 8); }
static uint32_t u32(const unsigned char *at) { return u16(at) | (uint32_t) u16(at + 2) << 16; }
static uint64_t u64(const unsigned char *at) { return u32(at) | (uint64_t) u32(at + 4) << 32; }

static _Noreturn void damaged(const struct dist *dist, const char *problem) {
    fail(DAMAGED, GET_AGAIN, "%s is damaged: %s.", dist->name, problem);
}

void read_at(const struct dist *dist, void *into, uint64_t size, uint64_t offset) {
    unsigned char *at = into;
    while (size) {
        ssize_t got = pread(dist->fd, at, size, (off_t) offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            fail(SURROUNDINGS, "Copy it to another disk.", "%s cannot be read (%s).", dist->name, strerror(errno));
        }
        if (got == 0) {
            damaged(dist, "it ends too early");
        }
        at += got;
        offset += (uint64_t) got;
        size -= (uint64_t) got;
    }
}

// Find the end records in the file's last bytes, and through them the central directory.
void open_own(struct dist *dist) {
    static unsigned char tail[TAIL];
    ssize_t length = readlink("/proc/self/exe", dist->name, sizeof dist->name - 1);
    if (length <= 0) {
        fail(SURROUNDINGS, "Mount it: mount -t proc proc /proc", "This program needs /proc, which is not mounted.");
    }
    dist->name[length] = 0;
    int opened = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    // Handed on across exec, and never as one of the three standard streams.
    dist->fd = opened < 0 ? -1 : fcntl(opened, F_DUPFD, 3);
    struct stat found;
    if (dist->fd < 0 || fstat(dist->fd, &found) < 0) {
        fail(SURROUNDINGS, "Let it be read: chmod +r FILE.", "%s cannot be read (%s).", dist->name, strerror(errno));
    }
    close(opened);
    dist->size = (uint64_t) found.st_size;

    uint64_t span = dist->size < TAIL ? dist->size : TAIL, start = dist->size - span;
    read_at(dist, tail, span, start);
    int64_t at = (int64_t) span - END;
    while (at >= 0 && !(u32(tail + at) == 0x06054B50 && at + END + u16(tail + at + 20) == (int64_t) span)) {
        at--;
    }
    if (at < 0) {
        damaged(dist, "its end is missing, so it was not copied completely");
    }
    uint64_t size = u32(tail + at + 12), offset = u32(tail + at + 16);
    if (at >= LOCATOR64 && u32(tail + at - LOCATOR64) == 0x07064B50) {
        unsigned char end64[END64];
        uint64_t where = u64(tail + at - LOCATOR64 + 8);
        if (where > dist->size - END64) {
            damaged(dist, "its end records are garbled");
        }
        read_at(dist, end64, END64, where);
        if (u32(end64) != 0x06064B50) {
            damaged(dist, "its end records are garbled");
        }
        size = u64(end64 + 40);
        offset = u64(end64 + 48);
    }
    if (size > MAX_DIRECTORY || offset > dist->size || size > dist->size - offset) {
        damaged(dist, "its directory lies outside of it");
    }
    dist->directory_size = size;
    dist->directory = malloc(size + 1);
    if (!dist->directory) {
        fail(SURROUNDINGS, "Close other programs.", "There is no memory left.");
    }
    read_at(dist, dist->directory, size, offset);
}

// Offsets that do not fit in 32 bits stand in the ZIP64 field, after the sizes that do not (an entry of ours has none).
static uint64_t wide_offset(const unsigned char *extra, uint64_t size) {
    for (uint64_t at = 0; at + 4 <= size; at += 4u + u16(extra + at + 2)) {
        if (u16(extra + at) == ZIP64_ID && u16(extra + at + 2) >= 8 && at + 12 <= size) {
            return u64(extra + at + 4);
        }
    }
    return LIMIT32;
}

struct entry find_entry(const struct dist *dist, const char *name) {
    const unsigned char *end = dist->directory + dist->directory_size;
    for (const unsigned char *at = dist->directory; end - at >= CENTRAL && u32(at) == 0x02014B50;) {
        uint64_t name_size = u16(at + 28), extra_size = u16(at + 30), comment_size = u16(at + 32);
        uint64_t whole = CENTRAL + name_size + extra_size + comment_size;
        if (whole > (uint64_t) (end - at)) {
            break;
        }
        if (name_size == strlen(name) && memcmp(at + CENTRAL, name, name_size) == 0) {
            struct entry found = {u32(at + 42), u32(at + 24), u32(at + 16)};
            if (found.offset == LIMIT32) {
                found.offset = wide_offset(at + CENTRAL + name_size, extra_size);
            }
            unsigned char local[LOCAL];
            if (found.offset > dist->size - LOCAL) {
                damaged(dist, "its directory points outside of it");
            }
            read_at(dist, local, LOCAL, found.offset);
            if (u32(local) != 0x04034B50) {
                damaged(dist, "an entry is not where the directory says");
            }
            found.offset += LOCAL + u16(local + 26) + u16(local + 28);
            if (found.offset > dist->size || found.size > dist->size - found.offset) {
                damaged(dist, "an entry lies outside of it");
            }
            return found;
        }
        at += whole;
    }
    fail(DAMAGED, GET_AGAIN, "%s is damaged: it has no %s.", dist->name, name);
}

void check_range(const struct dist *dist, struct entry range, const char *what) {
    static unsigned char buffer[CHUNK];
    uint32_t crc = CRC_START;
    for (uint64_t done = 0; done < range.size;) {
        uint64_t part = range.size - done < CHUNK ? range.size - done : CHUNK;
        read_at(dist, buffer, part, range.offset + done);
        crc = crc_of(crc, buffer, part);
        done += part;
    }
    if (~crc != range.crc32) {
        fail(DAMAGED, GET_AGAIN, "%s is damaged: %s is not what it was (its checksum is wrong).", dist->name, what);
    }
}
