// Attention on processors, for caches that many texts share.
//
// llama.cpp's own looks at every cell of the cache for every query, also at those the mask hides from it, one cell at a
// time: with sixteen texts in one cache fifteen sixteenths of that are for nothing, and a beginning all of them share
// is read sixteen times. Here 64 cells are looked at together with all queries of a few rows and of all heads that read
// the same keys (group.h). What many of them see is multiplied as a tile; of what is one row's own a list is kept until
// there are 64. Who sees what is read from the mask once for all heads and layers (sights.h).
//
// CMake renames llama.cpp's functions (project.cmake); what is unusual is left to them.

#include "group.h"
#include "running.h"

extern "C" {
void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
void pannier_llama_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
ggml_status pannier_llama_graph_compute(ggml_cgraph * graph, ggml_cplan * plan);
}

namespace {

constexpr int FOR_EACH_THREAD = 4;  // groups, so that none waits long for another

// How a question becomes groups, a task each, so that there are enough for all threads. Rows that see the same cells
// belong together, to read these once; and as many heads as there is room for, for their keys lie side by side, and
// memory is fastest read in a row.
class Tasks {
  public:
    // most: queries of a group.
    Tasks(const Question & asked, const Sights & sights, int threads, int most) :
        asked(asked), sights(sights), most_rows(std::min(most, TILE) / asked.sharing), most_parts(most / asked.sharing) {
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
    const Sights & sights;
    const int most_rows;
    int most_parts;  // of a task: rows times heads of keys
    int row = 0, stream = 0, rows = 0, key_heads = 1;  // of the tasks that begin with number `first`
    int first = 0, tasks = 0;

    void measure() {
        rows = 1;
        const int last = std::min({most_rows, most_parts, asked.rows - row});
        while (rows < last && sights.follows(row + rows, stream)) rows++;
        key_heads = std::min(asked.key_heads, most_parts / rows);
        tasks = (asked.key_heads + key_heads - 1) / key_heads;
    }
};

// A thread's part of llama.cpp's room, and how many queries a group may have there.
struct Room {
    int64_t bytes;
    int most;

    Room(const Question & asked, const ggml_compute_params * params) :
        bytes(static_cast<int64_t>(params->wsize) / params->nth / LINE * LINE),
        most(MOST / asked.sharing * asked.sharing) {
        while (most > 0 && Group::room(asked, most) * int64_t{sizeof(float)} > bytes) most -= asked.sharing;
    }
};

// Enough rows: whoever is free takes the next group.
void answer_many(const Question & asked, const Sights & sights, const ggml_compute_params * params, const Room & room) {
    char * const own = static_cast<char *>(params->wdata) + params->ith * room.bytes;
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
    Tasks tasks(asked, sights, params->nth, room.most);
    Place place;
    for (int task = params->ith; tasks.find(task, place); task = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        Group group(asked, sights, reinterpret_cast<float *>(own), place);
        group.look();
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
    const Sights & sights;
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
        const int64_t visible = sights.count(row, stream);
        for (int key_head = 0; key_head < asked.key_heads; key_head += key_heads) {
            Group group(asked, sights, static_cast<float *>(params->wdata) + params->ith * room(),
                        {row, 1, key_head, std::min(key_heads, asked.key_heads - key_head), stream});
            const int64_t first = visible * params->ith / params->nth, last = visible * (params->ith + 1) / params->nth;
            group.look(first, last);
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
    const Room room(asked, params);
    if (params->use_ref || !asked.is_usual() || room.most == 0) return pannier_llama_flash_attn_ext(params, dst);
    Tables * known = Running<Tables>::memory(params->wdata);
    const Sights sights(asked, known ? known->of(asked, params) : nullptr);
    const Shares shares{asked, sights, params};
    if (asked.rows * asked.key_heads * asked.streams < 2 * params->nth && shares.fit()) return shares.answer();
    answer_many(asked, sights, params, room);
}

ggml_status ggml_graph_compute(ggml_cgraph * graph, ggml_cplan * plan) {
    const Running<Tables> running(plan->work_data);
    return pannier_llama_graph_compute(graph, plan);
}
