// Checks, and times, whatever implements cublas_v2.h: linked with gemm.cu, or with NVIDIA's cuBLAS to compare.
//
// `products check` prints one line for each wrong product and ends with 1 if there is one; `products time` prints
// the shape, the type and the teraflops of products as a model of 8 billion parameters has them.
#include "cublas_v2.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define MUST(call)                                                                     \
    do {                                                                               \
        if (int failed = (int) (call)) {                                               \
            printf("%s:%d: %s failed with %d\n", __FILE__, __LINE__, #call, failed);   \
            exit(2);                                                                   \
        }                                                                              \
    } while (0)

static unsigned state = 1;

static float any() { // between -1 and 1
    state = state * 1664525u + 1013904223u;
    return (state >> 8) / 8388608.0f - 1.0f;
}

template <typename T> T    narrowed(float x);
template <> float          narrowed(float x) { return x; }
template <> half           narrowed(float x) { return __float2half(x); }
template <> nv_bfloat16    narrowed(float x) { return __float2bfloat16(x); }
static float               wide(float x) { return x; }
static float               wide(half x) { return __half2float(x); }
static float               wide(nv_bfloat16 x) { return __bfloat162float(x); }
template <typename T> cudaDataType type_of();
template <> cudaDataType           type_of<float>() { return CUDA_R_32F; }
template <> cudaDataType           type_of<half>() { return CUDA_R_16F; }
template <> cudaDataType           type_of<nv_bfloat16>() { return CUDA_R_16BF; }

template <typename T> T * on_device(const std::vector<T> & values) {
    T * place;
    MUST(cudaMalloc((void **) &place, values.size() * sizeof(T)));
    MUST(cudaMemcpy(place, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
    return place;
}

enum Way { ONE, STRIDED, POINTERS };

// skew: elements before each matrix, so that nothing is aligned.
template <typename T, typename TC>
static int check(cublasHandle_t h, bool ta, bool tb, int m, int n, int k, Way way, int skew, float alpha, float beta,
                 bool halves) {
    const int  batches = way == ONE ? 1 : 3;
    const int  lda = (ta ? k : m) + skew, ldb = (tb ? n : k) + skew, ldc = m + skew;
    const long size_a = (long) lda * (ta ? m : k), size_b = (long) ldb * (tb ? k : n), size_c = (long) ldc * n;

    std::vector<T>  a(skew + batches * size_a), b(skew + batches * size_b);
    std::vector<TC> c(skew + batches * size_c);
    for (auto & x : a) x = narrowed<T>(any());
    for (auto & x : b) x = narrowed<T>(any());
    // With a beta of zero what stands there must not matter.
    for (auto & x : c) x = narrowed<TC>(beta == 0.0f ? NAN : any());

    T *        da = on_device(a);
    T *        db = on_device(b);
    TC *       dc = on_device(c);
    const half ha = __float2half(alpha), hb = __float2half(beta);
    const void * pa = halves ? (const void *) &ha : &alpha;
    const void * pb = halves ? (const void *) &hb : &beta;

    const auto opa = ta ? CUBLAS_OP_T : CUBLAS_OP_N, opb = tb ? CUBLAS_OP_T : CUBLAS_OP_N;
    const auto compute = halves ? CUBLAS_COMPUTE_16F : CUBLAS_COMPUTE_32F;
    if (way == ONE) {
        MUST(cublasGemmEx(h, opa, opb, m, n, k, pa, da + skew, type_of<T>(), lda, db + skew, type_of<T>(), ldb, pb,
                          dc + skew, type_of<TC>(), ldc, compute, CUBLAS_GEMM_DEFAULT));
    } else if (way == STRIDED) {
        MUST(cublasGemmStridedBatchedEx(h, opa, opb, m, n, k, pa, da + skew, type_of<T>(), lda, size_a, db + skew,
                                        type_of<T>(), ldb, size_b, pb, dc + skew, type_of<TC>(), ldc, size_c, batches,
                                        compute, CUBLAS_GEMM_DEFAULT));
    } else {
        std::vector<const void *> as, bs;
        std::vector<void *>       cs;
        for (int i = 0; i < batches; ++i) {
            as.push_back(da + skew + i * size_a);
            bs.push_back(db + skew + i * size_b);
            cs.push_back(dc + skew + i * size_c);
        }
        MUST(cublasGemmBatchedEx(h, opa, opb, m, n, k, pa, on_device(as), type_of<T>(), lda, on_device(bs),
                                 type_of<T>(), ldb, pb, on_device(cs), type_of<TC>(), ldc, batches, compute,
                                 CUBLAS_GEMM_DEFAULT));
    }
    MUST(cudaDeviceSynchronize());

    std::vector<TC> got(c.size());
    MUST(cudaMemcpy(got.data(), dc, got.size() * sizeof(TC), cudaMemcpyDeviceToHost));
    const double fine = sizeof(TC) == 4 ? 1e-5 : type_of<TC>() == CUDA_R_16F ? 1e-3 : 8e-3;
    double       worst = 0;
    for (int z = 0; z < batches; ++z) {
        for (int j = 0; j < n; ++j) {
            for (int i = 0; i < m; ++i) {
                double sum = 0, size = 0;
                for (int l = 0; l < k; ++l) {
                    const double x = wide(a[skew + z * size_a + (ta ? (long) i * lda + l : (long) l * lda + i)]);
                    const double y = wide(b[skew + z * size_b + (tb ? (long) l * ldb + j : (long) j * ldb + l)]);
                    sum += x * y;
                    size += std::fabs(x * y);
                }
                const long at = skew + z * size_c + (long) j * ldc + i;
                sum           = alpha * sum + (beta == 0.0f ? 0.0 : beta * wide(c[at]));
                const double off = std::fabs(wide(got[at]) - sum) / (size + std::fabs(sum) + 1e-3);
                worst            = off > worst || std::isnan(off) ? off : worst;
            }
        }
    }
    cudaFree(da);
    cudaFree(db);
    cudaFree(dc);
    if (!(worst <= fine)) {
        printf("wrong by %g: types %d to %d, %c%c, %d x %d x %d, way %d, skew %d\n", worst, type_of<T>(),
               type_of<TC>(), ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, way, skew);
        return 1;
    }
    return 0;
}

static int check_triangle(cublasHandle_t h, int m, int n) {
    const int          batches = 2;
    std::vector<float> a(batches * n * n), b(batches * m * n);
    for (auto & x : a) x = any() / n;
    for (auto & x : b) x = any();
    for (int i = 0; i < batches * n; ++i) a[(i / n) * n * n + (i % n) * (n + 1)] = 1.5f + any() / 2;
    float *                    da = on_device(a);
    float *                    db = on_device(b);
    std::vector<const float *> as = { da, da + n * n };
    std::vector<float *>       bs = { db, db + m * n };
    const float                alpha = 0.5f;
    MUST(cublasStrsmBatched(h, CUBLAS_SIDE_RIGHT, CUBLAS_FILL_MODE_UPPER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, m, n,
                            &alpha, on_device(as), n, on_device(bs), m, batches));
    std::vector<float> x(b.size());
    MUST(cudaMemcpy(x.data(), db, x.size() * sizeof(float), cudaMemcpyDeviceToHost));
    double worst = 0;
    for (int z = 0; z < batches; ++z) {
        for (int i = 0; i < m; ++i) {
            for (int j = 0; j < n; ++j) {
                double sum = 0;
                for (int l = 0; l <= j; ++l) sum += (double) x[z * m * n + l * m + i] * a[z * n * n + j * n + l];
                worst = std::fmax(worst, std::fabs(sum - alpha * b[z * m * n + j * m + i]));
            }
        }
    }
    if (!(worst <= 1e-4)) {
        printf("wrong by %g: triangle of %d, %d rows\n", worst, n, m);
        return 1;
    }
    return 0;
}

static int check_all(cublasHandle_t h) {
    const int sizes[][3] = { { 1, 1, 1 },   { 64, 64, 32 },   { 128, 128, 64 }, { 100, 37, 72 },
                             { 3, 200, 33 }, { 257, 129, 31 }, { 512, 24, 320 }, { 130, 70, 0 } };
    int done = 0, wrong = 0;
    for (const auto & s : sizes) {
        for (int turned = 0; turned < 4; ++turned) {
            for (int skew : { 0, 3 }) {
                for (Way way : { ONE, STRIDED, POINTERS }) {
                    const bool ta = turned & 1, tb = turned & 2;
                    wrong += check<half, half>(h, ta, tb, s[0], s[1], s[2], way, skew, 1.0f, 0.0f, true);
                    wrong += check<half, float>(h, ta, tb, s[0], s[1], s[2], way, skew, 1.5f, 1.0f, false);
                    wrong += check<nv_bfloat16, float>(h, ta, tb, s[0], s[1], s[2], way, skew, 1.0f, 0.0f, false);
                    wrong += check<nv_bfloat16, nv_bfloat16>(h, ta, tb, s[0], s[1], s[2], way, skew, 1.0f, 0.5f, false);
                    wrong += check<float, float>(h, ta, tb, s[0], s[1], s[2], way, skew, 0.5f, 1.0f, false);
                    done += 5;
                }
            }
        }
    }
    // Enough tiles that the large ones are taken.
    for (int skew : { 0, 3 }) {
        wrong += check<half, float>(h, true, false, 2560, 1290, 40, ONE, skew, 1.0f, 0.0f, false);
        wrong += check<nv_bfloat16, float>(h, true, false, 2560, 1290, 40, ONE, skew, 1.0f, 0.0f, false);
        wrong += check<half, half>(h, false, true, 2560, 1290, 40, ONE, skew, 1.0f, 0.0f, true);
        done += 3;
    }
    wrong += check_triangle(h, 100, 96) + check_triangle(h, 33, 5);
    printf("%d of %d products wrong\n", wrong, done + 2);
    return wrong ? 1 : 0;
}

template <typename T> static void time_one(cublasHandle_t h, const char * name, int m, int n, int k) {
    T *     a;
    T *     b;
    float * c;
    MUST(cudaMalloc((void **) &a, sizeof(T) * m * k));
    MUST(cudaMalloc((void **) &b, sizeof(T) * n * k));
    MUST(cudaMalloc((void **) &c, sizeof(float) * m * n));
    MUST(cudaMemset(a, 0x11, sizeof(T) * m * k));
    MUST(cudaMemset(b, 0x11, sizeof(T) * n * k));
    const float alpha = 1.0f, beta = 0.0f;
    const int   times = 20;
    cudaEvent_t from, to;
    MUST(cudaEventCreate(&from));
    MUST(cudaEventCreate(&to));
    for (int i = -3; i < times; ++i) {
        if (i == 0) {
            MUST(cudaEventRecord(from));
        }
        MUST(cublasGemmEx(h, CUBLAS_OP_T, CUBLAS_OP_N, m, n, k, &alpha, a, type_of<T>(), k, b, type_of<T>(), k, &beta,
                          c, CUDA_R_32F, m, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT_TENSOR_OP));
    }
    MUST(cudaEventRecord(to));
    MUST(cudaEventSynchronize(to));
    float ms;
    MUST(cudaEventElapsedTime(&ms, from, to));
    printf("%-9s %6d x %5d x %6d  %7.1f TFLOP/s\n", name, m, n, k, 2.0 * m * n * k * times / ms / 1e9);
    cudaFree(a);
    cudaFree(b);
    cudaFree(c);
}

int main(int argc, char ** argv) {
    cublasHandle_t h;
    MUST(cublasCreate(&h));
    if (argc > 1 && !strcmp(argv[1], "check")) {
        return check_all(h);
    }
    for (int n : { 32, 128, 512, 2048 }) {
        time_one<half>(h, "half", 4096, n, 4096);
        time_one<half>(h, "half", 14336, n, 4096);
        time_one<nv_bfloat16>(h, "bfloat16", 4096, n, 14336);
        time_one<float>(h, "float", 128, n, 4096);
    }
    return 0;
}
