// How the rows of a matrix are shared out among threads.
#pragma once

#include "ggml-cpu-impl.h"

#include <algorithm>
#include <cstdint>

namespace {

// Large pieces come first, small ones last. Memory is fastest where each thread reads it in a row: with pieces of 35 kB,
// llama.cpp's, a product with one token took up to twice as long. And nobody waits long for a thread that was late.
class Pieces {
  public:
    // row_bytes: of the matrix.
    Pieces(int64_t rows, int64_t row_bytes, int threads) :
        rows(rows), shares(int64_t{2} * threads),
        least(std::max<int64_t>(1, std::min(LEAST_BYTES / row_bytes, rows / threads))) {}

    // The rows of the piece with this number; numbers must not fall. False behind the last.
    bool find(int64_t number, int64_t & first, int64_t & last) {
        while (next <= number && end < rows) {
            begin = end;
            end = std::min(rows, begin + std::max((rows - begin) / shares, least));
            end = std::min(rows, (end + TOGETHER - 1) / TOGETHER * TOGETHER);
            next++;
        }
        first = begin, last = end;
        return next > number;
    }

  private:
    static constexpr int64_t LEAST_BYTES = 32 << 10;  // unless somebody would go without
    static constexpr int64_t TOGETHER = 4;  // rows, which products with many tokens multiply together

    const int64_t rows, shares, least;
    int64_t begin = 0, end = 0, next = 0;  // the last piece found, and the number behind it
};

// Every thread goes through the pieces that nobody else has taken. act: is given the first row and the one behind the
// last. The thread pool's count must stand behind the pieces that the threads have without asking.
template <typename Act> void share_out(const ggml_compute_params * params, Pieces pieces, Act act) {
    int64_t first, last;
    for (int piece = params->ith; pieces.find(piece, first, last);
         piece = ggml_threadpool_chunk_add(params->threadpool, 1))
        act(first, last);
}

// Let the count begin anew, once all threads are here.
inline void begin_count(const ggml_compute_params * params) {
    if (params->ith == 0) ggml_threadpool_chunk_set(params->threadpool, params->nth);
    ggml_barrier(params->threadpool);
}

}  // namespace
