// Products with few tokens: a row of weights times all of them, then the next row. Here memory is all that counts.
#pragma once

#include "panels.h"
#include "pieces.h"
#include "product.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define PANNIER_FEW
#include <immintrin.h>
#endif

namespace few {

constexpr int64_t LEAST_BYTES = 256 << 10;  // of a matrix; there can be one for each head, and threads meet for each

#if defined(PANNIER_FEW)

#if defined(PANNIER_PANELS)
constexpr int MOST = 3;  // tokens; panels are quicker for more
#else
constexpr int MOST = 8;
#endif

// Of four numbers that follow on each other one sum. Those of a row go without their signs, which the text's have taken.
inline __m256i sums_of(__m256i row, __m256i text) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    return _mm256_dpbusd_epi32(_mm256_setzero_si256(), row, text);
#elif defined(__AVXVNNI__)
    return _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), row, text);
#else
    return _mm256_madd_epi16(_mm256_maddubs_epi16(row, text), _mm256_set1_epi16(1));
#endif
}

inline __m256i numbers_of(const block_q8_0 & block) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(block.qs));
}

inline float sum_of(__m256 eight) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

// A row times TOKENS tokens. llama.cpp looks scales up in a table of 256 kB, which has to come back from a cache farther
// away again and again.
template <int TOKENS> inline void multiply(const Product & asked, int64_t row) {
    const block_q8_0 * weights = asked.row_at(row);
    __m256 sums[TOKENS];
    for (__m256 & sum : sums) sum = _mm256_setzero_ps();
    for (int64_t block = 0; block < asked.blocks; block++) {
        const __m256i numbers = numbers_of(weights[block]), sizes = _mm256_sign_epi8(numbers, numbers);
        const float scale = _cvtsh_ss(weights[block].d);
        for (int token = 0; token < TOKENS; token++) {
            const block_q8_0 & text = asked.text_at(token)[block];
            const __m256 products = _mm256_cvtepi32_ps(sums_of(sizes, _mm256_sign_epi8(numbers_of(text), numbers)));
            sums[token] = _mm256_fmadd_ps(_mm256_set1_ps(scale * _cvtsh_ss(text.d)), products, sums[token]);
        }
    }
    for (int token = 0; token < TOKENS; token++) asked.answer[token * asked.answer_pitch + row] = sum_of(sums[token]);
}

// With as many tokens as there are, TOKENS at most.
template <int TOKENS> void multiply_rows_with(const Product & asked, int64_t first, int64_t last) {
    if constexpr (TOKENS > 1) {
        if (asked.tokens < TOKENS) return multiply_rows_with<TOKENS - 1>(asked, first, last);
    }
    for (int64_t row = first; row < last; row++) multiply<TOKENS>(asked, row);
}

#endif

// Weights of any type times one token, by llama.cpp's way to multiply one row.
inline void multiply_rows_of_any(const Product & asked, int64_t first, int64_t last) {
    const ggml_vec_dot_t dot = ggml_get_type_traits_cpu(asked.weights_type)->vec_dot;
    const int width = asked.blocks * ggml_blck_size(asked.weights_type);
    for (int64_t row = first; row < last; row++)
        dot(width, asked.answer + row, 0, static_cast<const char *>(asked.weights) + row * asked.row_bytes(), 0,
            asked.texts, 0, 1);
}

// Whether it is one of these; all threads find the same. Rows that are far from each other are a head's in the cache.
inline bool are_asked(const Product & asked) {
    const bool is_whole = asked.weights_pitch == asked.blocks;
    if (!is_whole || asked.rows * asked.row_bytes() < LEAST_BYTES || ggml_is_numa()) return false;
#if defined(PANNIER_FEW)
    if (asked.is_q8_0()) return asked.tokens <= MOST;
#endif
    return asked.tokens == 1 && asked.weights_type != GGML_TYPE_F32
        && asked.texts_type == ggml_get_type_traits_cpu(asked.weights_type)->vec_dot_type;
}

inline void compute(const Product & asked) {
    if (!asked.is_first()) {
        ggml_barrier(asked.params->threadpool);  // others may still be at the product before
        begin_count(asked.params);
    }
    auto multiply_them = multiply_rows_of_any;
#if defined(PANNIER_FEW)
    if (asked.is_q8_0()) multiply_them = multiply_rows_with<MOST>;
#endif
    share_out(asked.params, Pieces(asked.rows, asked.row_bytes(), asked.params->nth),
              [&](int64_t first, int64_t last) { multiply_them(asked, first, last); });
}

}  // namespace few
