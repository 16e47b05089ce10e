// Attention of groups that look at what they see in slices (tasks.h), put together again.
#pragma once

#include "group.h"

namespace {

// What is laid by of a slice until all of them are put together: of each query what it has seen, as `Seen` has it. They
// lie in the work buffer behind the threads' room for their groups.
class Slices {
  public:
    // most: of a group. Fewer where there is no room for so many: one if for none.
    Slices(const Question & asked, void * at, int64_t bytes, int most) :
        asked(asked), at(static_cast<float *>(at)),
        most(std::max<int64_t>(1, std::min<int64_t>(most, bytes / room(asked)))) {}

    // Bytes that a slice of everything takes.
    static int64_t room(const Question & asked) {
        return int64_t{asked.streams} * asked.rows * asked.heads * size(asked) * int64_t{sizeof(float)};
    }

    int most_of_a_group() const { return most; }

    void lay_by(Group & group, const Place & place) const {
        for (int query = 0; query < group.size(); query++) {
            const Seen seen = group.seen(query);
            float * to = share(group.row_of(query), group.head_of(query), place.stream, place.slice);
            to[0] = seen.largest;
            to[1] = seen.sum;
            std::memcpy(to + 2, seen.values, asked.values_wide * sizeof *to);
        }
    }

    // Each slice's task answers some of the rows and heads.
    void put_together(const Place & place) const {
        const int heads = place.key_heads * asked.sharing, answers = place.rows * heads;
        for (int one = place.slice; one < answers; one += place.slices)
            put_together(place, place.row + one / heads, place.key_head * asked.sharing + one % heads);
    }

  private:
    const Question & asked;
    float * const at;
    const int most;

    static int64_t size(const Question & asked) { return 2 + asked.values_wide; }

    float * share(int row, int head, int stream, int slice) const {
        const int64_t answer = (int64_t{stream} * asked.rows + row) * asked.heads + head;
        return at + (answer * most + slice) * size(asked);
    }

    void put_together(const Place & place, int row, int head) const {
        float * first = share(row, head, place.stream, 0);
        Seen whole{first[0], first[1], first + 2};
        for (int slice = 1; slice < place.slices; slice++) {
            float * other = share(row, head, place.stream, slice);
            whole.add({other[0], other[1], other + 2}, asked.values_wide);
        }
        whole.finish(asked.answer(row, head, place.stream), asked.sink(head), asked.values_wide);
    }
};

}  // namespace
