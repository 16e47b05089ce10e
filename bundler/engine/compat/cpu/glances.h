// Who sees anything of which tile, and who sees mostly what the row before sees: found out once, for all heads.
//
// In a cache that many texts share a row sees few of the tiles. The mask says so with two bytes for every cell, which is
// much to read again for every head.
#pragma once

#include "question.h"

namespace {

class Glances {
  public:
    // Of room that `Glances` needs.
    static int64_t bytes(const Question & asked) {
        if (!asked.mask) return 0;
        const int64_t each = words_of(asked) * int64_t{sizeof(uint64_t)} + 1;
        return (rows_of(asked) * each + LINE - 1) / LINE * LINE;
    }

    // Without room every row may see something of every tile, and sees what the row before sees.
    explicit Glances(const Question & asked, void * room = nullptr) :
        asked(asked), words_each(words_of(asked)), table(asked.mask ? static_cast<uint64_t *>(room) : nullptr),
        following(table ? reinterpret_cast<uint8_t *>(table + rows_of(asked) * words_each) : nullptr) {}

    // A thread's share of the work; nobody may ask before all have done theirs.
    void look(int thread, int threads) {
        if (!table) return;
        const int64_t all = rows_of(asked);
        for (int64_t one = all * thread / threads; one < all * (thread + 1) / threads; one++) {
            const int row = one % asked.rows, stream = one / asked.rows;
            const uint16_t * mask = asked.mask_of(row, stream);
            for (int word = 0; word < words_each; word++) table[one * words_each + word] = glance(mask, word);
            following[one] = row > 0 && sees_the_same(row, stream);
        }
    }

    // 64 tiles each.
    int words() const { return words_each; }

    // The first cell of a tile.
    static int cell_of(int word, int tile) { return (word * TILES + tile) * TILE; }

    // Of 64 tiles those the row sees something of, a bit each.
    uint64_t tiles(int row, int stream, int word) const {
        return table ? table[number_of(row, stream) * words_each + word] : ~uint64_t{0};
    }

    // Whether the row sees mostly what the row before it sees.
    bool follows(int row, int stream) const {
        return table ? following[number_of(row, stream)] : row > 0;
    }

  private:
    static constexpr int TILES = 64, SAMPLED = 8;  // one in so many is looked at closely

    const Question & asked;
    const int words_each;
    uint64_t * const table;
    uint8_t * const following;

    static int64_t rows_of(const Question & asked) { return int64_t{asked.streams} * asked.rows; }
    int64_t number_of(int row, int stream) const { return int64_t{stream} * asked.rows + row; }

    static int words_of(const Question & asked) { return (asked.cells + TILE * TILES - 1) / (TILE * TILES); }

    uint64_t glance(const uint16_t * mask, int word) const {
        uint64_t seen = 0;
        for (int tile = 0; tile < TILES; tile++) {
            const int cell = cell_of(word, tile);
            if (cell >= asked.cells) break;
            const int count = asked.cells - cell;
            const bool any = count >= TILE ? shows_any(mask + cell, TILE) : shows_any(mask + cell, count);
            seen |= static_cast<uint64_t>(any) << tile;
        }
        return seen;
    }

    // Of a number known in advance: at once, in vectors.
    static bool shows_any(const uint16_t * mask, int count) {
        uint16_t any = 0;
        for (int at = 0; at < count; at++) any |= mask[at] ^ HIDDEN;
        return any != 0;
    }

    bool sees_the_same(int row, int stream) const {
        int seen = 0, by_both = 0, number = 0;
        for (int word = 0; word < words_each; word++) {
            for (uint64_t left = tiles(row, stream, word); left; left &= left - 1) {
                if (number++ % SAMPLED) continue;
                const int cell = cell_of(word, __builtin_ctzll(left));
                const uint64_t here = sight_of(asked, row, stream, cell).cells;
                seen += count_of(here);
                by_both += count_of(here & sight_of(asked, row - 1, stream, cell).cells);
            }
        }
        return 2 * by_both >= seen;
    }
};

}  // namespace
