// What llama.cpp asks for: a matrix of weights times the numbers of tokens.
#pragma once

#define GGML_COMMON_DECL_CPP
#include "ggml-common.h"
#include "ggml-cpu.h"
#include "ggml-cpu-impl.h"

#include <cstdint>

namespace {

// Pitches: of weights and tokens in blocks of their types, of the answer in floats.
struct Product {
    const ggml_compute_params * params;
    int64_t rows, tokens, blocks;
    const void * weights;
    int64_t weights_pitch;
    const void * texts;
    int64_t texts_pitch;
    float * answer;
    int64_t answer_pitch;
    ggml_type weights_type, texts_type;

    bool is_q8_0() const { return weights_type == GGML_TYPE_Q8_0 && texts_type == GGML_TYPE_Q8_0; }
    int64_t row_bytes() const { return weights_pitch * static_cast<int64_t>(ggml_type_size(weights_type)); }

    // The first of several at a time: all threads have come together just before, and nobody has counted since.
    bool is_first() const { return texts == params->wdata; }

    // As Q8_0: the row's first block, and the token's.
    const block_q8_0 * row_at(int64_t row) const { return static_cast<const block_q8_0 *>(weights) + row * weights_pitch; }
    const block_q8_0 * text_at(int64_t token) const { return static_cast<const block_q8_0 *>(texts) + token * texts_pitch; }
};

}  // namespace
