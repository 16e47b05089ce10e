// Where the runtime may live on a stranger's machine: the same list, tried in the same way and refused in the same
// words, as runtime/launch/places.py has for the engine.
#ifndef PANNIER_PLACES_H
#define PANNIER_PLACES_H

#include "dist.h"

#include <limits.h>

#define CACHE_VARIABLE "PANNIER_CACHE_DIR"
#define NO_EXECUTION "forbids running programs (mounted noexec)"

enum { MAX_PLACES = 8 }; // one for each `add` in list_places

struct place {
    char path[PATH_MAX];
    const char *description;
    int among_others;    // others may write beside it: it must prove to be ours alone
    int depth;           // how many folders of its path may be made; a home that does not exist is not ours to make
    const char *refusal; // why it is not used; NULL so far
};

struct places {
    struct place list[MAX_PLACES];
    int count;
};

void list_places(struct places *places, const struct dist *dist);

// Whether what lies in `place` can only come from this user, or from whom they named.
int is_trusted(const struct place *place);

// Make the place, write a page there and map it as code. NULL if it can be used, else why not.
const char *make_usable(const struct place *place);

// Say that no place is left, with every reason, and end the program.
_Noreturn void none_left(const struct places *places);

#endif
