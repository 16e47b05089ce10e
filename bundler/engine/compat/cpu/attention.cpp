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

// How many rows, and heads of keys, are looked at together, so that there are enough groups for all threads. Rows that
// see the same cells belong together, to read them once. Where every row has its own, all heads do: their keys lie side
// by side, and memory is fastest read in a row. Of a prompt, all heads that there is room for: its mask is long, and read
// once for each group.
struct Plan {
    int rows, key_heads;

    // room: floats for each thread.
    Plan(const Question & asked, int threads, int64_t room) {
        const int wanted = FOR_EACH_THREAD * threads, all = asked.rows * asked.key_heads * asked.streams;
        if (asked.rows < TILE && asked.rows * asked.streams >= wanted && !share_cells(asked)) {
            rows = 1;
            key_heads = std::min(asked.key_heads, TILE / asked.sharing);
            return;
        }
        rows = std::max(1, std::min({TILE / asked.sharing, asked.rows, (all + wanted - 1) / wanted}));
        key_heads = 1;
        const int in_rows = (asked.rows + rows - 1) / rows * asked.streams;
        const int each = rows * asked.sharing;
        while (2 * key_heads <= asked.key_heads && in_rows * (asked.key_heads / (2 * key_heads)) >= wanted
               && 2 * key_heads * each <= MOST && Group::room(asked, 2 * key_heads * each) <= room) {
            key_heads *= 2;
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
                    const uint64_t one = sight_of(asked, row, stream, cell).cells;
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
    const int64_t room_for_each = params->wsize / sizeof(float) / params->nth;
    const Plan plan(asked, params->nth, room_for_each);
    const int in_rows = (asked.rows + plan.rows - 1) / plan.rows;
    const int in_heads = (asked.key_heads + plan.key_heads - 1) / plan.key_heads;
    const int tasks = in_rows * in_heads * asked.streams;
    float * room = static_cast<float *>(params->wdata) + params->ith * room_for_each;
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
    for (int task = params->ith; task < tasks; task = ggml_threadpool_chunk_add(params->threadpool, 1)) {
        const int row = task / (in_heads * asked.streams) * plan.rows, key_head = task % in_heads * plan.key_heads;
        const int stream = task / in_heads % asked.streams;
        Group group(asked, room, {row, std::min(plan.rows, asked.rows - row), key_head,
                                  std::min(plan.key_heads, asked.key_heads - key_head), stream});
        group.look();
        for (int query = 0; query < group.size(); query++) {
            const int head = group.head_of(query);
            float * answer = asked.answer(group.row_of(query), head, stream);
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
            group.look(visible * params->ith / params->nth, visible * (params->ith + 1) / params->nth);
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
    const auto needed = params->nth * Group::room(asked, TILE) * static_cast<int64_t>(sizeof(float));
    if (params->use_ref || !asked.is_usual() || static_cast<int64_t>(params->wsize) < needed) {
        pannier_llama_flash_attn_ext(params, dst);
        return;
    }
    const Shares shares{asked, params};
    if (asked.rows * asked.key_heads * asked.streams < 2 * params->nth && shares.fit()) shares.answer();
    else answer_many(asked, params);
}
