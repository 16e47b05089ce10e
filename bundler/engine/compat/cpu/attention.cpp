// Attention on processors, for caches that many texts share.
//
// llama.cpp's own looks at every cell of the cache for every query, also at those the mask hides from it, one cell at a
// time: with sixteen texts in one cache fifteen sixteenths of that are for nothing, and a beginning all of them share
// is read sixteen times. Here 64 cells are looked at together with all queries of a few rows and of all heads that read
// the same keys (group.h). What many of them see is multiplied as a tile; of what is one row's own a list is kept until
// there are 64. What nobody sees costs a look at the mask.
//
// CMake renames llama.cpp's function (project.cmake); what is unusual is left to it.

#include "group.h"

extern "C" {
void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
void pannier_llama_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
}

namespace {

constexpr int FOR_EACH_THREAD = 4;  // groups, so that none waits long for another

// How a question becomes groups, a task each, so that there are enough for all threads. Rows that see the same cells
// belong together, to read these once; and as many heads as there is room for, for their keys lie side by side, and
// memory is fastest read in a row.
class Tasks {
  public:
    // most: queries of a group.
    Tasks(const Question & asked, const Glances & glances, int threads, int most) :
        asked(asked), glances(glances), most_rows(std::min(most, TILE) / asked.sharing), most_parts(most / asked.sharing) {
        const int64_t all = int64_t{asked.rows} * asked.key_heads * asked.streams, wanted = FOR_EACH_THREAD * threads;
        most_parts = std::min<int64_t>(most_parts, (all + wanted - 1) / wanted);
    }

    // Which one has this number; numbers must not fall. False behind the last.
    bool find(int number, Place & place) {
        while (number >= first + tasks) {
            first += tasks;
            row += rows;
            if (row == asked.rows) row = 0, stream++;
            if (stream == asked.streams) return false;
            measure();
        }
        const int key_head = (number - first) * key_heads;
        place = {row, rows, key_head, std::min(key_heads, asked.key_heads - key_head), stream};
        return true;
    }

  private:
    const Question & asked;
    const Glances & glances;
    const int most_rows;
    int most_parts;  // of a task: rows times heads of keys
    int row = 0, stream = 0, rows = 0, key_heads = 1;  // of the tasks that begin with number `first`
    int first = 0, tasks = 0;

    void measure() {
        rows = 1;
        const int last = std::min({most_rows, most_parts, asked.rows - row});
        while (rows < last && glances.follows(row + rows, stream)) rows++;
        key_heads = std::min(asked.key_heads, most_parts / rows);
        tasks = (asked.key_heads + key_heads - 1) / key_heads;
    }
};

// llama.cpp's room: first the table of all, then a part for each thread.
struct Room {
    int64_t for_all, for_each;  // bytes
    int most;                   // queries of a group that has a thread's part

    Room(const Question & asked, const ggml_compute_params * params) :
        for_all(Glances::bytes(asked)),
        for_each((static_cast<int64_t>(params->wsize) - for_all) / params->nth / LINE * LINE),
        most(MOST / asked.sharing * asked.sharing) {
        while (most > 0 && Group::room(asked, most) * int64_t{sizeof(float)} > for_each) most -= asked.sharing;
    }
};

// Enough rows: whoever is free takes the next group.
void answer_many(const Question & asked, const ggml_compute_params * params, const Room & room) {
    char * const own = static_cast<char *>(params->wdata) + room.for_all + params->ith * room.for_each;
    Glances glances(asked, params->wdata);
    glances.look(params->ith, params->nth);
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
    Tasks tasks(asked, glances, params->nth, room.most);
    Place place;
    for (int task = params->ith; tasks.find(task, place); task = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        Group group(asked, reinterpret_cast<float *>(own), place);
        group.look(glances);
        for (int query = 0; query < group.size(); query++) {
            const int head = group.head_of(query);
            float * answer = asked.answer(group.row_of(query), head, place.stream);
            group.seen(query).finish(answer, asked.sink(head), asked.values_wide);
        }
    }
}

// Rows too few for that: every thread takes its share of the cells each of them sees; then all is put together.
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
            const int64_t first = visible * params->ith / params->nth, last = visible * (params->ith + 1) / params->nth;
            group.look(Glances(asked), first, last);
            for (int query = 0; query < group.size(); query++) {
                const Seen seen = group.seen(query);
                const int64_t answer = (int64_t{stream} * asked.rows + row) * asked.heads + group.head_of(query);
                float * to = share(answer, params->ith);
                to[0] = seen.largest;
                to[1] = seen.sum;
                std::memcpy(to + 2, seen.values, asked.values_wide * sizeof *to);
            }
        }
    }

    int64_t visible_to(int row, int stream) const {
        int64_t visible = 0;
        for (int cell = 0; cell < asked.cells; cell += TILE)
            visible += count_of(sight_of(asked, row, stream, cell).cells);
        return visible;
    }

    void put_together(int64_t answer) const {
        const int head = answer % asked.heads, row = answer / asked.heads % asked.rows;
        const int stream = answer / asked.heads / asked.rows;
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
    if (params->use_ref || !asked.is_usual()) return pannier_llama_flash_attn_ext(params, dst);
    const Shares shares{asked, params};
    if (asked.rows * asked.key_heads * asked.streams < 2 * params->nth && shares.fit()) return shares.answer();
    const Room room(asked, params);
    if (room.most == 0) return pannier_llama_flash_attn_ext(params, dst);
    answer_many(asked, params, room);
}
