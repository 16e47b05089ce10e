// Plans a graph as llama.cpp does, which CMake renames (project.cmake), with room for attention and products of ours.

#include "ggml-cpu.h"
#include "ggml-impl.h"
#include "planning.h"

#include <algorithm>

extern "C" ggml_cplan pannier_llama_graph_plan(const ggml_cgraph * graph, int threads, ggml_threadpool * pool);

ggml_cplan ggml_graph_plan(const ggml_cgraph * graph, int threads, ggml_threadpool * pool) {
    ggml_cplan plan = pannier_llama_graph_plan(graph, threads, pool);
    for (int number = 0; number < graph->n_nodes; number++) {
        const ggml_tensor * node = graph->nodes[number];
        plan.work_size = std::max({plan.work_size, room_for_attention(node, plan.n_threads), room_for_product(node)});
    }
    return plan;
}
