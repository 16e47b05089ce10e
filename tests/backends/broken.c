/* A CPU backend with one fault, around a real one.

Structures of ggml-backend-impl.h are seen as tables of pointers, so that this compiles without llama.cpp's source;
the indices are those of the pinned engine and a healthy build of this file (FAULT_NONE) is tested to pass its proof. */

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REG_DEVICE = 3, DEVICE_INIT = 5, BACKEND_COMPUTE = 13, HEALTHY_SUMS = 4 };

extern void *ggml_graph_node(void *graph, int index);
extern float *ggml_get_data_f32(const void *tensor);

static void *reg[8], *device[32];
static void *(*real_init)(void *, const char *);
static int (*real_compute)(void *, void *);
static int sums;

static void die(void) {
#ifdef FAULT_SIGNAL
    raise(FAULT_SIGNAL);
#endif
}

/* The first sums are float ones and pass, as with a processor whose AMX is broken. */
static int compute(void *backend, void *graph) {
    if (++sums > HEALTHY_SUMS) {
#ifdef FAULT_COMPUTE
        die();
#endif
#ifdef FAULT_HANG
        for (;;) pause();
#endif
#ifdef FAULT_STATUS
        return -1;
#endif
    }
    int status = real_compute(backend, graph);
#ifdef FAULT_WRONG
    if (sums == HEALTHY_SUMS + 2) { /* two results have changed places */
        float *results = ggml_get_data_f32(ggml_graph_node(graph, -1)), first = results[1000];
        results[1000] = results[1001];
        results[1001] = first;
    }
#endif
#ifdef FAULT_NAN
    if (sums == HEALTHY_SUMS + 2) ggml_get_data_f32(ggml_graph_node(graph, -1))[7] = 0.0f / 0.0f;
#endif
    return status;
}

static void *init_backend(void *dev, const char *parameters) {
#ifdef FAULT_INIT
    die();
#endif
#ifdef FAULT_NO_MEMORY
    return NULL;
#endif
    void **backend = real_init(dev, parameters);
    real_compute = (int (*)(void *, void *)) backend[BACKEND_COMPUTE];
    backend[BACKEND_COMPUTE] = (void *) compute;
    return backend;
}

static void *get_device(void *registry, size_t index) {
    (void) registry;
    (void) index;
    return device;
}

__attribute__((constructor)) static void on_load(void) {
#ifdef FAULT_LOAD
    die();
#endif
}

#ifdef FAULT_SYMBOL
extern void a_function_no_driver_has(void);
#endif

int ggml_backend_score(void) {
#ifdef FAULT_SYMBOL
    a_function_no_driver_has();
#endif
#ifdef FAULT_SCORE
    return 0;
#endif
    return 1000;
}

void *ggml_backend_init(void) {
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    void **real = ((void **(*)(void)) dlsym(library, "ggml_backend_init"))();
    memcpy(reg, real, sizeof(void *) * 6);
    memcpy(device, ((void *(*)(void *, size_t)) real[REG_DEVICE])(real, 0), sizeof(void *) * 17);
    real_init = (void *(*)(void *, const char *)) device[DEVICE_INIT];
    device[DEVICE_INIT] = (void *) init_backend;
    reg[REG_DEVICE] = (void *) get_device;
#ifdef FAULT_VERSION
    *(int *) reg = 1;
#endif
    printf("{\"status\": \"ok\", \"noise\": true}\n");
    fflush(stdout);
    return reg;
}
