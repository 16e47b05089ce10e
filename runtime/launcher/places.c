#include "places.h"

#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define APP "pannier"
enum { PAGE = 4096 };

static void add(struct places *places, const char *description, int among_others, int depth, const char *folder,
                const char *inside) {
    struct place *place = &places->list[places->count];
    int length = snprintf(place->path, sizeof place->path, "%s%s", folder, inside);
    if (length < 0 || length >= (int) sizeof place->path - 100) {
        return; // room is kept for the names inside
    }
    for (int i = 0; i < places->count; i++) {
        if (strcmp(places->list[i].path, place->path) == 0) {
            return;
        }
    }
    place->description = description;
    place->among_others = among_others;
    place->depth = depth;
    places->count++;
}

// The variable's value if it is an absolute path, else NULL.
static const char *absolute(const char *variable) {
    const char *value = getenv(variable);
    return value && *value == '/' ? value : NULL;
}

static const char *home(void) {
    const char *named = getenv("HOME");
    if (!named || !*named) {
        struct passwd *user = getpwuid(getuid());
        named = user ? user->pw_dir : NULL;
    }
    return named && *named == '/' ? named : NULL;
}

void list_places(struct places *places, const struct dist *dist) {
    char own[32], folder[PATH_MAX];
    const char *named = getenv(CACHE_VARIABLE);
    if (named && *named == '/') {
        add(places, "set by " CACHE_VARIABLE, 0, 16, named, "");
    } else if (named && *named && getcwd(folder, sizeof folder - strlen(named) - 2)) {
        strcat(strcat(folder, "/"), named);
        add(places, "set by " CACHE_VARIABLE, 0, 16, folder, "");
    }
    if (absolute("XDG_CACHE_HOME")) {
        add(places, "the user's cache", 0, 3, absolute("XDG_CACHE_HOME"), "/" APP "/runtime");
    } else if (home()) {
        add(places, "the user's cache", 0, 3, home(), "/.cache/" APP "/runtime");
    }
    if (absolute("XDG_RUNTIME_DIR")) {
        add(places, "the session's folder", 1, 1, absolute("XDG_RUNTIME_DIR"), "/" APP);
    }
    snprintf(own, sizeof own, "/" APP "-%u", (unsigned) geteuid());
    const char *shared[] = {absolute("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        if (shared[i]) {
            add(places, i < 3 ? "temp folder" : "shared memory", 1, 1, shared[i], own);
        }
    }
    char *slash = strrchr(strcpy(folder, dist->name), '/');
    if (slash && slash != folder) {
        *slash = 0;
        snprintf(own, sizeof own, "/." APP "-%u", (unsigned) geteuid());
        add(places, "beside this file", 1, 1, folder, own);
    }
}

int is_trusted(const struct place *place) {
    struct stat found;
    if (!place->among_others) {
        return 1;
    }
    return lstat(place->path, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
           !(found.st_mode & 022);
}

// Make a private folder and at most `depth - 1` above it. 0, or -1 with errno set.
static int make_folder(const char *path, int depth) {
    char parent[PATH_MAX];
    char *slash = strrchr(strcpy(parent, path), '/');
    if (depth > 1 && slash && slash != parent) {
        *slash = 0;
        if (access(parent, F_OK) != 0 && make_folder(parent, depth - 1) != 0) {
            return -1;
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

// Permission bits would lie to root and say nothing of mounts: really write, and really map as code.
static const char *write_and_map(const char *folder) {
    static const unsigned char page[PAGE];
    char trial[PATH_MAX + 64];
    snprintf(trial, sizeof trial, "%s/.trial-%d-launcher", folder, (int) getpid());
    unlink(trial); // of a killed start that had our number
    int fd = open(trial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (fd < 0) {
        return in_words(errno);
    }
    const char *reason = NULL;
    errno = ENOSPC; // what a short write means
    if (write(fd, page, PAGE) != PAGE) {
        reason = in_words(errno);
    } else if (mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) {
        reason = NO_EXECUTION;
    }
    close(fd);
    unlink(trial);
    return reason;
}

const char *make_usable(const struct place *place) {
    if (make_folder(place->path, place->depth) != 0) {
        return in_words(errno);
    }
    return is_trusted(place) ? write_and_map(place->path) : "belongs to somebody else or may be written to by others";
}

_Noreturn void none_left(const struct places *places) {
    static char reasons[16 * PATH_MAX];
    size_t length = 0;
    for (int i = 0; i < places->count && length < sizeof reasons - 2 * PATH_MAX; i++) {
        const struct place *place = &places->list[i];
        length += (size_t) sprintf(reasons + length, "%s%s (%s) %s", i ? "; " : "", place->path, place->description,
                                   place->refusal ? place->refusal : "could not be kept");
    }
    fail(SURROUNDINGS,
         "Set " CACHE_VARIABLE " to a folder this user may write to and run programs from, with 60 MB free.",
         "There is no folder to unpack the program into: %s.", reasons);
}
