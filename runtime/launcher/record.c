#include "record.h"

#include "say.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_ENTRY "runtime.txt"
#define FIRST_LINE "pannier-runtime 1"
enum { MAX_RECORD = 1 << 20, ID_LENGTH = 32 };

// A path the launcher may write to inside its own folder: relative, and never upwards.
static int is_safe(const char *path) {
    for (const char *part = path;; part++) {
        size_t length = strcspn(part, "/");
        if (!length || (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.')) {
            return 0;
        }
        part += length;
        if (!*part) {
            return 1;
        }
    }
}

static int read_line(struct record *record, char *line) {
    char *value = strchr(line, ' ');
    if (!value) {
        return 0;
    }
    *value++ = 0;
    if (strcmp(line, "file") == 0 && record->count < MAX_FILES) {
        int length = 0;
        struct packed_file *file = &record->files[record->count++];
        if (sscanf(value, "%" SCNu64 " %8" SCNx32 " %n", &file->size, &file->crc32, &length) != 2 || !length) {
            return 0;
        }
        file->path = value + length;
        return is_safe(file->path);
    }
    if (strcmp(line, "id") == 0) {
        record->id = value;
        return strlen(value) == ID_LENGTH && strspn(value, "0123456789abcdef") == ID_LENGTH;
    }
    if (strcmp(line, "stub") == 0) {
        return sscanf(value, "%" SCNu64 " %" SCNx32, &record->stub.size, &record->stub.crc32) == 2;
    }
    if (strcmp(line, "program") == 0) {
        record->program = value;
        return is_safe(value);
    }
    if (strcmp(line, "loader") == 0) {
        record->loader = value;
        return 1;
    }
    if (strcmp(line, "glibc") == 0) {
        return sscanf(value, "%u.%u", &record->glibc_major, &record->glibc_minor) == 2;
    }
    return 0;
}

void read_record(const struct dist *dist, struct record *record) {
    struct entry entry = find_entry(dist, RECORD_ENTRY);
    check_range(dist, entry, RECORD_ENTRY);
    char *text = entry.size < MAX_RECORD ? malloc(entry.size + 1) : NULL;
    if (!text) {
        fail(DAMAGED, GET_AGAIN, "%s is damaged: its " RECORD_ENTRY " is too large.", dist->name);
    }
    read_at(dist, text, entry.size, entry.offset);
    text[entry.size] = 0;
    char *rest = text, *line = strsep(&rest, "\n");
    int sound = strcmp(line, FIRST_LINE) == 0;
    while (sound && (line = strsep(&rest, "\n")) && *line) {
        sound = read_line(record, line);
    }
    if (!sound || !record->id || !record->program || !record->loader || !record->count) {
        fail(DAMAGED, GET_AGAIN, "%s has a " RECORD_ENTRY " that its launcher cannot read.", dist->name);
    }
}
