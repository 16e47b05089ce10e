// The products that llama.cpp leaves to cuBLAS, computed by kernels of our own: see cublas_v2.h for why.
//
// Half and bfloat16 go through tensor cores and are summed in single precision. Single precision, and bfloat16 on
// Turing (whose tensor cores lack it), are computed by the ordinary cores: of a model's work that is next to nothing.
#include "cublas_v2.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>
#include <mma.h>

#include <cstdint>
#include <type_traits>

struct cublasContext {
    cudaStream_t stream;
    int          processors;        // multiprocessors of the device
    bool         bfloat16_in_tensor_cores;
};

namespace {

namespace wmma = nvcuda::wmma;

constexpr int AMPERE         = 8;
constexpr int MOST_BATCHES   = 65535; // of a grid's third dimension
constexpr int SIDE           = 16;    // of the squares a tensor core multiplies
constexpr int WARP           = 32;
constexpr int DEPTH          = 32;    // of a tile along k
constexpr int PAD            = 8;     // elements between a tile's rows, so that they start in different banks
constexpr int PITCH          = DEPTH + PAD;
constexpr int VECTOR         = 16;    // bytes copied at once

// One matrix of each batch: `pointers[i]`, or `stride` elements behind the one before.
template <typename T> struct Matrices {
    T *                first;
    T * const *        pointers;
    long long          stride;
    int                leading;

    __device__ T * operator[](int i) const { return pointers ? pointers[i] : first + i * stride; }
};

struct Shape {
    int  m, n, k;
    bool transpose_a, transpose_b; // A is stored k x m, B n x k
};

__device__ float  to_float(float x) { return x; }
__device__ float  to_float(half x) { return __half2float(x); }
__device__ float  to_float(nv_bfloat16 x) { return __bfloat162float(x); }
template <typename T> __device__ T from_float(float x);
template <> __device__ float       from_float<float>(float x) { return x; }
template <> __device__ half        from_float<half>(float x) { return __float2half(x); }
template <> __device__ nv_bfloat16 from_float<nv_bfloat16>(float x) { return __float2bfloat16(x); }

// c = alpha * sum + beta * c; what is not there yet may be NaN and is not read for a beta of zero.
template <typename T> __device__ void finish(T * c, float sum, float alpha, float beta) {
    *c = from_float<T>(alpha * sum + (beta != 0.0f ? beta * to_float(*c) : 0.0f));
}

// Fill a tile of `ROWS` x DEPTH, k fastest, from rows `row` on and columns `column` on; zeros beyond the matrix.
// along: whether the matrix, too, has k fastest.
template <int ROWS, int THREADS, typename T>
__device__ void load(T * tile, const T * matrix, int leading, int rows, int depth, int row, int column, bool along) {
    constexpr int COUNT  = VECTOR / sizeof(T);
    const bool    whole  = (reinterpret_cast<uintptr_t>(matrix) % VECTOR == 0) && (leading % COUNT == 0);
    if (along && whole) {
        for (int i = threadIdx.x; i < ROWS * DEPTH / COUNT; i += THREADS) {
            const int r = i / (DEPTH / COUNT), c = i % (DEPTH / COUNT) * COUNT;
            const int left = row + r < rows ? min(max(depth - column - c, 0), COUNT) : 0;
            // The source of an empty copy must be an address all the same.
            const T * from = left ? matrix + (long long) (row + r) * leading + column + c : matrix;
            __pipeline_memcpy_async(tile + r * PITCH + c, from, VECTOR, VECTOR - left * sizeof(T));
        }
        return;
    }
    for (int i = threadIdx.x; i < ROWS * DEPTH; i += THREADS) {
        const int  r = along ? i / DEPTH : i % ROWS, c = along ? i % DEPTH : i / ROWS;
        const bool inside = row + r < rows && column + c < depth;
        const long long at = along ? (long long) (row + r) * leading + column + c
                                   : (long long) (column + c) * leading + row + r;
        tile[r * PITCH + c] = inside ? matrix[at] : from_float<T>(0.0f);
    }
}

template <typename T> constexpr __host__ __device__ bool compiled_for_tensor_cores() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
    return std::is_same<T, half>::value;
#else
    return true;
#endif
}

// A block computes M x N of C; each of its warps 32 x 32 or, of the large tile, 64 x 32.
template <int M, int N, int WARPS_M, int WARPS_N, typename T, typename TC>
__global__ void __launch_bounds__(WARPS_M * WARPS_N * WARP)
    with_tensor_cores(Shape s, Matrices<const T> a, Matrices<const T> b, Matrices<TC> c, float alpha, float beta) {
    if constexpr (compiled_for_tensor_cores<T>()) {
        constexpr int THREADS = WARPS_M * WARPS_N * WARP;
        constexpr int DOWN    = M / WARPS_M / SIDE;
        constexpr int ACROSS  = N / WARPS_N / SIDE;

        __shared__ alignas(128) T     tiles_a[2][M * PITCH];
        __shared__ alignas(128) T     tiles_b[2][N * PITCH];
        __shared__ alignas(128) float squares[WARPS_M * WARPS_N][SIDE * SIDE];

        const T * A = a[blockIdx.z];
        const T * B = b[blockIdx.z];
        TC *      C = c[blockIdx.z];

        const int row  = blockIdx.x * M, column = blockIdx.y * N;
        const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
        const int warp_row = warp % WARPS_M * DOWN * SIDE, warp_column = warp / WARPS_M * ACROSS * SIDE;

        wmma::fragment<wmma::accumulator, SIDE, SIDE, SIDE, float> sums[DOWN][ACROSS];
        for (int i = 0; i < DOWN; ++i) {
            for (int j = 0; j < ACROSS; ++j) {
                wmma::fill_fragment(sums[i][j], 0.0f);
            }
        }

        const auto fetch = [&](int tile) {
            load<M, THREADS>(tiles_a[tile % 2], A, a.leading, s.m, s.k, row, tile * DEPTH, s.transpose_a);
            load<N, THREADS>(tiles_b[tile % 2], B, b.leading, s.n, s.k, column, tile * DEPTH, !s.transpose_b);
            __pipeline_commit();
        };
        const int tiles = (s.k + DEPTH - 1) / DEPTH;
        if (tiles) {
            fetch(0);
        }
        for (int tile = 0; tile < tiles; ++tile) {
            // The next tile travels while this one is multiplied.
            if (tile + 1 < tiles) {
                fetch(tile + 1);
                __pipeline_wait_prior(1);
            } else {
                __pipeline_wait_prior(0);
            }
            __syncthreads();
            const T * ta = tiles_a[tile % 2] + warp_row * PITCH;
            const T * tb = tiles_b[tile % 2] + warp_column * PITCH;
#pragma unroll
            for (int k = 0; k < DEPTH; k += SIDE) {
                wmma::fragment<wmma::matrix_a, SIDE, SIDE, SIDE, T, wmma::row_major> left[DOWN];
                wmma::fragment<wmma::matrix_b, SIDE, SIDE, SIDE, T, wmma::col_major> right[ACROSS];
#pragma unroll
                for (int i = 0; i < DOWN; ++i) {
                    wmma::load_matrix_sync(left[i], ta + i * SIDE * PITCH + k, PITCH);
                }
#pragma unroll
                for (int j = 0; j < ACROSS; ++j) {
                    wmma::load_matrix_sync(right[j], tb + j * SIDE * PITCH + k, PITCH);
                }
#pragma unroll
                for (int i = 0; i < DOWN; ++i) {
#pragma unroll
                    for (int j = 0; j < ACROSS; ++j) {
                        wmma::mma_sync(sums[i][j], left[i], right[j], sums[i][j]);
                    }
                }
            }
            __syncthreads();
        }

#pragma unroll
        for (int i = 0; i < DOWN; ++i) {
#pragma unroll
            for (int j = 0; j < ACROSS; ++j) {
                wmma::store_matrix_sync(squares[warp], sums[i][j], SIDE, wmma::mem_col_major);
                __syncwarp();
                for (int e = lane; e < SIDE * SIDE; e += WARP) {
                    const int r = row + warp_row + i * SIDE + e % SIDE, q = column + warp_column + j * SIDE + e / SIDE;
                    if (r < s.m && q < s.n) {
                        finish(C + (long long) q * c.leading + r, squares[warp][e], alpha, beta);
                    }
                }
                __syncwarp();
            }
        }
    }
}

// A block computes 64 x 64 of C in single precision; each of its 256 threads 4 x 4.
constexpr int PLAIN = 64, PLAIN_EACH = 4, PLAIN_DEPTH = 16;

template <typename T, typename TC>
__global__ void __launch_bounds__(256)
    with_ordinary_cores(Shape s, Matrices<const T> a, Matrices<const T> b, Matrices<TC> c, float alpha, float beta) {
    __shared__ float tile_a[PLAIN_DEPTH][PLAIN + 1];
    __shared__ float tile_b[PLAIN_DEPTH][PLAIN + 1];

    const T * A = a[blockIdx.z];
    const T * B = b[blockIdx.z];
    TC *      C = c[blockIdx.z];

    const int row = blockIdx.x * PLAIN, column = blockIdx.y * PLAIN;
    const int x = threadIdx.x % (PLAIN / PLAIN_EACH), y = threadIdx.x / (PLAIN / PLAIN_EACH);

    float sums[PLAIN_EACH][PLAIN_EACH] = {};
    for (int at = 0; at < s.k; at += PLAIN_DEPTH) {
        for (int i = threadIdx.x; i < PLAIN * PLAIN_DEPTH; i += blockDim.x) {
            // Whichever index is contiguous in memory goes through the threads fastest.
            const int ra = s.transpose_a ? i / PLAIN_DEPTH : i % PLAIN, ka = s.transpose_a ? i % PLAIN_DEPTH : i / PLAIN;
            const int rb = s.transpose_b ? i % PLAIN : i / PLAIN_DEPTH, kb = s.transpose_b ? i / PLAIN : i % PLAIN_DEPTH;
            const bool in_a = row + ra < s.m && at + ka < s.k, in_b = column + rb < s.n && at + kb < s.k;
            const long long from_a = s.transpose_a ? (long long) (row + ra) * a.leading + at + ka
                                                   : (long long) (at + ka) * a.leading + row + ra;
            const long long from_b = s.transpose_b ? (long long) (at + kb) * b.leading + column + rb
                                                   : (long long) (column + rb) * b.leading + at + kb;
            tile_a[ka][ra] = in_a ? to_float(A[from_a]) : 0.0f;
            tile_b[kb][rb] = in_b ? to_float(B[from_b]) : 0.0f;
        }
        __syncthreads();
#pragma unroll
        for (int k = 0; k < PLAIN_DEPTH; ++k) {
            float left[PLAIN_EACH], right[PLAIN_EACH];
            for (int i = 0; i < PLAIN_EACH; ++i) {
                left[i]  = tile_a[k][x + i * (PLAIN / PLAIN_EACH)];
                right[i] = tile_b[k][y + i * (PLAIN / PLAIN_EACH)];
            }
            for (int i = 0; i < PLAIN_EACH; ++i) {
                for (int j = 0; j < PLAIN_EACH; ++j) {
                    sums[i][j] += left[i] * right[j];
                }
            }
        }
        __syncthreads();
    }
    for (int j = 0; j < PLAIN_EACH; ++j) {
        for (int i = 0; i < PLAIN_EACH; ++i) {
            const int r = row + x + i * (PLAIN / PLAIN_EACH), q = column + y + j * (PLAIN / PLAIN_EACH);
            if (r < s.m && q < s.n) {
                finish(C + (long long) q * c.leading + r, sums[i][j], alpha, beta);
            }
        }
    }
}

// X * A = alpha * B, A upper triangular: columns one after the other, rows in parallel. X takes B's place.
__global__ void solve_right_upper(int m, int n, float alpha, const float * const * as, int lda, float * const * bs,
                                  int ldb, bool unit) {
    const float * A   = as[blockIdx.y];
    float *       B   = bs[blockIdx.y];
    const int     row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= m) {
        return;
    }
    for (int j = 0; j < n; ++j) {
        float sum = alpha * B[(long long) j * ldb + row];
        for (int i = 0; i < j; ++i) {
            sum -= B[(long long) i * ldb + row] * A[(long long) j * lda + i];
        }
        B[(long long) j * ldb + row] = unit ? sum : sum / A[(long long) j * lda + j];
    }
}

template <int M, int N, int WARPS_M, int WARPS_N, typename T, typename TC>
void launch_tiles(cublasHandle_t h, const Shape & s, Matrices<const T> a, Matrices<const T> b, Matrices<TC> c,
                  float alpha, float beta, int batches) {
    const dim3 grid((s.m + M - 1) / M, (s.n + N - 1) / N, batches);
    with_tensor_cores<M, N, WARPS_M, WARPS_N>
        <<<grid, WARPS_M * WARPS_N * WARP, 0, h->stream>>>(s, a, b, c, alpha, beta);
}

template <typename T, typename TC>
void launch(cublasHandle_t h, const Shape & s, const Matrices<const T> & a, const Matrices<const T> & b,
            const Matrices<TC> & c, float alpha, float beta, int batches) {
    if constexpr (!std::is_same<T, float>::value) {
        if (std::is_same<T, half>::value || h->bfloat16_in_tensor_cores) {
            const long long large = (long long) ((s.m + 127) / 128) * ((s.n + 127) / 128) * batches;
            // Large tiles read less memory, but there must be enough of them for every multiprocessor.
            if (large >= h->processors) {
                return launch_tiles<128, 128, 2, 4>(h, s, a, b, c, alpha, beta, batches);
            }
            return launch_tiles<64, 64, 2, 2>(h, s, a, b, c, alpha, beta, batches);
        }
    }
    const dim3 grid((s.m + PLAIN - 1) / PLAIN, (s.n + PLAIN - 1) / PLAIN, batches);
    with_ordinary_cores<<<grid, 256, 0, h->stream>>>(s, a, b, c, alpha, beta);
}

// Any of the products, its types still values. strides are 0 and pointers null where a call has none.
struct Call {
    Shape              shape;
    const void *       a;
    const void *       b;
    void *             c;
    const void * const * as;
    const void * const * bs;
    void * const *     cs;
    int                lda, ldb, ldc;
    long long          stride_a, stride_b, stride_c;
    int                batches;
};

template <typename T, typename TC> cublasStatus_t multiply(cublasHandle_t h, const Call & x, float alpha, float beta) {
    for (int done = 0; done < x.batches; done += MOST_BATCHES) {
        const int count = x.batches - done < MOST_BATCHES ? x.batches - done : MOST_BATCHES;

        const Matrices<const T> a = { (const T *) x.a + done * x.stride_a,
                                      x.as ? (const T * const *) x.as + done : nullptr, x.stride_a, x.lda };
        const Matrices<const T> b = { (const T *) x.b + done * x.stride_b,
                                      x.bs ? (const T * const *) x.bs + done : nullptr, x.stride_b, x.ldb };
        const Matrices<TC> c = { (TC *) x.c + done * x.stride_c, x.cs ? (TC * const *) x.cs + done : nullptr,
                                 x.stride_c, x.ldc };
        launch<T, TC>(h, x.shape, a, b, c, alpha, beta, count);
    }
    return cudaPeekAtLastError() == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

cublasStatus_t multiply(cublasHandle_t h, const Call & x, const void * alpha, const void * beta, cudaDataType a_type,
                        cudaDataType b_type, cudaDataType c_type, cublasComputeType_t compute) {
    if (!h) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    if (a_type != b_type || (c_type != a_type && c_type != CUDA_R_32F)) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    if (x.shape.m < 0 || x.shape.n < 0 || x.shape.k < 0 || x.batches < 0) {
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (x.shape.m == 0 || x.shape.n == 0 || x.batches == 0) {
        return CUBLAS_STATUS_SUCCESS;
    }
    const bool  halves = compute == CUBLAS_COMPUTE_16F;
    const float by     = halves ? __half2float(*(const half *) alpha) : *(const float *) alpha;
    const float keep   = halves ? __half2float(*(const half *) beta) : *(const float *) beta;
    const bool  single = c_type == CUDA_R_32F;
    switch (a_type) {
        case CUDA_R_32F:
            return multiply<float, float>(h, x, by, keep);
        case CUDA_R_16F:
            return single ? multiply<half, float>(h, x, by, keep) : multiply<half, half>(h, x, by, keep);
        case CUDA_R_16BF:
            return single ? multiply<nv_bfloat16, float>(h, x, by, keep)
                          : multiply<nv_bfloat16, nv_bfloat16>(h, x, by, keep);
        default:
            return CUBLAS_STATUS_NOT_SUPPORTED;
    }
}

Shape shape_of(cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k) {
    return { m, n, k, transa != CUBLAS_OP_N, transb != CUBLAS_OP_N };
}

} // namespace

extern "C" {

cublasStatus_t cublasCreate(cublasHandle_t * handle) {
    int device = 0, major = 0, processors = 0;
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device) != cudaSuccess) {
        return CUBLAS_STATUS_NOT_INITIALIZED;
    }
    *handle = new cublasContext{ nullptr, processors, major >= AMPERE };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

// Single precision is never computed in less than single precision, so there is nothing to choose.
cublasStatus_t cublasSetMathMode(cublasHandle_t, cublasMath_t) {
    return CUBLAS_STATUS_SUCCESS;
}

const char * cublasGetStatusString(cublasStatus_t status) {
    switch (status) {
        case CUBLAS_STATUS_SUCCESS:          return "success";
        case CUBLAS_STATUS_NOT_INITIALIZED:  return "no device";
        case CUBLAS_STATUS_INVALID_VALUE:    return "a negative size";
        case CUBLAS_STATUS_EXECUTION_FAILED: return "the device failed";
        case CUBLAS_STATUS_NOT_SUPPORTED:    return "a product that Pannier's CUDA part does not know";
        default:                             return "unknown";
    }
}

cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                           int k, const float * alpha, const float * A, int lda, const float * B, int ldb,
                           const float * beta, float * C, int ldc) {
    return cublasSgemmStridedBatched(handle, transa, transb, m, n, k, alpha, A, lda, 0, B, ldb, 0, beta, C, ldc, 0, 1);
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                         int m, int n, int k, const float * alpha, const float * A, int lda,
                                         long long int strideA, const float * B, int ldb, long long int strideB,
                                         const float * beta, float * C, int ldc, long long int strideC,
                                         int batchCount) {
    return cublasGemmStridedBatchedEx(handle, transa, transb, m, n, k, alpha, A, CUDA_R_32F, lda, strideA, B,
                                      CUDA_R_32F, ldb, strideB, beta, C, CUDA_R_32F, ldc, strideC, batchCount,
                                      CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasSgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                                  int n, int k, const float * alpha, const float * const A[], int lda,
                                  const float * const B[], int ldb, const float * beta, float * const C[], int ldc,
                                  int batchCount) {
    return cublasGemmBatchedEx(handle, transa, transb, m, n, k, alpha, (const void * const *) A, CUDA_R_32F, lda,
                               (const void * const *) B, CUDA_R_32F, ldb, beta, (void * const *) C, CUDA_R_32F, ldc,
                               batchCount, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                            int k, const void * alpha, const void * A, cudaDataType Atype, int lda, const void * B,
                            cudaDataType Btype, int ldb, const void * beta, void * C, cudaDataType Ctype, int ldc,
                            cublasComputeType_t computeType, cublasGemmAlgo_t algo) {
    return cublasGemmStridedBatchedEx(handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0, beta,
                                      C, Ctype, ldc, 0, 1, computeType, algo);
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                          int m, int n, int k, const void * alpha, const void * A,
                                          cudaDataType Atype, int lda, long long int strideA, const void * B,
                                          cudaDataType Btype, int ldb, long long int strideB, const void * beta,
                                          void * C, cudaDataType Ctype, int ldc, long long int strideC,
                                          int batchCount, cublasComputeType_t computeType, cublasGemmAlgo_t) {
    const Call call = { shape_of(transa, transb, m, n, k), A, B, C, nullptr, nullptr, nullptr, lda, ldb, ldc,
                        strideA, strideB, strideC, batchCount };
    return multiply(handle, call, alpha, beta, Atype, Btype, Ctype, computeType);
}

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                                   int n, int k, const void * alpha, const void * const A[], cudaDataType Atype,
                                   int lda, const void * const B[], cudaDataType Btype, int ldb, const void * beta,
                                   void * const C[], cudaDataType Ctype, int ldc, int batchCount,
                                   cublasComputeType_t computeType, cublasGemmAlgo_t) {
    const Call call = { shape_of(transa, transb, m, n, k), nullptr, nullptr, nullptr, A, B, C, lda, ldb, ldc,
                        0, 0, 0, batchCount };
    return multiply(handle, call, alpha, beta, Atype, Btype, Ctype, computeType);
}

cublasStatus_t cublasStrsmBatched(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,
                                  cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const float * alpha,
                                  const float * const A[], int lda, float * const B[], int ldb, int batchCount) {
    if (side != CUBLAS_SIDE_RIGHT || uplo != CUBLAS_FILL_MODE_UPPER || trans != CUBLAS_OP_N) {
        return CUBLAS_STATUS_NOT_SUPPORTED;
    }
    constexpr int THREADS = 64;
    for (int done = 0; m > 0 && done < batchCount; done += MOST_BATCHES) {
        const int  count = batchCount - done < MOST_BATCHES ? batchCount - done : MOST_BATCHES;
        const dim3 grid((m + THREADS - 1) / THREADS, count);
        solve_right_upper<<<grid, THREADS, 0, handle->stream>>>(m, n, *alpha, A + done, lda, B + done, ldb,
                                                                diag == CUBLAS_DIAG_UNIT);
    }
    return cudaPeekAtLastError() == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
}
