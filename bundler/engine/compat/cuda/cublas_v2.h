// The part of the cuBLAS interface that llama.cpp calls, implemented in gemm.cu.
//
// NVIDIA's own library weighs 600 MB and does not come with its drivers, so a dist could neither carry it nor count
// on it. llama.cpp multiplies quantised weights with kernels of its own; what it leaves to cuBLAS are half and single
// precision products of many columns, and a few operations of rare architectures.
//
// Names, values and signatures are cuBLAS 13's (https://docs.nvidia.com/cuda/cublas/), so that the same objects can
// be linked with NVIDIA's library to compare. Matrices are column-major; every call is asynchronous on its stream.
#pragma once

#include <cuda_runtime.h>
#include <library_types.h>

// With a version below 11.2 llama.cpp reserves no workspace (32 MiB of device memory a stream on Hopper): none is used.
#define CUBLAS_VER_MAJOR 11
#define CUBLAS_VER_MINOR 0

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cublasContext * cublasHandle_t;

typedef enum {
    CUBLAS_STATUS_SUCCESS          = 0,
    CUBLAS_STATUS_NOT_INITIALIZED  = 1,
    CUBLAS_STATUS_ALLOC_FAILED     = 3,
    CUBLAS_STATUS_INVALID_VALUE    = 7,
    CUBLAS_STATUS_ARCH_MISMATCH    = 8,
    CUBLAS_STATUS_MAPPING_ERROR    = 11,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR   = 14,
    CUBLAS_STATUS_NOT_SUPPORTED    = 15,
} cublasStatus_t;

typedef enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 } cublasOperation_t;
typedef enum { CUBLAS_SIDE_LEFT = 0, CUBLAS_SIDE_RIGHT = 1 } cublasSideMode_t;
typedef enum { CUBLAS_FILL_MODE_LOWER = 0, CUBLAS_FILL_MODE_UPPER = 1 } cublasFillMode_t;
typedef enum { CUBLAS_DIAG_NON_UNIT = 0, CUBLAS_DIAG_UNIT = 1 } cublasDiagType_t;
typedef enum { CUBLAS_DEFAULT_MATH = 0, CUBLAS_TF32_TENSOR_OP_MATH = 3 } cublasMath_t;
typedef enum { CUBLAS_COMPUTE_16F = 64, CUBLAS_COMPUTE_32F = 68 } cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DEFAULT = -1, CUBLAS_GEMM_DEFAULT_TENSOR_OP = 99 } cublasGemmAlgo_t;

#define cublasCreate cublasCreate_v2
#define cublasDestroy cublasDestroy_v2
#define cublasSetStream cublasSetStream_v2
#define cublasSgemm cublasSgemm_v2

cublasStatus_t cublasCreate(cublasHandle_t * handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode);
const char *   cublasGetStatusString(cublasStatus_t status);

// C = alpha * op(A) * op(B) + beta * C, where op(A) is m x k, op(B) k x n and C m x n.
cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                           int k, const float * alpha, const float * A, int lda, const float * B, int ldb,
                           const float * beta, float * C, int ldc);

cublasStatus_t cublasSgemmBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                                  int n, int k, const float * alpha, const float * const A[], int lda,
                                  const float * const B[], int ldb, const float * beta, float * const C[], int ldc,
                                  int batchCount);

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                         int m, int n, int k, const float * alpha, const float * A, int lda,
                                         long long int strideA, const float * B, int ldb, long long int strideB,
                                         const float * beta, float * C, int ldc, long long int strideC,
                                         int batchCount);

// alpha and beta are half with CUBLAS_COMPUTE_16F, else float.
cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                            int k, const void * alpha, const void * A, cudaDataType Atype, int lda, const void * B,
                            cudaDataType Btype, int ldb, const void * beta, void * C, cudaDataType Ctype, int ldc,
                            cublasComputeType_t computeType, cublasGemmAlgo_t algo);

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                                   int n, int k, const void * alpha, const void * const A[], cudaDataType Atype,
                                   int lda, const void * const B[], cudaDataType Btype, int ldb, const void * beta,
                                   void * const C[], cudaDataType Ctype, int ldc, int batchCount,
                                   cublasComputeType_t computeType, cublasGemmAlgo_t algo);

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                          int m, int n, int k, const void * alpha, const void * A,
                                          cudaDataType Atype, int lda, long long int strideA, const void * B,
                                          cudaDataType Btype, int ldb, long long int strideB, const void * beta,
                                          void * C, cudaDataType Ctype, int ldc, long long int strideC,
                                          int batchCount, cublasComputeType_t computeType, cublasGemmAlgo_t algo);

// Solves X * A = alpha * B for X, which takes B's place; A is n x n and triangular, B m x n.
cublasStatus_t cublasStrsmBatched(cublasHandle_t handle, cublasSideMode_t side, cublasFillMode_t uplo,
                                  cublasOperation_t trans, cublasDiagType_t diag, int m, int n, const float * alpha,
                                  const float * const A[], int lda, float * const B[], int ldb, int batchCount);

#ifdef __cplusplus
}
#endif
