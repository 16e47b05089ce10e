// Attention on processors, for caches that many texts share.
//
// llama.cpp's own looks at every cell of the cache for every query, also at those the mask hides from it, one cell at a
// time: with sixteen texts in one cache fifteen sixteenths of that are for nothing, and a beginning all of them share is
// read sixteen times. Here 64 cells are looked at together with all queries of a few rows and of all heads that read the
// same keys. What many of them see is multiplied as a tile; of what is one row's own a list is kept, until there are 64.
// What nobody sees costs a look at the mask.
//
// A tile is folded into what was seen before as in "Online normalizer calculation for softmax" (arXiv 1805.02867).
// CMake renames llama.cpp's function (project.cmake); what is unusual is left to it.

#include "ggml-cpu.h"
#include "ggml-cpu-impl.h"
#include "ggml-impl.h"
#include "tiles.h"
#include "vec.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

extern "C" {
void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
void pannier_llama_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
}

namespace {

using tiles::LANES;
using tiles::Matrix;

constexpr int TILE = 64;         // cells looked at together, and queries at most; the room llama.cpp plans for is for that
constexpr int FEW = 3;           // so many queries are multiplied with keys as they lie; more are worth turning them
constexpr int LONGEST = 256;     // of keys and values
constexpr int LINE = 64;         // bytes of a processor's cache that come and go together
constexpr int FOR_EACH_THREAD = 4;  // tasks, so that none waits long for another
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
    float scale, softcap;

    explicit Question(ggml_tensor * dst) :
        q(dst->src[0]), k(dst->src[1]), v(dst->src[2]), mask(dst->src[3]), sinks(dst->src[4]), dst(dst),
        keys_wide(k->ne[0]), values_wide(v->ne[0]), rows(q->ne[1]), heads(q->ne[2]), sharing(q->ne[2] / k->ne[2]),
        key_heads(k->ne[2]), streams(q->ne[3]), cells(k->ne[1]) {
        std::memcpy(&scale, dst->op_params, sizeof scale);
        std::memcpy(&softcap, dst->op_params + 2, sizeof softcap);
        if (softcap != 0.0f) scale /= softcap;
    }

    // Whether it is a usual one, which is answered here.
    bool is_usual() const {
        float slope;
        std::memcpy(&slope, dst->op_params + 1, sizeof slope);
        return slope == 0.0f && q->type == GGML_TYPE_F32 && reader_of(k->type) && reader_of(v->type) && rows > 0
            && (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1)) && k->ne[2] == v->ne[2] && sharing <= TILE
            && heads == sharing * key_heads && k->ne[3] == streams && v->ne[3] == streams
            && keys_wide % LANES == 0 && values_wide % LANES == 0 && std::max(keys_wide, values_wide) <= LONGEST
            && q->nb[0] == sizeof(float) && k->nb[0] == ggml_type_size(k->type) && v->nb[0] == ggml_type_size(v->type);
    }

    const float * query(int row, int head, int stream) const {
        return reinterpret_cast<const float *>(static_cast<const char *>(q->data) + row * q->nb[1] + head * q->nb[2] + stream * q->nb[3]);
    }

    const uint16_t * mask_of(int row, int stream) const {
        if (!mask) return nullptr;
        return reinterpret_cast<const uint16_t *>(static_cast<const char *>(mask->data) + row * mask->nb[1] + stream % mask->ne[3] * mask->nb[3]);
    }

    // A score that takes its share of attention and gives no value; null where a model has none.
    const float * sink(int head) const { return sinks ? static_cast<const float *>(sinks->data) + head : nullptr; }

    Cells keys(int head, int stream) const { return cells_of(k, head, stream); }
    Cells values(int head, int stream) const { return cells_of(v, head, stream); }

    float * answer(int row, int head, int stream) const {
        const int64_t place = (static_cast<int64_t>(stream) * dst->ne[2] + row) * dst->ne[1] + head;
        return reinterpret_cast<float *>(static_cast<char *>(dst->data) + place * dst->nb[1]);
    }

  private:
    static Cells cells_of(const ggml_tensor * tensor, int head, int stream) {
        const char * at = static_cast<const char *>(tensor->data) + head * tensor->nb[2] + stream * tensor->nb[3];
        return {at, tensor->nb[1], ggml_row_size(tensor->type, tensor->ne[0]), reader_of(tensor->type), static_cast<int>(tensor->ne[0])};
    }
};

// Which of 64 cells a row sees, a bit each; and whether the mask says more than that.
struct Sight {
    uint64_t cells;
    bool is_graded;
};

Sight sight_of(const uint16_t * mask, int count) {
    const uint64_t all = count < TILE ? (uint64_t{1} << count) - 1 : ~uint64_t{0};
    if (!mask) return {all, false};
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

int whole_lanes(int count) {
    return (count + LANES - 1) / LANES * LANES;
}

int count_of(uint64_t cells) {
    return __builtin_popcountll(cells);
}

// Those of the cells that come as number `first` to `last` (not included).
uint64_t between(uint64_t cells, int64_t first, int64_t last) {
    uint64_t kept = 0;
    for (int64_t number = 0; cells; number++, cells &= cells - 1)
        if (number >= first && number < last) kept |= cells & -cells;
    return kept;
}

// What a query has seen so far: the largest score, the sum of exp(score - largest), and the values weighed by these.
struct Seen {
    float largest, sum;
    float * values;

    void add(const Seen & other, int width) {
        if (other.sum == 0.0f) return;
        const float both = std::max(largest, other.largest);
        const float mine = std::exp(largest - both), theirs = std::exp(other.largest - both);
        ggml_vec_scale_f32(width, values, mine);
        ggml_vec_mad_f32(width, values, other.values, theirs);
        sum = sum * mine + other.sum * theirs;
        largest = both;
    }

    void finish(float * answer, const float * sink, int width) {
        float share = 1.0f;
        if (sink) {
            const float both = std::max(largest, *sink);
            share = std::exp(largest - both);
            sum = sum * share + std::exp(*sink - both);
        }
        std::memcpy(answer, values, width * sizeof *answer);
        ggml_vec_scale_f32(width, answer, sum == 0.0f ? 0.0f : share / sum);
    }
};

// The queries of a few rows and a few heads of keys: `(key_head * rows + row) * sharing + head`, all from the group's first.
struct Place {
    int row, rows, key_head, key_heads, stream;
};

class Group {
  public:
    // Room in floats that a group of so many queries needs.
    static int64_t room(const Question & asked, int queries) {
        return int64_t{queries} * (asked.keys_wide + asked.values_wide + 2 * TILE) + TILE * (asked.keys_wide + asked.values_wide);
    }

    Group(const Question & asked, float * room, const Place & place) :
        asked(asked), place(place), queries(place.key_heads * place.rows * asked.sharing) {
        scaled = {room, asked.keys_wide};
        results = {scaled.row(queries), asked.values_wide};
        scores = {results.row(queries), TILE};
        lists = reinterpret_cast<int32_t *>(scores.row(queries));
        tile_of_keys = scores.row(2 * queries);
        tile_of_values = tile_of_keys + TILE * asked.keys_wide;
        std::memset(results.at, 0, queries * asked.values_wide * sizeof(float));
        for (int query = 0; query < queries; query++) {
            const float * from = asked.query(row_of(query), head_of(query), place.stream);
            for (int at = 0; at < asked.keys_wide; at++) scaled.row(query)[at] = from[at] * asked.scale;
            largest[query] = -INFINITY;
            sum[query] = 0.0f;
        }
    }

    // Look at the cells; of one row alone, only at those it sees as number `first` to `last`.
    void look(int64_t first = 0, int64_t last = INT64_MAX) {
        int64_t number = 0;
        for (int cell = 0; cell < asked.cells && number < last; cell += TILE) {
            const int count = std::min(TILE, asked.cells - cell);
            Sight sights[TILE];
            int looking = 0, seen = 0;
            bool is_graded = false;
            for (int row = 0; row < place.rows; row++) {
                const uint16_t * mask = asked.mask_of(place.row + row, place.stream);
                sights[row] = sight_of(mask ? mask + cell : nullptr, count);
                if (!sights[row].cells) continue;
                if (place.rows == 1) {
                    const int visible = count_of(sights[row].cells);
                    if (number < first || number + visible > last)
                        sights[row].cells = between(sights[row].cells, first - number, last - number);
                    number += visible;
                }
                is_graded |= sights[row].is_graded;
                seen += count_of(sights[row].cells);
                looking += sights[row].cells != 0;
            }
            if (!looking) continue;
            if (is_graded || is_shared(looking, seen)) look_together(cell, count, sights);
            else remember(cell, sights);
        }
        for (int row = 0; row < place.rows; row++) look_at_list(row);
    }

    int size() const { return queries; }
    int row_of(int query) const { return place.row + query / asked.sharing % place.rows; }
    int head_of(int query) const {
        return (place.key_head + query / asked.sharing / place.rows) * asked.sharing + query % asked.sharing;
    }
    Seen seen(int query) { return {largest[query], sum[query], results.row(query)}; }

  private:
    const Question & asked;
    const Place place;
    const int queries;
    Matrix<float> scaled, results, scores;  // queries × width of keys, of values, and cells of a tile
    float *tile_of_keys, *tile_of_values;
    int32_t * lists;  // of each row, cells it sees and has not looked at
    int listed[TILE] = {};
    float largest[TILE], sum[TILE];

    // Whether it is less work to multiply a tile with all who see some of it than every cell with those who see it.
    // In units of a query and a cell of a tile; to read a cell costs five, to turn its key four more.
    bool is_shared(int looking, int seen) const {
        return TILE * (9 + looking * asked.sharing) < seen * (5 + 2 * asked.sharing);
    }

    int first_query(int key_head, int row) const { return (key_head * place.rows + row) * asked.sharing; }

    void look_together(int cell, int count, const Sight * sights) {
        const uint64_t all = count < TILE ? (uint64_t{1} << count) - 1 : ~uint64_t{0};
        for (int key_head = 0; key_head < place.key_heads; key_head++) {
            read_turned(key_head, count, [&](int number) { return cell + number; });
            for (int next = cell + TILE; next < std::min(cell + 2 * TILE, asked.cells); next++) fetch(key_head, next);
            for (int row = 0; row < place.rows; row++) {
                if (!sights[row].cells) continue;
                const int begin = row;
                while (row < place.rows && sights[row].cells) row++;
                const int query = first_query(key_head, begin), together = first_query(key_head, row) - query;
                multiply_turned(query, together, count);
                bend(query, together, count);
                for (int one = begin; one < row; one++)
                    if (sights[one].cells != all || sights[one].is_graded) hide(key_head, one, cell, count, sights[one]);
                weigh(query, together, count);
            }
        }
    }

    void remember(int cell, const Sight * sights) {
        for (int row = 0; row < place.rows; row++) {
            for (uint64_t left = sights[row].cells; left; left &= left - 1) {
                if (listed[row] == TILE) look_at_list(row);
                const int one = cell + __builtin_ctzll(left);
                lists[row * TILE + listed[row]++] = one;
                for (int key_head = 0; key_head < place.key_heads; key_head++) fetch(key_head, one);
            }
        }
    }

    void fetch(int key_head, int cell) const {
        keys_of(key_head).fetch(cell);
        values_of(key_head).fetch(cell);
    }

    void look_at_list(int row) {
        const int count = listed[row];
        if (!count) return;
        const int32_t * list = lists + row * TILE;
        const auto cell_at = [list](int number) { return list[number]; };
        for (int key_head = 0; key_head < place.key_heads; key_head++) {
            const int query = first_query(key_head, row);
            if (asked.sharing > FEW) {
                read_turned(key_head, count, cell_at);
                multiply_turned(query, asked.sharing, count);
            } else {
                read(key_head, count, cell_at);
                multiply(query, asked.sharing, count);
            }
            bend(query, asked.sharing, count);
            weigh(query, asked.sharing, count);
        }
        listed[row] = 0;
    }

    template <typename CellAt> void read(int key_head, int count, CellAt cell_at) {
        const Cells keys = keys_of(key_head);
        for (int number = 0; number < count; number++) keys.into(tile_of_keys + number * keys.width, cell_at(number));
        read_values(key_head, count, cell_at);
    }

    void multiply(int query, int together, int count) {
        const int width = asked.keys_wide;
        for (int one = query; one < query + together; one++)
            for (int number = 0; number < count; number += 4)
                tiles::store(scores.row(one) + number, tiles::dots(scaled.row(one), tile_of_keys + number * width, width));
    }

    // Keys become columns, so that a product's lanes are cells; values stay rows.
    template <typename CellAt> void read_turned(int key_head, int count, CellAt cell_at) {
        const Cells keys = keys_of(key_head);
        float four[4 * LONGEST];
        for (int number = 0; number < whole_lanes(count); number += 4) {
            for (int one = 0; one < 4; one++) {
                if (number + one < count) keys.into(four + one * keys.width, cell_at(number + one));
                else std::memset(four + one * keys.width, 0, keys.width * sizeof *four);
            }
            tiles::turn_into(tile_of_keys + number, TILE, four, keys.width);
        }
        read_values(key_head, count, cell_at);
    }

    void multiply_turned(int query, int together, int count) {
        tiles::product<false>({scores.row(query), TILE}, {scaled.row(query), scaled.pitch}, {tile_of_keys, TILE}, together,
                              whole_lanes(count), asked.keys_wide);
    }

    template <typename CellAt> void read_values(int key_head, int count, CellAt cell_at) {
        const Cells values = values_of(key_head);
        for (int number = 0; number < count; number++) values.into(tile_of_values + number * values.width, cell_at(number));
    }

    void bend(int query, int together, int count) {
        if (asked.softcap == 0.0f) return;
        for (int one = query; one < query + together; one++)
            for (int number = 0; number < count; number++)
                scores.row(one)[number] = asked.softcap * std::tanh(scores.row(one)[number]);
    }

    void hide(int key_head, int row, int cell, int count, Sight sight) {
        const uint16_t * mask = asked.mask_of(place.row + row, place.stream);
        for (int query = first_query(key_head, row); query < first_query(key_head, row + 1); query++) {
            float * score = scores.row(query);
            for (int number = 0; number < count; number++) {
                if (!(sight.cells >> number & 1)) score[number] = -INFINITY;
                else if (sight.is_graded) score[number] += GGML_CPU_FP16_TO_FP32(mask[cell + number]);
            }
        }
    }

    // Take the tile's values in, by the scores.
    void weigh(int query, int together, int count) {
        for (int one = query; one < query + together; one++) {
            float * score = scores.row(one);
            const float best = tiles::largest(score, count);
            if (best > largest[one]) {
                const float less = std::exp(largest[one] - best);
                if (sum[one] != 0.0f) ggml_vec_scale_f32(asked.values_wide, results.row(one), less);
                sum[one] *= less;
                largest[one] = best;
            }
            sum[one] += ggml_vec_soft_max_f32(count, score, score, largest[one]);
        }
        tiles::product<true>({results.row(query), results.pitch}, {scores.row(query), TILE},
                             {tile_of_values, asked.values_wide}, together, asked.values_wide, count);
    }

    Cells keys_of(int key_head) const { return asked.keys(place.key_head + key_head, place.stream); }
    Cells values_of(int key_head) const { return asked.values(place.key_head + key_head, place.stream); }
};

// How many rows, and heads of keys, are looked at together, so that there are enough groups for all threads. Rows that
// see the same cells belong together, to read them once. Where every row has its own, all heads do: their keys lie side by
// side, and memory is fastest read in a row.
struct Plan {
    int rows, key_heads;

    Plan(const Question & asked, int threads) {
        const int wanted = FOR_EACH_THREAD * threads, all = asked.rows * asked.key_heads * asked.streams;
        if (asked.rows < TILE && asked.rows * asked.streams >= wanted && !share_cells(asked)) {
            rows = 1;
            key_heads = std::min(asked.key_heads, TILE / asked.sharing);
        } else {
            rows = std::max(1, std::min({TILE / asked.sharing, asked.rows, (all + wanted - 1) / wanted}));
            key_heads = 1;
        }
    }

  private:
    // Whether a cell is seen by two rows or more, in the mean.
    static bool share_cells(const Question & asked) {
        int64_t cells = 0, seen = 0;
        for (int stream = 0; stream < asked.streams; stream++) {
            for (int cell = 0; cell < asked.cells; cell += TILE) {
                uint64_t together = 0;
                for (int row = 0; row < asked.rows; row++) {
                    const uint16_t * mask = asked.mask_of(row, stream);
                    const uint64_t one = sight_of(mask ? mask + cell : nullptr, std::min(TILE, asked.cells - cell)).cells;
                    together |= one;
                    seen += count_of(one);
                }
                cells += count_of(together);
            }
        }
        return seen >= 2 * cells;
    }
};

// Enough rows: whoever is free takes the next group.
void answer_many(const Question & asked, const ggml_compute_params * params) {
    const Plan plan(asked, params->nth);
    const int in_rows = (asked.rows + plan.rows - 1) / plan.rows;
    const int in_heads = (asked.key_heads + plan.key_heads - 1) / plan.key_heads;
    float * room = static_cast<float *>(params->wdata) + params->ith * Group::room(asked, TILE);
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
    for (int task = params->ith; task < in_rows * in_heads * asked.streams; task = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        const int row = task / (in_heads * asked.streams) * plan.rows, key_head = task % in_heads * plan.key_heads;
        const int stream = task / in_heads % asked.streams;
        Group group(asked, room, {row, std::min(plan.rows, asked.rows - row), key_head,
                                  std::min(plan.key_heads, asked.key_heads - key_head), stream});
        group.look();
        for (int query = 0; query < group.size(); query++) {
            const int head = group.head_of(query);
            group.seen(query).finish(asked.answer(group.row_of(query), head, stream), asked.sink(head), asked.values_wide);
        }
    }
}

// Rows too few for that: every thread takes its share of the cells each of them sees, and what was seen is put together.
struct Shares {
    const Question & asked;
    const ggml_compute_params * params;
    const int key_heads = std::min(asked.key_heads, TILE / asked.sharing);  // looked at together

    int64_t size() const { return 2 + asked.values_wide; }  // a share: as `Seen` has it
    int64_t answers() const { return int64_t{asked.streams} * asked.rows * asked.heads; }
    float * share(int64_t answer, int thread) const {
        return static_cast<float *>(params->wdata) + params->nth * room() + (answer * params->nth + thread) * size();
    }
    bool fit() const {
        return reinterpret_cast<char *>(share(answers(), 0)) <= static_cast<char *>(params->wdata) + params->wsize;
    }

    void answer() const {
        for (int stream = 0; stream < asked.streams; stream++)
            for (int row = 0; row < asked.rows; row++) look(row, stream);
        ggml_barrier(params->threadpool);
        for (int64_t answer = params->ith; answer < answers(); answer += params->nth) put_together(answer);
    }

  private:
    int64_t room() const { return Group::room(asked, key_heads * asked.sharing); }

    void look(int row, int stream) const {
        const int64_t visible = visible_to(row, stream);
        for (int key_head = 0; key_head < asked.key_heads; key_head += key_heads) {
            Group group(asked, static_cast<float *>(params->wdata) + params->ith * room(),
                        {row, 1, key_head, std::min(key_heads, asked.key_heads - key_head), stream});
            group.look(visible * params->ith / params->nth, visible * (params->ith + 1) / params->nth);
            for (int query = 0; query < group.size(); query++) {
                const Seen seen = group.seen(query);
                float * to = share((int64_t{stream} * asked.rows + row) * asked.heads + group.head_of(query), params->ith);
                to[0] = seen.largest;
                to[1] = seen.sum;
                std::memcpy(to + 2, seen.values, asked.values_wide * sizeof *to);
            }
        }
    }

    int64_t visible_to(int row, int stream) const {
        const uint16_t * mask = asked.mask_of(row, stream);
        if (!mask) return asked.cells;
        int64_t visible = 0;
        for (int cell = 0; cell < asked.cells; cell += TILE)
            visible += count_of(sight_of(mask + cell, std::min(TILE, asked.cells - cell)).cells);
        return visible;
    }

    void put_together(int64_t answer) const {
        const int head = answer % asked.heads, row = answer / asked.heads % asked.rows, stream = answer / asked.heads / asked.rows;
        float * first = share(answer, 0);
        Seen whole{first[0], first[1], first + 2};
        for (int thread = 1; thread < params->nth; thread++) {
            float * other = share(answer, thread);
            whole.add({other[0], other[1], other + 2}, asked.values_wide);
        }
        whole.finish(asked.answer(row, head, stream), asked.sink(head), asked.values_wide);
    }
};

}  // namespace

void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst) {
    const Question asked(dst);
    const auto needed = params->nth * Group::room(asked, TILE) * static_cast<int64_t>(sizeof(float));
    if (params->use_ref || !asked.is_usual() || static_cast<int64_t>(params->wsize) < needed) {
        pannier_llama_flash_attn_ext(params, dst);
        return;
    }
    const Shares shares{asked, params};
    if (asked.rows * asked.key_heads * asked.streams < 2 * params->nth && shares.fit()) shares.answer();
    else answer_many(asked, params);
}
