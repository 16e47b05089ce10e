// Attention on processors, for caches that many texts share.
//
// llama.cpp's own looks at every cell of the cache for every query, also at those the mask hides from it, one cell at a
// time: with sixteen texts in one cache fifteen sixteenths of that are for nothing, and a beginning all of them share
// is read sixteen times. Here 64 cells are looked at together with all queries of a few rows and of all heads that read
// the same keys (group.h). What many of them see is multiplied as a tile; of what is one row's own a list is kept until
// there are 64. Who sees what is read from the mask once for all heads and layers (sights.h).
//
// CMake renames llama.cpp's functions (project.cmake); what is unusual is left to them.

#include "planning.h"
#include "running.h"
#include "slices.h"
#include "tasks.h"

extern "C" {
void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
void pannier_llama_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst);
ggml_status pannier_llama_graph_compute(ggml_cgraph * graph, ggml_cplan * plan);
}

namespace {

// A thread's part of the work buffer, and how many queries a group may have there.
struct Room {
    int most;
    int64_t bytes;

    Room(const Question & asked, int64_t all, int threads) :
        most(most_of(asked)), bytes(bytes_of(asked, most)) {
        while (most > 0 && bytes * threads > all) bytes = bytes_of(asked, most -= asked.sharing);
    }

    static int most_of(const Question & asked) { return MOST / asked.sharing * asked.sharing; }
    static int64_t bytes_of(const Question & asked, int most) {
        return (Group::room(asked, most) * int64_t{sizeof(float)} + LINE - 1) / LINE * LINE;
    }
};

void finish(Group & group, const Question & asked, int stream) {
    for (int query = 0; query < group.size(); query++) {
        const int head = group.head_of(query);
        group.seen(query).finish(asked.answer(group.row_of(query), head, stream), asked.sink(head), asked.values_wide);
    }
}

void answer(const Question & asked, const Sights & sights, const ggml_compute_params * params, const Room & room) {
    const int threads = params->nth;
    char * const begin = static_cast<char *>(params->wdata), * const behind = begin + threads * room.bytes;
    const Slices slices(asked, behind, begin + params->wsize - behind, Tasks::slices_for(asked, threads));
    const bool are_few = Tasks::are_few(asked, threads);
    if (!are_few) {  // whoever is free takes the next
        if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, threads);
        ggml_barrier(params->threadpool);
    }
    Place place;
    Tasks tasks(asked, sights, threads, room.most, slices.most_of_a_group()), again = tasks;
    for (int task = params->ith; tasks.find(task, place);
         task = are_few ? task + threads : ggml_threadpool_chunk_add(params->threadpool, 1)) {
        Group group(asked, sights, reinterpret_cast<float *>(begin + params->ith * room.bytes), place);
        group.look();
        if (place.slices > 1) slices.lay_by(group, place);
        else finish(group, asked, place.stream);
    }
    if (!tasks.were_sliced()) return;
    ggml_barrier(params->threadpool);
    for (int task = params->ith; again.find(task, place); task += threads)
        if (place.slices > 1) slices.put_together(place);
}

}  // namespace

void ggml_compute_forward_flash_attn_ext(const ggml_compute_params * params, ggml_tensor * dst) {
    const Question asked(dst);
    const Room room(asked, params->wsize, params->nth);
    if (params->use_ref || !asked.is_usual() || room.most == 0) return pannier_llama_flash_attn_ext(params, dst);
    Tables * known = Running<Tables>::memory(params->wdata);
    const Sights sights(asked, known ? known->of(asked, params) : nullptr);
    answer(asked, sights, params, room);
}

size_t room_for_attention(const ggml_tensor * node, int threads) {
    if (node->op != GGML_OP_FLASH_ATTN_EXT) return 0;
    ggml_tensor asking = *node;
    const Question asked(&asking);
    if (!asked.is_usual()) return 0;
    const int slices = Tasks::slices_for(asked, threads);
    return threads * Room::bytes_of(asked, Room::most_of(asked)) + (slices > 1 ? slices * Slices::room(asked) : 0);
}

ggml_status ggml_graph_compute(ggml_cgraph * graph, ggml_cplan * plan) {
    const Running<Tables> running(plan->work_data);
    return pannier_llama_graph_compute(graph, plan);
}
