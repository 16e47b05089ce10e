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
class Table {
  public:
    // Room for it. Does nothing that others could notice if there is none.
    void begin(const Question & asked) {
        mask = asked.mask;
        rows = asked.rows, cells = asked.cells, streams = asked.streams;
        seen.reset(new (std::nothrow) uint64_t[int64_t{streams} * tiles() * pitch()]);
        about.reset(new (std::nothrow) uint8_t[int64_t{streams} * rows]);
    }

    bool has_room() const { return seen && about; }

    bool is_of(const Question & asked) const {
        return mask == asked.mask && rows == asked.rows && cells == asked.cells && streams == asked.streams;
    }

    // A thread's share of looking at the mask: some rows at a time, whose bits lie side by side.
    void look(const Question & asked, int thread, int threads) {
        const int64_t blocks = pitch() / BLOCK, all = streams * blocks;
        for (int64_t one = all * thread / threads; one < all * (thread + 1) / threads; one++) {
            const int stream = one / blocks, first = one % blocks * BLOCK, last = std::min(first + BLOCK, rows);
            uint8_t graded[BLOCK] = {};
            for (int tile = 0; tile < tiles(); tile++) {
                for (int row = first; row < last; row++) {
                    const Sight sight = sight_of(asked, row, stream, tile * TILE);
                    seen[number_of(row, stream, tile)] = sight.cells;
                    graded[row - first] |= sight.is_graded;
                }
            }
            for (int row = first; row < last; row++) about[number_of(row, stream)] = graded[row - first] ? GRADED : 0;
        }
    }

    // A thread's share of comparing rows, when all have looked.
    void compare(int thread, int threads) {
        const int64_t all = int64_t{streams} * rows;
        for (int64_t one = all * thread / threads; one < all * (thread + 1) / threads; one++)
            if (one % rows > 0 && sees_the_same(one % rows, one / rows)) about[one] |= FOLLOWS;
    }

    // Of rows that follow on each other, one behind the other.
    const uint64_t * cells_of(int row, int stream, int cell) const { return &seen[number_of(row, stream, cell / TILE)]; }
    bool is_graded(int row, int stream) const { return about[number_of(row, stream)] & GRADED; }
    bool follows(int row, int stream) const { return about[number_of(row, stream)] & FOLLOWS; }

  private:
    static constexpr int BLOCK = LINE / sizeof(uint64_t);
    static constexpr uint8_t GRADED = 1, FOLLOWS = 2;

    const ggml_tensor * mask = nullptr;
    int rows = 0, cells = 0, streams = 0;
    std::unique_ptr<uint64_t[]> seen;  // streams × tiles × rows
    std::unique_ptr<uint8_t[]> about;  // streams × rows

    int tiles() const { return (cells + TILE - 1) / TILE; }
    int pitch() const { return (rows + BLOCK - 1) / BLOCK * BLOCK; }
    int64_t number_of(int row, int stream) const { return int64_t{stream} * rows + row; }
    int64_t number_of(int row, int stream, int tile) const { return (int64_t{stream} * tiles() + tile) * pitch() + row; }

    bool sees_the_same(int row, int stream) const {
        int here = 0, by_both = 0;
        for (int tile = 0; tile < tiles(); tile++) {
            const uint64_t * bits = &seen[number_of(row, stream, tile)];
            here += count_of(bits[0]);
            by_both += count_of(bits[0] & bits[-1]);
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
        return {*table->cells_of(row, stream, cell), false};
    }

    // Whether some of the rows may see something of the tile.
    bool may_see(int row, int rows, int stream, int cell) const {
        if (!table) return true;
        const uint64_t * bits = table->cells_of(row, stream, cell);
        uint64_t any = 0;
        for (int one = 0; one < rows; one++) any |= bits[one];
        return any != 0;
    }

    int tiles(int row, int rows, int stream) const {
        int seen = 0;
        for (int cell = 0; cell < asked.cells; cell += TILE) seen += may_see(row, rows, stream, cell);
        return seen;
    }

    int64_t count(int row, int stream) const {
        int64_t visible = 0;
        for (int cell = 0; cell < asked.cells; cell += TILE) visible += count_of(of(row, stream, cell).cells);
        return visible;
    }

    // Whether the row sees mostly what the row before it sees.
    bool follows(int row, int stream) const { return table ? table->follows(row, stream) : row > 0; }

  private:
    const Question & asked;
    const Table * const table;
};

}  // namespace
