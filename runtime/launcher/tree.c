#define _GNU_SOURCE
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_DAYS = 60, DAY = 86400 };

void remove_tree(int parent, const char *name) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        unlinkat(parent, name, 0);
        return;
    }
    for (struct dirent *found; (found = readdir(folder));) {
        if (strcmp(found->d_name, ".") != 0 && strcmp(found->d_name, "..") != 0) {
            if (unlinkat(fd, found->d_name, 0) != 0) {
                remove_tree(fd, found->d_name);
            }
        }
    }
    closedir(folder);
    unlinkat(parent, name, AT_REMOVEDIR);
}

int open_alone(int parent, const char *name) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat opened, present;
    // Between our opening and our locking another process may have taken the folder away, or put another in its place.
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &opened) == 0 &&
        fstatat(parent, name, &present, AT_SYMLINK_NOFOLLOW) == 0 && opened.st_ino == present.st_ino &&
        opened.st_dev == present.st_dev) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

// A finished runtime first loses its name, so that a start meets it whole or not at all.
static void sweep_finished(int place, const char *name) {
    struct stat found;
    char doomed[256];
    int fd = open_alone(place, name);
    if (fd >= 0 && fstat(fd, &found) == 0 && time(NULL) - found.st_mtime > (time_t) KEPT_DAYS * DAY) {
        snprintf(doomed, sizeof doomed, ".%.200s-%d", name, (int) getpid());
        if (renameat(place, name, place, doomed) == 0) {
            remove_tree(place, doomed);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

void sweep(int place) {
    int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        return;
    }
    for (struct dirent *found; (found = readdir(folder));) {
        if (strncmp(found->d_name, FINISHED, strlen(FINISHED)) == 0) {
            sweep_finished(place, found->d_name);
        } else if (strncmp(found->d_name, TEMPORARY, strlen(TEMPORARY)) == 0) {
            int left = open_alone(place, found->d_name);
            if (left >= 0) {
                remove_tree(place, found->d_name);
                close(left);
            }
        }
    }
    closedir(folder);
}
