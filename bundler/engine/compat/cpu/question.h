// What llama.cpp asks for: queries, the cells of the cache, and the mask that says who sees which.
#pragma once

#include "ggml-cpu.h"
#include "ggml-cpu-impl.h"
#include "ggml-impl.h"
#include "tiles.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

using tiles::LANES;

constexpr int TILE = 64;     // cells looked at together
constexpr int LONGEST = 256;  // of keys and values
constexpr int LINE = 64;      // bytes of a processor's cache that come and go together
constexpr uint16_t HIDDEN = 0xFC00;  // minus infinity, as the mask has it

using Reader = void (*)(const void * from, float * to, int64_t count);

void read_halves(const void * from, float * to, int64_t count) {
    ggml_cpu_fp16_to_fp32(static_cast<const ggml_fp16_t *>(from), to, count);
}

void read_floats(const void * from, float * to, int64_t count) {
    std::memcpy(to, from, count * sizeof *to);
}

Reader reader_of(ggml_type type) {
    if (type == GGML_TYPE_F16) return read_halves;
    if (type == GGML_TYPE_F32) return read_floats;
    return ggml_get_type_traits(type)->to_float;
}

// Keys or values of one head.
struct Cells {
    const char * at;
    size_t pitch, bytes;
    Reader read;
    int width;

    Cells(const ggml_tensor * tensor) :
        at(static_cast<const char *>(tensor->data)), pitch(tensor->nb[1]),
        bytes(ggml_row_size(tensor->type, tensor->ne[0])), read(reader_of(tensor->type)), width(tensor->ne[0]) {}

    Cells of(const ggml_tensor * tensor, int head, int stream) const {
        Cells one = *this;
        one.at += head * tensor->nb[2] + stream * tensor->nb[3];
        return one;
    }

    void into(float * to, int cell) const { read(at + cell * pitch, to, width); }

    // Have the cell's bytes brought near while there is something else to do.
    void fetch(int cell) const {
        for (size_t line = 0; line < bytes; line += LINE) __builtin_prefetch(at + cell * pitch + line);
    }
};

// What llama.cpp asks for, in one place. A row is a token of this step; heads: of queries; sharing: of them, those that
// read the same keys.
struct Question {
    const ggml_tensor *q, *k, *v, *mask, *sinks;
    ggml_tensor * dst;
    int keys_wide, values_wide, rows, heads, sharing, key_heads, streams, cells;
    Cells first_keys, first_values;  // of the first head
    float scale, softcap;

    explicit Question(ggml_tensor * dst) :
        q(dst->src[0]), k(dst->src[1]), v(dst->src[2]), mask(dst->src[3]), sinks(dst->src[4]), dst(dst),
        keys_wide(k->ne[0]), values_wide(v->ne[0]), rows(q->ne[1]), heads(q->ne[2]), sharing(q->ne[2] / k->ne[2]),
        key_heads(k->ne[2]), streams(q->ne[3]), cells(k->ne[1]), first_keys(k), first_values(v) {
        std::memcpy(&scale, dst->op_params, sizeof scale);
        std::memcpy(&softcap, dst->op_params + 2, sizeof softcap);
        if (softcap != 0.0f) scale /= softcap;
    }

    // Whether it is a usual one, which is answered here.
    bool is_usual() const {
        float slope;
        std::memcpy(&slope, dst->op_params + 1, sizeof slope);
        return slope == 0.0f && q->type == GGML_TYPE_F32 && first_keys.read && first_values.read && rows > 0
            && (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1)) && k->ne[2] == v->ne[2] && sharing <= TILE
            && heads == sharing * key_heads && k->ne[3] == streams && v->ne[3] == streams
            && keys_wide % LANES == 0 && values_wide % LANES == 0 && std::max(keys_wide, values_wide) <= LONGEST
            && q->nb[0] == sizeof(float) && k->nb[0] == ggml_type_size(k->type) && v->nb[0] == ggml_type_size(v->type);
    }

    const float * query(int row, int head, int stream) const {
        const size_t place = row * q->nb[1] + head * q->nb[2] + stream * q->nb[3];
        return reinterpret_cast<const float *>(static_cast<const char *>(q->data) + place);
    }

    const uint16_t * mask_of(int row, int stream) const {
        if (!mask) return nullptr;
        const size_t place = row * mask->nb[1] + stream % mask->ne[3] * mask->nb[3];
        return reinterpret_cast<const uint16_t *>(static_cast<const char *>(mask->data) + place);
    }

    // A score that takes its share of attention and gives no value; null where a model has none.
    const float * sink(int head) const { return sinks ? static_cast<const float *>(sinks->data) + head : nullptr; }

    Cells keys(int head, int stream) const { return first_keys.of(k, head, stream); }
    Cells values(int head, int stream) const { return first_values.of(v, head, stream); }

    float * answer(int row, int head, int stream) const {
        const int64_t place = (static_cast<int64_t>(stream) * dst->ne[2] + row) * dst->ne[1] + head;
        return reinterpret_cast<float *>(static_cast<char *>(dst->data) + place * dst->nb[1]);
    }
};

// Which of 64 cells a row sees, a bit each; and whether the mask says more than that.
struct Sight {
    uint64_t cells;
    bool is_graded;
};

// So many of 64 as it takes for all, the last perhaps not full.
int tiles_in(int count) {
    return (count + TILE - 1) / TILE;
}

uint64_t all_of(int count) {
    return count < TILE ? (uint64_t{1} << count) - 1 : ~uint64_t{0};
}

Sight sight_of(const uint16_t * mask, int count) {
    if (!mask) return {all_of(count), false};
    uint64_t seen = 0, plain = 0;
    int at = 0;
#if defined(__SSE2__)
    const __m128i hidden = _mm_set1_epi16(static_cast<short>(HIDDEN));
    for (; at + 16 <= count; at += 16) {
        const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i *>(mask + at));
        const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i *>(mask + at + 8));
        const __m128i away = _mm_packs_epi16(_mm_cmpeq_epi16(low, hidden), _mm_cmpeq_epi16(high, hidden));
        const __m128i zero = _mm_packs_epi16(_mm_cmpeq_epi16(low, __m128i{}), _mm_cmpeq_epi16(high, __m128i{}));
        seen |= static_cast<uint64_t>(~_mm_movemask_epi8(away) & 0xFFFF) << at;
        plain |= static_cast<uint64_t>(_mm_movemask_epi8(zero)) << at;
    }
#endif
    for (; at < count; at++) {
        seen |= static_cast<uint64_t>(mask[at] != HIDDEN) << at;
        plain |= static_cast<uint64_t>(mask[at] == 0) << at;
    }
    return {seen, (seen & ~plain) != 0};
}

// A row's sight of the tile that begins at `cell`.
Sight sight_of(const Question & asked, int row, int stream, int cell) {
    const uint16_t * mask = asked.mask_of(row, stream);
    return sight_of(mask ? mask + cell : nullptr, std::min(TILE, asked.cells - cell));
}

int whole_lanes(int count) {
    return (count + LANES - 1) / LANES * LANES;
}

int count_of(uint64_t cells) {
    return __builtin_popcountll(cells);
}

// Of a tile's cells, so many from the `first` on.
struct Stretch {
    int first, count;
};

// From the first cell to the last, at least one.
Stretch stretch_of(uint64_t cells) {
    const int first = __builtin_ctzll(cells);
    return {first, TILE - __builtin_clzll(cells) - first};
}

// The first so many of the cells, at least one.
uint64_t lowest(uint64_t cells, int count) {
    uint64_t others = cells;
    for (; count > 0 && others; count--) others &= others - 1;
    return cells ^ others;
}

// Which of some places are cells: bits of the places alone, side by side. Mostly all are, or none.
uint64_t side_by_side(uint64_t cells, uint64_t places) {
    if ((cells & places) == places) return all_of(count_of(places));
    uint64_t found = 0;
    for (int at = 0; cells & places; at++, places &= places - 1)
        found |= static_cast<uint64_t>((cells & places & -places) != 0) << at;
    return found;
}

// Those of the cells that come as number `first` to `last` (not included).
uint64_t between(uint64_t cells, int64_t first, int64_t last) {
    uint64_t kept = 0;
    for (int64_t number = 0; cells; number++, cells &= cells - 1)
        if (number >= first && number < last) kept |= cells & -cells;
    return kept;
}

}  // namespace
