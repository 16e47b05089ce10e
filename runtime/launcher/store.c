#define _GNU_SOURCE
#include "store.h"

#include "crc.h"
#include "say.h"
#include "tree.h"
#include "zstream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define STATE "state" // a boot's number, or
#define SOUND "sound" // compared after another boot

enum {
    STATE_SIZE = 64,
    BLOCK = 512, // of a tar archive
    CHUNK = 1 << 18,
    WAITS = 1000, // times 20 ms: how long a start waits for another one that unpacks the same
    WAIT_NS = 20 * 1000 * 1000,
    TRIES = 5,
};

static void name_of(const struct record *record, char name[64]) { snprintf(name, 64, FINISHED "%s", record->id); }

static int is_whole(int folder, const struct record *record) {
    for (unsigned i = 0; i < record->count; i++) {
        struct stat found;
        if (fstatat(folder, record->files[i].path, &found, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(found.st_mode) ||
            (uint64_t) found.st_size != record->files[i].size) {
            return 0;
        }
    }
    return 1;
}

// The running boot's number, the same until the machine starts anew; "" if the system does not tell.
static const char *boot(void) {
    static char id[STATE_SIZE];
    int fd = *id ? -1 : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, id, sizeof id - 1);
    if (fd >= 0) {
        close(fd);
        id[length > 0 ? length : 0] = 0;
        id[strcspn(id, "\n")] = 0;
    }
    return id;
}

static void read_state(int folder, char state[STATE_SIZE]) {
    int fd = openat(folder, STATE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, state, STATE_SIZE - 1);
    state[length > 0 ? length : 0] = 0;
    if (fd >= 0) {
        close(fd);
    }
}

// Where the folder cannot be written it stays as it is: then every start compares.
static void write_state(int folder, const char *state) {
    char hidden[64];
    snprintf(hidden, sizeof hidden, "." STATE "-%d", (int) getpid());
    int fd = openat(folder, hidden, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0) {
        int written = write(fd, state, strlen(state)) == (ssize_t) strlen(state);
        close(fd);
        if (!written || renameat(folder, hidden, folder, STATE) != 0) {
            unlinkat(folder, hidden, 0);
        }
    }
}

static int has_content(int folder, const struct packed_file *file) {
    static unsigned char buffer[CHUNK];
    int fd = openat(folder, file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint32_t crc = CRC_START;
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && (got = read(fd, buffer, sizeof buffer)) > 0) {
        crc = crc_of(crc, buffer, (uint64_t) got);
    }
    if (fd >= 0) {
        close(fd);
    }
    return got == 0 && ~crc == file->crc32;
}

// Whether the content is what was unpacked: known from this boot, or from an earlier comparison, or compared now.
static int is_sound(int folder, const struct record *record) {
    char state[STATE_SIZE];
    read_state(folder, state);
    if (strcmp(state, SOUND) == 0 || (*state && strcmp(state, boot()) == 0)) {
        return 1;
    }
    for (unsigned i = 0; i < record->count; i++) {
        if (!has_content(folder, &record->files[i])) {
            return 0;
        }
    }
    // Only what was written at another boot was surely read from the disk.
    write_state(folder, *state ? SOUND : boot());
    return 1;
}

int find_runtime(const struct place *place, const struct record *record) {
    char path[PATH_MAX + 64], name[64];
    name_of(record, name);
    snprintf(path, sizeof path, "%s/%s", place->path, name);
    if (!is_trusted(place)) {
        return -1;
    }
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int folder = opened < 0 ? -1 : fcntl(opened, F_DUPFD, 3); // stays open across exec
    if (opened >= 0) {
        close(opened);
    }
    struct stat ours, present;
    if (folder < 0) {
        return -1;
    }
    // A sweep holds the lock only until it has renamed the folder. Where there are no locks there is no sweep either.
    for (int i = 0; flock(folder, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK && i < TRIES; i++) {
        nanosleep(&(struct timespec) {0, WAIT_NS}, NULL);
    }
    if (fstat(folder, &ours) == 0 && lstat(path, &present) == 0 && ours.st_ino == present.st_ino &&
        ours.st_dev == present.st_dev && is_whole(folder, record) && is_sound(folder, record)) {
        futimens(folder, NULL); // "used today"
        return folder;
    }
    close(folder);
    return -1;
}

// Make the folders above a file.
static int make_parents(int folder, const char *path) {
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    for (char *slash = strchr(parent, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdirat(folder, parent, 0700) != 0 && errno != EEXIST) {
            return -1;
        }
        *slash = '/';
    }
    return 0;
}

static int write_all(int fd, const unsigned char *data, uint64_t size) {
    while (size) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            errno = done ? errno : ENOSPC;
            return -1;
        }
        data += done;
        size -= (uint64_t) done;
    }
    return 0;
}

// The next member of the archive, which must be the file the record names. A tar header has all as text.
static int unpack_file(int folder, const struct packed_file *file, struct zstream *stream, const struct dist *dist) {
    static unsigned char buffer[CHUNK];
    unsigned char header[BLOCK];
    char path[300];
    zstream_read(stream, header, BLOCK);
    snprintf(path, sizeof path, "%.155s%s%.100s", (char *) header + 345, header[345] ? "/" : "", (char *) header);
    header[BLOCK - 1] = header[107] = header[135] = 0;
    if (header[156] != '0' || strcmp(path, file->path) != 0 || strtoull((char *) header + 124, NULL, 8) != file->size) {
        fail(DAMAGED, GET_AGAIN, "%s is damaged: its runtime is not the one it names (%s).", dist->name, file->path);
    }
    mode_t mode = strtoul((char *) header + 100, NULL, 8) & 0111 ? 0755 : 0644;
    if (make_parents(folder, path) != 0) {
        return -1;
    }
    int fd = openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return -1;
    }
    int result = 0;
    for (uint64_t left = file->size; left && result == 0;) {
        uint64_t part = left < CHUNK ? left : CHUNK;
        zstream_read(stream, buffer, part);
        result = write_all(fd, buffer, part);
        left -= part;
    }
    int error = errno;
    if (close(fd) != 0 && result == 0) { // a quota may speak up only here
        return -1;
    }
    errno = error;
    if (result == 0 && file->size % BLOCK) {
        zstream_read(stream, buffer, BLOCK - file->size % BLOCK);
    }
    return result;
}

static int unpack_into(int folder, const struct record *record, const struct dist *dist, struct entry archive) {
    struct zstream *stream = zstream_open(dist, archive);
    for (unsigned i = 0; i < record->count; i++) {
        if (unpack_file(folder, &record->files[i], stream, dist) != 0) {
            return -1;
        }
    }
    zstream_finish(stream);
    write_state(folder, boot());
    return 0;
}

// A new temporary folder, locked. A sweep may take it between its birth and its lock: then another.
static int make_temporary(int place, char name[64]) {
    for (int i = 0; i < TRIES; i++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(name, 64, TEMPORARY "%d-%lx", (int) getpid(), (unsigned long) now.tv_nsec);
        if (mkdirat(place, name, 0700) != 0) {
            if (errno != EEXIST) {
                return -1;
            }
            continue;
        }
        int folder = open_alone(place, name);
        if (folder >= 0) {
            return folder;
        }
        folder = openat(place, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder >= 0 && flock(folder, LOCK_EX | LOCK_NB) != 0 && errno != EWOULDBLOCK) {
            return folder; // no locks here
        }
        if (folder >= 0) {
            close(folder);
        }
    }
    errno = EBUSY;
    return -1;
}

// Give the finished folder its name; what is there and not whole is put aside first.
static int publish(int place, const char *temporary, const char *name) {
    char aside[96];
    for (int i = 0; i < TRIES; i++) {
        if (renameat(place, temporary, place, name) == 0) {
            return 0;
        }
        if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR) {
            return -1;
        }
        snprintf(aside, sizeof aside, ".%s-%d-%d", name, (int) getpid(), i);
        if (renameat(place, name, place, aside) == 0) {
            remove_tree(place, aside);
        }
    }
    return -1;
}

// Whether it is clear without trying: a place that stays full shall not be filled and emptied at every start.
static int is_too_full(int folder, const struct record *record) {
    struct statvfs found;
    uint64_t needed = 0;
    for (unsigned i = 0; i < record->count; i++) {
        needed += record->files[i].size;
    }
    int full = fstatvfs(folder, &found) == 0 && (uint64_t) found.f_bavail * found.f_frsize < needed;
    errno = full ? ENOSPC : errno;
    return full;
}

static int is_there(const struct place *place, const struct record *record) {
    int folder = find_runtime(place, record);
    if (folder >= 0) {
        close(folder);
    }
    return folder >= 0;
}

// One start at a time unpacks in a place, the others wait for it. This saves work and is never what makes it right: who
// waits too long, or has no locks, unpacks as well, and the rename decides.
static int wait_for_turn(int folder, const struct place *place, const struct record *record) {
    for (int i = 0; i < WAITS && flock(folder, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; i++) {
        nanosleep(&(struct timespec) {0, WAIT_NS}, NULL);
        if (is_there(place, record)) {
            return 1;
        }
    }
    return is_there(place, record);
}

const char *unpack_runtime(const struct place *place, const struct record *record, const struct dist *dist,
                           struct entry archive) {
    char name[64], temporary[64];
    name_of(record, name);
    const char *reason = make_usable(place);
    int parent = reason ? -1 : open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) {
        return reason ? reason : in_words(errno);
    }
    if (!wait_for_turn(parent, place, record)) {
        sweep(parent);
        int folder = is_too_full(parent, record) ? -1 : make_temporary(parent, temporary);
        if (folder < 0 || unpack_into(folder, record, dist, archive) != 0) {
            reason = in_words(errno);
        } else {
            flock(folder, LOCK_SH); // before it has its name: no start shall wait for us
            if (publish(parent, temporary, name) != 0 && !is_there(place, record)) {
                reason = in_words(errno);
            }
        }
        if (folder >= 0) {
            remove_tree(parent, temporary);
            close(folder);
        }
    }
    close(parent);
    return reason;
}
