#include "glibc.h"

#include "say.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// The C library lies beside the loader it belongs to, wherever the system keeps both.
static int library_path(const char *loader, char path[PATH_MAX]) {
    if (!realpath(loader, path)) {
        return 0;
    }
    char *slash = strrchr(path, '/');
    return snprintf(slash + 1, (size_t) (PATH_MAX - (slash + 1 - path)), "libc.so.6") == 9;
}

// Where an address of the loaded library lies in its file; 0 if nowhere.
static uint64_t in_file(const Elf64_Ehdr *head, const Elf64_Phdr *segments, uint64_t address) {
    for (int i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *s = &segments[i];
        if (s->p_type == PT_LOAD && address >= s->p_vaddr && address - s->p_vaddr < s->p_filesz) {
            return s->p_offset + (address - s->p_vaddr);
        }
    }
    return 0;
}

// The newest GLIBC_major.minor among the versions a library defines. 0 where it cannot be read: the loader decides.
static int newest_version(const unsigned char *data, uint64_t size, unsigned *major, unsigned *minor) {
    const Elf64_Ehdr *head = (const void *) data;
    if (size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_phoff > size || head->e_phnum * sizeof(Elf64_Phdr) > size - head->e_phoff) {
        return 0;
    }
    const Elf64_Phdr *segments = (const void *) (data + head->e_phoff);
    uint64_t table = 0, strings = 0, count = 0;
    for (int i = 0; i < head->e_phnum; i++) {
        if (segments[i].p_type != PT_DYNAMIC || segments[i].p_offset > size ||
            segments[i].p_filesz > size - segments[i].p_offset) {
            continue;
        }
        const Elf64_Dyn *entry = (const void *) (data + segments[i].p_offset);
        for (uint64_t left = segments[i].p_filesz / sizeof *entry; left && entry->d_tag != DT_NULL; left--, entry++) {
            table = entry->d_tag == DT_VERDEF ? in_file(head, segments, entry->d_un.d_ptr) : table;
            strings = entry->d_tag == DT_STRTAB ? in_file(head, segments, entry->d_un.d_ptr) : strings;
            count = entry->d_tag == DT_VERDEFNUM ? entry->d_un.d_val : count;
        }
    }
    int found = 0;
    for (uint64_t at = table; table && strings && count && at < size - sizeof(Elf64_Verdef); count--) {
        const Elf64_Verdef *definition = (const void *) (data + at);
        uint64_t name_at = at + definition->vd_aux;
        unsigned a, b;
        if (name_at < size - sizeof(Elf64_Verdaux)) {
            uint64_t name = strings + ((const Elf64_Verdaux *) (data + name_at))->vda_name;
            if (name < size - 32 && sscanf((const char *) data + name, "GLIBC_%u.%u", &a, &b) == 2 &&
                (!found || a > *major || (a == *major && b > *minor))) {
                *major = a, *minor = b, found = 1;
            }
        }
        if (!definition->vd_next) {
            break;
        }
        at += definition->vd_next;
    }
    return found;
}

void check_glibc(const struct record *record) {
    char path[PATH_MAX];
    const char *remedy = "Use a newer system, or a file that was built for older ones.";
    if (access(record->loader, F_OK) != 0) {
        fail(CANNOT_RUN, remedy, "This program needs a Linux with glibc %u.%u or newer; this system has no %s.",
             record->glibc_major, record->glibc_minor, record->loader);
    }
    if (!library_path(record->loader, path)) {
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat found;
    if (fd < 0 || fstat(fd, &found) < 0 || found.st_size < 4096) {
        return;
    }
    void *data = mmap(NULL, (size_t) found.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    unsigned major = 0, minor = 0;
    if (data != MAP_FAILED && newest_version(data, (uint64_t) found.st_size, &major, &minor) &&
        (major < record->glibc_major || (major == record->glibc_major && minor < record->glibc_minor))) {
        fail(CANNOT_RUN, remedy, "This program needs glibc %u.%u or newer; this system has %u.%u.", record->glibc_major,
             record->glibc_minor, major, minor);
    }
    close(fd);
}
