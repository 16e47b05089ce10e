// What the launcher says: one sentence of what happened, one of what to do next, and the exit code both sides document.
#ifndef PANNIER_SAY_H
#define PANNIER_SAY_H

enum exit_code { DAMAGED = 3, CANNOT_RUN = 4, SURROUNDINGS = 5 };

#define GET_AGAIN "Get the file again."

// Write "error: WHAT" and REMEDY to stderr, and end the program.
_Noreturn void fail(enum exit_code code, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// An error of a folder as the end of a sentence ("is full"), in the same words as runtime/launch/places.py.
const char *in_words(int error);

#endif
