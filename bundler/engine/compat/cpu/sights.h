// Who sees which cells: read from the mask once for all heads, and for all layers of a graph that have the same mask.
//
// It says with two bytes for every row and cell what takes a bit. In a cache that many texts share that is much to read:
// 512 tokens of a prompt among 26,000 cells have 27 MB of it.
#pragma once

#include "question.h"

#include <memory>
#include <new>

namespace {

// What a mask says of all rows, filled in by all threads.
//
// Of rows that follow on each other eight at a time lie together, tile after tile, so that a group reads it from one end
// to the other; which tiles a row sees at all is noted besides, for mostly these are few.
class Table {
  public:
    // Room for it. Does nothing that others could notice if there is none.
    void begin(const Question & asked) {
        mask = asked.mask;
        rows = asked.rows, cells = asked.cells, streams = asked.streams;
        seen.reset(new (std::nothrow) uint64_t[int64_t{streams} * blocks() * tiles() * BLOCK]);
        tiles_seen.reset(new (std::nothrow) uint64_t[int64_t{streams} * rows * words()]);
        about.reset(new (std::nothrow) uint8_t[int64_t{streams} * rows]);
    }

    bool has_room() const { return seen && tiles_seen && about; }

    bool is_of(const Question & asked) const {
        return mask == asked.mask && rows == asked.rows && cells == asked.cells && streams == asked.streams;
    }

    // A thread's share of looking at the mask.
    void look(const Question & asked, int thread, int threads) {
        const int64_t all = int64_t{streams} * blocks();
        for (int64_t one = all * thread / threads; one < all * (thread + 1) / threads; one++) {
            const int stream = one / blocks(), first = one % blocks() * BLOCK, last = std::min(first + BLOCK, rows);
            for (int row = first; row < last; row++) note(asked, row, stream);
        }
    }

    // A thread's share of comparing rows, when all have looked.
    void compare(int thread, int threads) {
        const int64_t all = int64_t{streams} * rows;
        for (int64_t one = all * thread / threads; one < all * (thread + 1) / threads; one++)
            if (one % rows > 0 && sees_the_same(one % rows, one / rows)) about[one] |= FOLLOWS;
    }

    uint64_t cells_of(int row, int stream, int tile) const { return seen[number_of(row, stream, tile)]; }
    // Of 64 tiles, those of which the row sees something, a bit each. word: which 64.
    uint64_t tiles_of(int row, int stream, int word) const {
        return tiles_seen[number_of(row, stream) * words() + word];
    }
    bool is_graded(int row, int stream) const { return about[number_of(row, stream)] & GRADED; }
    bool follows(int row, int stream) const { return about[number_of(row, stream)] & FOLLOWS; }

  private:
    static constexpr int BLOCK = LINE / sizeof(uint64_t);  // rows
    static constexpr uint8_t GRADED = 1, FOLLOWS = 2;

    const ggml_tensor * mask = nullptr;
    int rows = 0, cells = 0, streams = 0;
    std::unique_ptr<uint64_t[]> seen;        // streams × blocks × tiles × rows of a block
    std::unique_ptr<uint64_t[]> tiles_seen;  // streams × rows × words
    std::unique_ptr<uint8_t[]> about;        // streams × rows

    int tiles() const { return tiles_in(cells); }
    int words() const { return tiles_in(tiles()); }
    int blocks() const { return (rows + BLOCK - 1) / BLOCK; }
    int64_t number_of(int row, int stream) const { return int64_t{stream} * rows + row; }
    int64_t number_of(int row, int stream, int tile) const {
        return ((int64_t{stream} * blocks() + row / BLOCK) * tiles() + tile) * BLOCK + row % BLOCK;
    }

    void note(const Question & asked, int row, int stream) {
        uint64_t * const to = &seen[number_of(row, stream, 0)];
        uint64_t * const any = &tiles_seen[number_of(row, stream) * words()];
        bool is_graded = false;
        std::memset(any, 0, words() * sizeof *any);
        for (int tile = 0; tile < tiles(); tile++) {
            const Sight sight = sight_of(asked, row, stream, tile * TILE);
            to[tile * BLOCK] = sight.cells;
            any[tile / TILE] |= static_cast<uint64_t>(sight.cells != 0) << tile % TILE;
            is_graded |= sight.is_graded;
        }
        about[number_of(row, stream)] = is_graded ? GRADED : 0;
    }

    bool sees_the_same(int row, int stream) const {
        int here = 0, by_both = 0;
        for (int word = 0; word < words(); word++) {
            for (uint64_t left = tiles_of(row, stream, word); left; left &= left - 1) {
                const int tile = word * TILE + __builtin_ctzll(left);
                const uint64_t bits = cells_of(row, stream, tile);
                here += count_of(bits);
                by_both += count_of(bits & cells_of(row - 1, stream, tile));
            }
        }
        return 2 * by_both >= here;
    }
};

// The tables of a graph: most models have one mask or two.
class Tables {
  public:
    // All threads of a node ask together. Null where there is no mask, or no room.
    const Table * of(const Question & asked, const ggml_compute_params * params) {
        for (int one = 0; one < count; one++)
            if (tables[one].is_of(asked)) return &tables[one];
        if (!asked.mask || count == MOST_MASKS) return nullptr;
        Table & table = tables[count];
        if (params->ith == 0) table.begin(asked);
        ggml_barrier(params->threadpool);
        if (!table.has_room()) return nullptr;
        table.look(asked, params->ith, params->nth);
        ggml_barrier(params->threadpool);
        table.compare(params->ith, params->nth);
        ggml_barrier(params->threadpool);
        if (params->ith == 0) count++;  // which nobody asks for before the next node
        return &table;
    }

  private:
    static constexpr int MOST_MASKS = 4;

    Table tables[MOST_MASKS];
    int count = 0;
};

// Who sees what, from the table if there is one.
class Sights {
  public:
    Sights(const Question & asked, const Table * table) : asked(asked), table(table) {}

    // Those of the tile that begins at `cell`.
    Sight of(int row, int stream, int cell) const {
        if (!table || table->is_graded(row, stream)) return sight_of(asked, row, stream, cell);
        return {table->cells_of(row, stream, cell / TILE), false};
    }

    // Calls `look` with the first cell of every tile of which some of the rows may see something, until it is false.
    template <typename Look> void each_tile(int row, int rows, int stream, const Look & look) const {
        const int tiles = tiles_in(asked.cells);
        for (int first = 0; first < tiles; first += TILE)
            for (uint64_t left = some_of(row, rows, stream, first / TILE); left; left &= left - 1)
                if (!look((first + __builtin_ctzll(left)) * TILE)) return;
    }

    int tiles(int row, int rows, int stream) const {
        int seen = 0;
        for (int word = 0; word < tiles_in(tiles_in(asked.cells)); word++)
            seen += count_of(some_of(row, rows, stream, word));
        return seen;
    }

    int64_t count(int row, int stream) const {
        int64_t visible = 0;
        each_tile(row, 1, stream, [&](int cell) {
            visible += count_of(of(row, stream, cell).cells);
            return true;
        });
        return visible;
    }

    // Whether the row sees mostly what the row before it sees.
    bool follows(int row, int stream) const { return table ? table->follows(row, stream) : row > 0; }

  private:
    const Question & asked;
    const Table * const table;

    // Of 64 tiles, those of which some of the rows may see something.
    uint64_t some_of(int row, int rows, int stream, int word) const {
        if (!table) return all_of(std::min(TILE, tiles_in(asked.cells) - word * TILE));
        uint64_t any = 0;
        for (int one = row; one < row + rows; one++) any |= table->tiles_of(one, stream, word);
        return any;
    }
};

}  // namespace
