// How a question becomes tasks, so that there are enough for all threads and none waits long for another.
#pragma once

#include "group.h"

namespace {

constexpr int FOR_EACH_THREAD = 4;  // tasks
constexpr int LEAST_TILES = 2;      // of a slice: to begin one and to put it together takes as long as a part of a tile

// A task is a group, or a slice of what it sees. Rows that see the same cells belong together, to read these once; and
// as many heads as there is room for, for their keys lie side by side, and memory is fastest read in a row. Where rows
// are so few that there would be too few groups, each looks at what it sees in slices: smaller groups would read and
// turn the same keys once more.
class Tasks {
  public:
    // most: queries of a group. most_slices: of a group.
    Tasks(const Question & asked, const Sights & sights, int threads, int most, int most_slices) :
        asked(asked), sights(sights), threads(threads), most_slices(most_slices), fair(fair_for(asked, threads)),
        most_parts(std::min(most / asked.sharing, fair)),
        most_rows(std::min(rows_for(asked, most), most_slices > 1 ? MOST : most_parts)) {}

    // Into how many slices a group may have to be cut.
    static int slices_for(const Question & asked, int threads) {
        if (are_few(asked, threads)) return threads;
        const int fair = fair_for(asked, threads), rows = std::min(rows_for(asked, MOST), asked.rows);
        return (rows + fair - 1) / fair;
    }

    // Rows so few that each thread takes its slice of everything.
    static bool are_few(const Question & asked, int threads) { return parts(asked) < 2 * threads; }

    // Which one has this number; numbers must not fall. False behind the last.
    bool find(int number, Place & place) {
        while (number >= first + tasks) {
            first += tasks;
            row += rows;
            if (row == asked.rows) row = 0, stream++;
            if (stream == asked.streams) return false;
            measure();
        }
        const int key_head = (number - first) / slices * key_heads;
        place = {row, rows, key_head, std::min(key_heads, asked.key_heads - key_head), stream,
                 (number - first) % slices, slices};
        return true;
    }

    // Once the last was found: whether some are slices. Threads agree.
    bool were_sliced() const { return is_sliced; }

  private:
    const Question & asked;
    const Sights & sights;
    const int threads, most_slices;
    const int fair;  // parts for a task; a part is a row and a head of keys
    const int most_parts, most_rows;
    int row = 0, stream = 0, rows = 0, key_heads = 1, slices = 1;  // of the tasks that begin with number `first`
    int first = 0, tasks = 0;
    bool is_sliced = false;

    // At most so many rows look at a tile together: enough that to read and turn it is a small part of the work, few
    // enough that what they have seen stays near.
    static int rows_for(const Question & asked, int most) {
        return std::min(std::min(most, 2 * TILE) / asked.sharing, TILE);
    }

    static int64_t parts(const Question & asked) { return int64_t{asked.rows} * asked.key_heads * asked.streams; }

    static int fair_for(const Question & asked, int threads) {
        const int64_t wanted = FOR_EACH_THREAD * threads;
        return std::min<int64_t>((parts(asked) + wanted - 1) / wanted, MOST);
    }

    void measure() {
        rows = 1;
        const int last = std::min(most_rows, asked.rows - row);
        while (rows < last && sights.follows(row + rows, stream)) rows++;
        if (are_few(asked, threads) && most_slices > 1) {
            key_heads = std::min(asked.key_heads, most_rows / rows);
            slices = most_slices;
        } else {
            key_heads = std::min(asked.key_heads, std::max(1, most_parts / rows));
            slices = std::min(most_slices, (rows * key_heads + fair - 1) / fair);
        }
        if (rows > 1 && slices > 1)
            slices = std::max(1, std::min(slices, sights.tiles(row, rows, stream) / LEAST_TILES));
        is_sliced |= slices > 1;
        tasks = (asked.key_heads + key_heads - 1) / key_heads * slices;
    }
};

}  // namespace
