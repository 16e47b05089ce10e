/* Preloaded into a worker: while `pannier_leaves_pages` is set, files are mapped without filling their page tables.
 *
 * llama.cpp maps a model with MAP_POPULATE, which returns only when every page has been read and entered: seconds for a
 * big model, without a word about how far it got, and on one processor. The worker does the same afterwards, in pieces
 * (runtime/engine/worker/pages.py): beside other work if the file is in memory anyway, else with its progress told.
 *
 * Everything but the flag is passed on as it came. The C library's own calls do not come through here.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

__attribute__((visibility("default"))) volatile int pannier_leaves_pages = 0;

_Static_assert(sizeof(off_t) == 8 && sizeof(long) == 8, "mmap takes its offset in one register");

static void *map(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (pannier_leaves_pages && fd >= 0) flags &= ~MAP_POPULATE;
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

__attribute__((visibility("default"))) void *mmap(void *address, size_t length, int protection, int flags, int fd,
                                                  off_t offset) {
    return map(address, length, protection, flags, fd, offset);
}

__attribute__((visibility("default"))) void *mmap64(void *address, size_t length, int protection, int flags, int fd,
                                                    off_t offset) {
    return map(address, length, protection, flags, fd, offset);
}
