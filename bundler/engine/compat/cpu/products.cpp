// Products of weights in Q8_0 with few tokens (few.h) and with many (panels.h), and of any weights with one. What is
// another product, or on another processor, is left to llama.cpp's own, which CMake renames (project.cmake).
//
// llama.cpp asks for them here when it has made the tokens' numbers Q8_0, too, or what else the weights want, which lie
// at the beginning of the work buffer. The panels lie at its end, in room that is planned for them (planning.h).

#include "few.h"
#include "panels.h"
#include "planning.h"
#include "tiles.h"

#include <algorithm>

extern "C" {
bool llamafile_sgemm(const ggml_compute_params * params, int64_t rows, int64_t tokens, int64_t blocks,
                     const void * weights, int64_t weights_pitch, const void * texts, int64_t texts_pitch,
                     void * answer, int64_t answer_pitch, int weights_type, int texts_type, int answer_type);
bool pannier_llama_sgemm(const ggml_compute_params * params, int64_t rows, int64_t tokens, int64_t blocks,
                         const void * weights, int64_t weights_pitch, const void * texts, int64_t texts_pitch,
                         void * answer, int64_t answer_pitch, int weights_type, int texts_type, int answer_type);
}

#if defined(PANNIER_PANELS)

namespace {

using namespace panels;

constexpr int GROUP = 4;       // rows that are multiplied together
constexpr int MOST_ROWS = 64;  // that are multiplied with panel after panel, and stay near meanwhile

// A product with many tokens.
class Many {
  public:
    explicit Many(const Product & asked) : asked(asked) {}

    // Bytes of the work buffer that panels of so many tokens take.
    static size_t room(int64_t tokens, int64_t blocks) {
        const size_t block = tokens <= Eight::LANES ? sizeof(Block<Eight::LANES>)
                                                    : panels<Sixteen>(tokens) * sizeof(Block<Sixteen::LANES>);
        return block * blocks + LINE;
    }

    // Whether it is one of these; all threads find the same.
    bool is_asked() const {
        const size_t needed = asked.tokens * asked.texts_pitch * sizeof(block_q8_0) + room(asked.tokens, asked.blocks);
        return asked.is_q8_0() && asked.tokens > 1 && asked.params->wsize >= needed;
    }

    void compute() const {
        if (!asked.is_first()) ggml_barrier(asked.params->threadpool);  // others may still be at the product before
        if (asked.tokens <= Eight::LANES) return compute_with<Eight, 1>();
        compute_with<Sixteen, 2>();
    }

  private:
    const Product & asked;

    template <typename Lanes> static int64_t panels(int64_t tokens) {
        return (tokens + Lanes::LANES - 1) / Lanes::LANES;
    }

    template <typename Lanes> Block<Lanes::LANES> * panel(int64_t number) const {
        const uintptr_t end = reinterpret_cast<uintptr_t>(asked.params->wdata) + asked.params->wsize;
        const uintptr_t begin = (end - room(asked.tokens, asked.blocks) + LINE - 1) / LINE * LINE;
        return reinterpret_cast<Block<Lanes::LANES> *>(begin) + number * asked.blocks;
    }

    // TOGETHER: panels that are multiplied together.
    template <typename Lanes, int TOGETHER> void compute_with() const {
        const ggml_compute_params * params = asked.params;
        const int64_t count = panels<Lanes>(asked.tokens), all = count * asked.blocks;
        for (int64_t one = all * params->ith / params->nth; one < all * (params->ith + 1) / params->nth; one++)
            fill<Lanes>(one / asked.blocks, one % asked.blocks);
        begin_count(params);
        share_out(params, Pieces(asked.rows, asked.row_bytes(), params->nth), [&](int64_t first, int64_t last) {
            for (; first < last; first += MOST_ROWS) {
                const int64_t end = std::min(last, first + MOST_ROWS);
                int64_t number = 0;
                for (; number + TOGETHER <= count; number += TOGETHER)
                    multiply_rows<Lanes, TOGETHER>(first, end, number);
                for (; number < count; number++) multiply_rows<Lanes, 1>(first, end, number);
            }
        });
    }

    template <typename Lanes> void fill(int64_t number, int64_t block) const {
        Block<Lanes::LANES> & to = panel<Lanes>(number)[block];
        const int64_t first = number * Lanes::LANES, last = std::min(asked.tokens, first + Lanes::LANES);
        if (last < first + Lanes::LANES) std::memset(&to, 0, sizeof to);
        for (int64_t token = first; token < last; token++) to.put(token - first, asked.text_at(token)[block]);
    }

    template <typename Lanes, int PANELS> void multiply_rows(int64_t first, int64_t last, int64_t number) const {
        int64_t row = first;
        for (; row + GROUP <= last; row += GROUP) multiply_group<Lanes, GROUP, PANELS>(row, number);
        for (; row < last; row++) multiply_group<Lanes, 1, PANELS>(row, number);
    }

    template <typename Lanes, int ROWS, int PANELS> void multiply_group(int64_t row, int64_t number) const {
        constexpr int LANES = PANELS * Lanes::LANES;
        float results[ROWS][LANES];
        const Block<Lanes::LANES> * together[PANELS];
        for (int one = 0; one < PANELS; one++) together[one] = panel<Lanes>(number + one);
        multiply<Lanes, ROWS, PANELS>(asked.row_at(row), asked.weights_pitch, together, asked.blocks, results);
        const int64_t first = number * Lanes::LANES, count = std::min<int64_t>(LANES, asked.tokens - first);
        float * to = asked.answer + first * asked.answer_pitch + row;
        if (ROWS == 4 && count == LANES) return tiles::turn_into(to, asked.answer_pitch, results[0], LANES);
        for (int64_t token = 0; token < count; token++)
            for (int one = 0; one < ROWS; one++) to[token * asked.answer_pitch + one] = results[one][token];
    }
};

}  // namespace

#endif

bool llamafile_sgemm(const ggml_compute_params * params, int64_t rows, int64_t tokens, int64_t blocks,
                     const void * weights, int64_t weights_pitch, const void * texts, int64_t texts_pitch,
                     void * answer, int64_t answer_pitch, int weights_type, int texts_type, int answer_type) {
    if (answer_type == GGML_TYPE_F32) {
        const Product asked{params, rows, tokens, blocks, weights, weights_pitch, texts, texts_pitch,
                            static_cast<float *>(answer), answer_pitch,
                            static_cast<ggml_type>(weights_type), static_cast<ggml_type>(texts_type)};
        if (few::are_asked(asked)) return few::compute(asked), true;
#if defined(PANNIER_PANELS)
        if (const Many many(asked); many.is_asked()) return many.compute(), true;
#endif
    }
    return pannier_llama_sgemm(params, rows, tokens, blocks, weights, weights_pitch, texts, texts_pitch, answer,
                               answer_pitch, weights_type, texts_type, answer_type);
}

// Its tokens in Q8_0, and the panels.
size_t room_for_product(const ggml_tensor * node) {
#if defined(PANNIER_PANELS)
    if (node->op != GGML_OP_MUL_MAT || node->src[0]->type != GGML_TYPE_Q8_0) return 0;
    const ggml_tensor * texts = node->src[1];
    const size_t numbers = ggml_row_size(GGML_TYPE_Q8_0, ggml_nelements(texts));
    return numbers + Many::room(texts->ne[1], texts->ne[0] / QK8_0);
#else
    return 0;
#endif
}
