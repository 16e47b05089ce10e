// Products of weights in Q8_0 with many tokens, on x86 processors that multiply and add four bytes at once (VNNI).
//
// A vector's lanes are tokens: four numbers of each lie side by side, the next token's behind them. So one instruction
// multiplies four numbers of a row of weights with those of sixteen tokens, and sums are scaled once a block for all of
// them. Where lanes are numbers, as in llama.cpp's products of this type, there are as many sums to scale as products.
#pragma once

#if defined(__AVX512VNNI__) && defined(__AVX512VL__) && defined(__AVX512BW__)
#define PANNIER_PANELS

#define GGML_COMMON_DECL_CPP
#include "ggml-common.h"
#include "ggml-cpu-impl.h"
#include "simd-mappings.h"

#include <cstdint>
#include <cstring>
#include <immintrin.h>

namespace panels {

constexpr int LINE = 64;  // bytes of a processor's cache that come and go together
constexpr int STEPS = QK8_0 / 4;

struct Eight {
    static constexpr int LANES = 8;
    using Numbers = __m256i;
    using Floats = __m256;

    static Numbers load(const int32_t * from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from)); }
    static Numbers all(int32_t number) { return _mm256_set1_epi32(number); }
    static Numbers add(Numbers sums, Numbers weights, Numbers tokens) {
        return _mm256_dpbusd_epi32(sums, weights, tokens);
    }
    static Floats floats(Numbers numbers) { return _mm256_cvtepi32_ps(numbers); }
    static Floats load(const float * from) { return _mm256_loadu_ps(from); }
    static Floats all(float number) { return _mm256_set1_ps(number); }
    static void store(float * to, Floats floats) { _mm256_storeu_ps(to, floats); }
};

struct Sixteen {
    static constexpr int LANES = 16;
    using Numbers = __m512i;
    using Floats = __m512;

    static Numbers load(const int32_t * from) { return _mm512_loadu_si512(from); }
    static Numbers all(int32_t number) { return _mm512_set1_epi32(number); }
    static Numbers add(Numbers sums, Numbers weights, Numbers tokens) {
        return _mm512_dpbusd_epi32(sums, weights, tokens);
    }
    static Floats floats(Numbers numbers) { return _mm512_cvtepi32_ps(numbers); }
    static Floats load(const float * from) { return _mm512_loadu_ps(from); }
    static Floats all(float number) { return _mm512_set1_ps(number); }
    static void store(float * to, Floats floats) { _mm512_storeu_ps(to, floats); }
};

// A block of as many tokens as there are lanes. The instruction wants weights that are not negative: they get 128 more,
// and sums begin with 128 times the token's numbers less.
template <int LANES> struct Block {
    int32_t numbers[STEPS][LANES];  // each four
    int32_t first[LANES];
    float scale[LANES];

    void put(int lane, const block_q8_0 & token) {
        int32_t sum = 0;
        for (int at = 0; at < QK8_0; at++) sum += token.qs[at];
        for (int step = 0; step < STEPS; step++) std::memcpy(&numbers[step][lane], token.qs + 4 * step, 4);
        first[lane] = -128 * sum;
        scale[lane] = GGML_CPU_FP16_TO_FP32(token.d);
    }
};

inline void lift(int32_t (&to)[STEPS], const int8_t * weights) {
    const __m256i block = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(weights));
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), _mm256_xor_si256(block, _mm256_set1_epi8(-128)));
}

// ROWS rows of weights, `pitch` blocks apart, times PANELS panels of tokens; results[row][panel * LANES + lane].
template <typename Lanes, int ROWS, int PANELS>
inline void multiply(const block_q8_0 * weights, int64_t pitch, const Block<Lanes::LANES> * const (&panels)[PANELS],
                     int64_t blocks, float (&results)[ROWS][PANELS * Lanes::LANES]) {
    typename Lanes::Floats sums[ROWS][PANELS];
    for (int row = 0; row < ROWS; row++)
        for (int panel = 0; panel < PANELS; panel++) sums[row][panel] = Lanes::all(0.0f);
    for (int64_t block = 0; block < blocks; block++) {
        // The rows that come next, or few tokens wait for memory longer than they compute.
        for (int line = 0; line < ROWS * int(sizeof(block_q8_0)); line += LINE)
            __builtin_prefetch(reinterpret_cast<const char *>(weights + ROWS * (pitch + block)) + line);
        int32_t lifted[ROWS][STEPS];
        typename Lanes::Numbers dots[ROWS][PANELS];
        for (int row = 0; row < ROWS; row++) {
            lift(lifted[row], weights[row * pitch + block].qs);
            for (int panel = 0; panel < PANELS; panel++) dots[row][panel] = Lanes::load(panels[panel][block].first);
        }
        asm("" : "+m"(lifted));  // to fill all lanes from memory is one instruction, from a register's middle two
#pragma GCC unroll 8
        for (int step = 0; step < STEPS; step++) {
            typename Lanes::Numbers tokens[PANELS];
            for (int panel = 0; panel < PANELS; panel++) tokens[panel] = Lanes::load(panels[panel][block].numbers[step]);
            for (int row = 0; row < ROWS; row++) {
                const typename Lanes::Numbers four = Lanes::all(lifted[row][step]);
                for (int panel = 0; panel < PANELS; panel++)
                    dots[row][panel] = Lanes::add(dots[row][panel], four, tokens[panel]);
            }
        }
        for (int row = 0; row < ROWS; row++) {
            const typename Lanes::Floats scale = Lanes::all(GGML_CPU_FP16_TO_FP32(weights[row * pitch + block].d));
            for (int panel = 0; panel < PANELS; panel++)
                sums[row][panel] += Lanes::floats(dots[row][panel]) * (scale * Lanes::load(panels[panel][block].scale));
        }
    }
    for (int row = 0; row < ROWS; row++)
        for (int panel = 0; panel < PANELS; panel++) Lanes::store(results[row] + panel * Lanes::LANES, sums[row][panel]);
}

}  // namespace panels

#endif
