#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(enum exit_code code, const char *remedy, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n%s\n", remedy);
    exit(code);
}

const char *in_words(int error) {
    switch (error) {
    case ENOSPC:
        return "is full";
    case EDQUOT:
        return "is full (the user's quota)";
    case EROFS:
        return "is read-only";
    case EACCES:
    case EPERM:
        return "may not be written to";
    case ENOENT:
    case ENOTDIR:
        return "does not exist";
    case EIO:
        return "cannot be read or written (a hardware error)";
    default:
        return strerror(error);
    }
}
