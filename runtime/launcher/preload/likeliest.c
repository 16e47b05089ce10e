/* The likeliest tokens of a vocabulary, best first, as llama.cpp's samplers take them (llama_token_data).
 *
 * llama.cpp writes the whole vocabulary into such a list before it looks at it, for every token drawn; most chains throw
 * all but forty of them away at once. Here a step's logits are read once, and nothing is written but those that stay.
 */
#include <stdint.h>
#include <string.h>

struct candidate {
    int32_t id;
    float logit;
    float probability;
};

typedef float four_floats __attribute__((vector_size(16), aligned(4)));
typedef int32_t four_answers __attribute__((vector_size(16)));

enum { TOGETHER = 16 };

/* Of two alike the first in the vocabulary is taken. */
static int is_worse(const struct candidate *one, const struct candidate *other) {
    return one->logit < other->logit || (one->logit == other->logit && one->id > other->id);
}

/* Lets the candidate at `place` of a heap with the worst on top sink to where it belongs. */
static void sink(struct candidate *heap, int32_t count, int32_t place) {
    const struct candidate moved = heap[place];
    for (int32_t below = 2 * place + 1; below < count; below = 2 * place + 1) {
        if (below + 1 < count && is_worse(&heap[below + 1], &heap[below])) below++;
        if (!is_worse(&heap[below], &moved)) break;
        heap[place] = heap[below];
        place = below;
    }
    heap[place] = moved;
}

static int has_better(const float *logits, float worst) {
    const four_floats bound = {worst, worst, worst, worst};
    four_answers any = {0, 0, 0, 0};
    for (int32_t at = 0; at < TOGETHER; at += 4) {
        four_floats values;
        memcpy(&values, logits + at, sizeof values);
        any |= values > bound;
    }
    return (any[0] | any[1] | any[2] | any[3]) != 0;
}

/* Writes the best `wanted` of `count` logits to `found`; how many they are. */
__attribute__((visibility("default"))) int32_t pannier_likeliest(const float *logits, int32_t count, int32_t wanted,
                                                                 struct candidate *found) {
    if (wanted > count) wanted = count;
    if (wanted < 1) return 0;
    for (int32_t id = 0; id < wanted; id++) found[id] = (struct candidate){id, logits[id], 0.0f};
    for (int32_t place = wanted / 2 - 1; place >= 0; place--) sink(found, wanted, place);
    int32_t id = wanted;
    while (id < count) {
        if (count - id >= TOGETHER && !has_better(logits + id, found->logit)) {
            id += TOGETHER;
            continue;
        }
        for (const int32_t end = count - id < TOGETHER ? count : id + TOGETHER; id < end; id++) {
            if (logits[id] > found->logit) {
                *found = (struct candidate){id, logits[id], 0.0f};
                sink(found, wanted, 0);
            }
        }
    }
    for (int32_t last = wanted - 1; last > 0; last--) {  /* the worst of those that are left goes to the end */
        const struct candidate worst = *found;
        *found = found[last];
        found[last] = worst;
        sink(found, last, 0);
    }
    return wanted;
}
