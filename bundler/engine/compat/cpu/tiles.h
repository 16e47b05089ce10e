// Small dense pieces of single precision, in the widest vectors that the instructions compiled for have.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace tiles {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int32_t vec_of_bits __attribute__((vector_size(4 * LANES)));
typedef float quad __attribute__((vector_size(16)));

#if defined(__clang__)
#define PANNIER_MIX(a, b, w, x, y, z) __builtin_shufflevector(a, b, w, x, y, z)
#else
typedef int quad_of_places __attribute__((vector_size(16)));
#define PANNIER_MIX(a, b, w, x, y, z) __builtin_shuffle(a, b, quad_of_places{w, x, y, z})
#endif

template <typename Vector> inline Vector load(const float * from) {
    Vector loaded;
    std::memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

template <typename Vector> inline void store(float * to, Vector vector) {
    std::memcpy(to, &vector, sizeof vector);
}

// Four rows become four columns.
inline void turn(quad (&rows)[4]) {
    const quad ab_low = PANNIER_MIX(rows[0], rows[1], 0, 4, 1, 5), ab_high = PANNIER_MIX(rows[0], rows[1], 2, 6, 3, 7);
    const quad cd_low = PANNIER_MIX(rows[2], rows[3], 0, 4, 1, 5), cd_high = PANNIER_MIX(rows[2], rows[3], 2, 6, 3, 7);
    rows[0] = PANNIER_MIX(ab_low, cd_low, 0, 1, 4, 5);
    rows[1] = PANNIER_MIX(ab_low, cd_low, 2, 3, 6, 7);
    rows[2] = PANNIER_MIX(ab_high, cd_high, 0, 1, 4, 5);
    rows[3] = PANNIER_MIX(ab_high, cd_high, 2, 3, 6, 7);
}

// Four rows of `width` (a multiple of 4) floats, one behind the other, become columns of `to`, `pitch` apart.
inline void turn_into(float * to, int pitch, const float * from, int width) {
    for (int at = 0; at < width; at += 4) {
        quad rows[4];
        for (int row = 0; row < 4; row++) rows[row] = load<quad>(from + row * width + at);
        turn(rows);
        for (int row = 0; row < 4; row++) store(to + (at + row) * pitch, rows[row]);
    }
}

// The products of one row with four others, one behind the other; `width` is a multiple of LANES.
inline quad dots(const float * row, const float * others, int width) {
    vec sums[4] = {};
    for (int at = 0; at < width; at += LANES) {
        const vec factor = load<vec>(row + at);
        for (int other = 0; other < 4; other++) sums[other] += factor * load<vec>(others + other * width + at);
    }
    quad folded[4];
    for (int other = 0; other < 4; other++) {
        quad parts[LANES / 4];
        std::memcpy(parts, &sums[other], sizeof parts);
        folded[other] = parts[0];
        for (int part = 1; part < LANES / 4; part++) folded[other] += parts[part];
    }
    turn(folded);
    return (folded[0] + folded[1]) + (folded[2] + folded[3]);
}

inline float largest(const float * from, int count) {
    float best = -INFINITY;
    int at = 0;
    if (count >= LANES) {
        vec several = load<vec>(from);
        for (at = LANES; at + LANES <= count; at += LANES) {
            const vec more = load<vec>(from + at);
            several = more > several ? more : several;
        }
        for (int lane = 0; lane < LANES; lane++) best = several[lane] > best ? several[lane] : best;
    }
    for (; at < count; at++) best = from[at] > best ? from[at] : best;
    return best;
}

// Of numbers, a multiple of LANES, those with a bit in `kept` stay; the others become minus infinity.
inline void keep(float * numbers, uint64_t kept, int count) {
    vec_of_bits bit;
    for (int lane = 0; lane < LANES; lane++) bit[lane] = 1 << lane;
    const vec hidden = vec{} - INFINITY;
    for (int at = 0; at < count; at += LANES) {
        const vec_of_bits here = (vec_of_bits{} + static_cast<int32_t>(kept >> at & 0xFFFF)) & bit;
        store(numbers + at, here != 0 ? load<vec>(numbers + at) : hidden);
    }
}

// A matrix where it lies: rows are `pitch` floats apart.
template <typename Float> struct Matrix {
    Float * at;
    int pitch;

    Float * row(int row) const { return at + row * pitch; }
};

// ROWS rows and COLUMNS vectors of `result`, which fit into registers.
template <int ROWS, int COLUMNS, bool ADDS>
inline void product_of_block(float * result, int pitch, Matrix<const float> left, Matrix<const float> right,
                             int depth) {
    vec sums[ROWS][COLUMNS] = {};
    if (ADDS) {
        for (int row = 0; row < ROWS; row++)
            for (int column = 0; column < COLUMNS; column++)
                sums[row][column] = load<vec>(result + row * pitch + column * LANES);
    }
    for (int step = 0; step < depth; step++) {
        vec factors[COLUMNS];
        for (int column = 0; column < COLUMNS; column++) factors[column] = load<vec>(right.row(step) + column * LANES);
        for (int row = 0; row < ROWS; row++)
            for (int column = 0; column < COLUMNS; column++) sums[row][column] += factors[column] * left.row(row)[step];
    }
    for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLUMNS; column++)
            store(result + row * pitch + column * LANES, sums[row][column]);
}

template <int ROWS, int COLUMNS, bool ADDS>
inline void product_of_rows(Matrix<float> result, Matrix<const float> left, Matrix<const float> right, int width,
                            int depth) {
    int at = 0;
    for (; at + COLUMNS * LANES <= width; at += COLUMNS * LANES)
        product_of_block<ROWS, COLUMNS, ADDS>(result.at + at, result.pitch, left, {right.at + at, right.pitch}, depth);
    for (; at < width; at += LANES)
        product_of_block<ROWS, 1, ADDS>(result.at + at, result.pitch, left, {right.at + at, right.pitch}, depth);
}

// result = left × right, or += if it ADDS. left: rows × depth. right: depth × width, which is a multiple of LANES.
template <bool ADDS>
inline void product(Matrix<float> result, Matrix<const float> left, Matrix<const float> right, int rows, int width,
                    int depth) {
    int row = 0;
    for (; row + 6 <= rows; row += 6)
        product_of_rows<6, 2, ADDS>({result.row(row), result.pitch}, {left.row(row), left.pitch}, right, width, depth);
    for (; row + 4 <= rows; row += 4)
        product_of_rows<4, 2, ADDS>({result.row(row), result.pitch}, {left.row(row), left.pitch}, right, width, depth);
    if (row + 2 <= rows) {
        product_of_rows<2, 4, ADDS>({result.row(row), result.pitch}, {left.row(row), left.pitch}, right, width, depth);
        row += 2;
    }
    if (row < rows)
        product_of_rows<1, 8, ADDS>({result.row(row), result.pitch}, {left.row(row), left.pitch}, right, width, depth);
}

}  // namespace tiles
