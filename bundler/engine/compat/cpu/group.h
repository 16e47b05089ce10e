// Attention of a few rows and heads, tile by tile.
//
// A tile is folded into what was seen before as in "Online normalizer calculation for softmax" (arXiv 1805.02867).
#pragma once

#include "sights.h"
#include "vec.h"

#include <cmath>

namespace {

using tiles::Matrix;

constexpr int MOST = 8 * TILE;  // queries of a group, whose rows are at most `TILE`
constexpr int AHEAD = 8;  // cells that are brought near while others are read; more at a time hold up what is read
constexpr int FEW = 3;  // so many queries are multiplied with keys as they lie; for more, keys are worth turning

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

// Of a group of queries: a few rows, and all heads that read a few heads of keys; and which of how many slices of the
// cells they see it looks at.
struct Place {
    int row, rows, key_head, key_heads, stream;
    int slice = 0, slices = 1;
};

// Its queries are numbered `(key_head * rows + row) * sharing + head`, all from the group's first.
class Group {
  public:
    // Room in floats that a group of so many queries needs.
    static int64_t room(const Question & asked, int queries) {
        const int wide = asked.keys_wide + asked.values_wide;
        return int64_t{queries} * (wide + TILE) + std::min(queries / asked.sharing, TILE) * TILE + TILE * wide;
    }

    Group(const Question & asked, const Sights & sights, float * room, const Place & place) :
        asked(asked), sights(sights), place(place), queries(place.key_heads * place.rows * asked.sharing) {
        scaled = {room, asked.keys_wide};
        results = {scaled.row(queries), asked.values_wide};
        scores = {results.row(queries), TILE};
        lists = reinterpret_cast<int32_t *>(scores.row(queries));
        tile_of_keys = scores.row(queries + place.rows);
        tile_of_values = tile_of_keys + TILE * asked.keys_wide;
        std::memset(results.at, 0, queries * asked.values_wide * sizeof(float));
        for (int query = 0; query < queries; query++) {
            const float * from = asked.query(row_of(query), head_of(query), place.stream);
            for (int at = 0; at < asked.keys_wide; at++) scaled.row(query)[at] = from[at] * asked.scale;
            largest[query] = -INFINITY;
            sum[query] = 0.0f;
        }
    }

    // Look at the slice: of one row alone some of the cells it sees, of several some of the tiles.
    void look() {
        int64_t first = 0, last = INT64_MAX;
        if (place.slices > 1) {
            const int64_t all = place.rows == 1 ? sights.count(place.row, place.stream)
                                                : sights.tiles(place.row, place.rows, place.stream);
            first = all * place.slice / place.slices, last = all * (place.slice + 1) / place.slices;
        }
        int64_t number = 0;
        sights.each_tile(place.row, place.rows, place.stream, [&](int cell) {
            if (place.rows == 1) number += look_at(cell, first - number, last - number);
            else if (number++ >= first) look_at(cell, 0, INT64_MAX);
            return number < last;
        });
        look_at_gathered();
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
    const Sights & sights;
    const Place place;
    const int queries;
    Matrix<float> scaled, results, scores;  // queries × width of keys, of values, and cells of a tile
    float *tile_of_keys, *tile_of_values;
    int32_t * lists;  // of each row, cells it sees and has not looked at
    int listed[TILE] = {};
    int32_t gathered_cells[TILE];  // that many rows see, and none has looked at
    Sight gathered_by[TILE] = {};  // for each row, which of them it sees
    int gathered = 0;
    float largest[MOST], sum[MOST];  // of each query, as `Seen` has them

    // Whether it is less work to multiply so many cells with all who see some of them than every cell with those who see
    // it. In units of a query and a cell of a tile; to read a cell costs five, to turn its key four more.
    bool is_shared(int cells, int looking, int seen) const {
        return cells * (9 + looking * asked.sharing) < seen * (5 + 2 * asked.sharing);
    }

    // Look at a tile; of one row alone, at cells it sees as number `first` to `last`. How many of it one row alone sees.
    int look_at(int cell, int64_t first, int64_t last) {
        Sight seen_by[TILE];
        int looking = 0, seen = 0, visible = 0;
        uint64_t by_any = 0;
        bool is_graded = false;
        for (int row = 0; row < place.rows; row++) {
            seen_by[row] = sights.of(place.row + row, place.stream, cell);
            if (place.rows == 1) {
                visible = count_of(seen_by[row].cells);
                if (first > 0 || visible > last) seen_by[row].cells = between(seen_by[row].cells, first, last);
            }
            is_graded |= seen_by[row].is_graded;
            by_any |= seen_by[row].cells;
            seen += count_of(seen_by[row].cells);
            looking += seen_by[row].cells != 0;
        }
        if (!looking) return visible;
        if (is_graded) look_at_stretch(cell, seen_by, stretch_of(by_any));
        else if (!is_shared(count_of(by_any), looking, seen)) remember(cell, seen_by);
        else if (by_any == all_of(TILE)) look_at_stretch(cell, seen_by, {0, TILE});
        else gather(cell, seen_by, by_any);
        return visible;
    }

    int first_query(int key_head, int row) const { return (key_head * place.rows + row) * asked.sharing; }

    void look_at_stretch(int tile, Sight * seen_by, const Stretch & wanted) {
        int32_t cells[TILE];
        for (int number = 0; number < wanted.count; number++) cells[number] = tile + wanted.first + number;
        for (int row = 0; row < place.rows; row++) seen_by[row].cells >>= wanted.first;
        look_together(seen_by, cells, wanted.count);
    }

    // Of cells that many texts share, only those that somebody here sees: where others decode beside a prompt, theirs
    // lie between those of the prompt.
    void gather(int cell, const Sight * seen_by, uint64_t by_any) {
        while (by_any) {
            const uint64_t taken = lowest(by_any, TILE - gathered);
            for (int row = 0; row < place.rows; row++)
                gathered_by[row].cells |= side_by_side(seen_by[row].cells, taken) << gathered;
            for (uint64_t left = taken; left; left &= left - 1)
                gathered_cells[gathered++] = cell + __builtin_ctzll(left);
            by_any &= ~taken;
            if (gathered == TILE) look_at_gathered();
        }
    }

    void look_at_gathered() {
        if (!gathered) return;
        look_together(gathered_by, gathered_cells, gathered);
        for (Sight & one : gathered_by) one.cells = 0;
        gathered = 0;
    }

    // At so many cells with all who see some of them. Those that are graded follow on each other.
    void look_together(const Sight * seen_by, const int32_t * cells, int count) {
        const uint64_t all = all_of(count);
        const int behind = cells[count - 1] + 1;
        for (int key_head = 0; key_head < place.key_heads; key_head++) {
            read_turned(key_head, cells, count);
            for (int next = behind; next < std::min(behind + TILE, asked.cells); next++) fetch(key_head, next);
            for (int row = 0; row < place.rows; row++) {
                if (!seen_by[row].cells) continue;
                const int begin = row;
                while (row < place.rows && seen_by[row].cells) row++;
                const int query = first_query(key_head, begin), together = first_query(key_head, row) - query;
                multiply_turned(query, together, count);
                bend(query, together, count);
                for (int one = begin; one < row; one++) {
                    const Sight & sight = seen_by[one];
                    if (sight.cells != all || sight.is_graded) hide(key_head, one, cells[0], count, sight);
                }
                weigh(query, together, count);
            }
        }
    }

    void remember(int cell, const Sight * seen_by) {
        for (int row = 0; row < place.rows; row++) {
            for (uint64_t left = seen_by[row].cells; left; left &= left - 1) {
                if (listed[row] == TILE) look_at_list(row);
                const int one = cell + __builtin_ctzll(left);
                lists[row * TILE + listed[row]++] = one;
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
        for (int key_head = 0; key_head < place.key_heads; key_head++) {
            const int query = first_query(key_head, row);
            if (asked.sharing > FEW) {
                read_turned(key_head, list, count);
                multiply_turned(query, asked.sharing, count);
            } else {
                read(key_head, list, count);
                multiply(query, asked.sharing, count);
            }
            bend(query, asked.sharing, count);
            weigh(query, asked.sharing, count);
        }
        listed[row] = 0;
    }

    void read(int key_head, const int32_t * cells, int count) {
        read_all(keys_of(key_head), tile_of_keys, cells, count);
        read_all(values_of(key_head), tile_of_values, cells, count);
    }

    void multiply(int query, int together, int count) {
        const int width = asked.keys_wide;
        for (int one = query; one < query + together; one++) {
            for (int number = 0; number < count; number += 4) {
                const float * keys = tile_of_keys + number * width;
                tiles::store(scores.row(one) + number, tiles::dots(scaled.row(one), keys, width));
            }
        }
    }

    // Keys become columns, so that a product's lanes are cells; values stay rows.
    void read_turned(int key_head, const int32_t * cells, int count) {
        const Cells keys = keys_of(key_head);
        float four[4 * LONGEST];
        for (int number = 0; number < whole_lanes(count); number += 4) {
            for (int one = 0; one < 4; one++) {
                float * to = four + one * keys.width;
                if (number + one < count) read_one(keys, to, number + one, cells, count);
                else std::memset(to, 0, keys.width * sizeof *to);
            }
            tiles::turn_into(tile_of_keys + number, TILE, four, keys.width);
        }
        read_all(values_of(key_head), tile_of_values, cells, count);
    }

    void multiply_turned(int query, int together, int count) {
        tiles::product<false>({scores.row(query), TILE}, {scaled.row(query), scaled.pitch}, {tile_of_keys, TILE},
                              together, whole_lanes(count), asked.keys_wide);
    }

    static void read_all(const Cells & from, float * to, const int32_t * cells, int count) {
        for (int number = 0; number < count; number++) read_one(from, to + number * from.width, number, cells, count);
    }

    // The one of `count` cells with this number, while one that follows is brought near.
    static void read_one(const Cells & from, float * to, int number, const int32_t * cells, int count) {
        if (number + AHEAD < count) from.fetch(cells[number + AHEAD]);
        from.into(to, cells[number]);
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
            tiles::keep(score, sight.cells, whole_lanes(count));
            if (!sight.is_graded) continue;
            for (int number = 0; number < count; number++) score[number] += GGML_CPU_FP16_TO_FP32(mask[cell + number]);
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

}  // namespace
