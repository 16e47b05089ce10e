/* A CPU backend with one fault, around a real one.

Structures of ggml-backend-impl.h are seen as tables of pointers, so that this compiles without llama.cpp's source;
the indices are those of the pinned engine and a healthy build of this file (FAULT_NONE) is tested to pass its proof. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEVICE_NAME, DEVICE_DESCRIPTION, DEVICE_MEMORY, DEVICE_TYPE, DEVICE_PROPS };
enum { REG_DEVICE = 3, DEVICE_INIT = 5, BACKEND_COMPUTE = 13, HEALTHY_SUMS = 4 };

extern void *ggml_graph_node(void *graph, int index);
extern float *ggml_get_data_f32(const void *tensor);

static void *reg[8], *device[32];
static void *(*real_init)(void *, const char *);
static int (*real_compute)(void *, void *);
static int sums;

/* With FAULT_WORKER the fault waits until the proof is over: it shows itself in the worker, under the model. */
static int is_due(void) {
#ifdef FAULT_WORKER
    static int found = -1;
    if (found < 0) {
        char line[4096] = {0};
        FILE *file = fopen("/proc/self/cmdline", "r");
        size_t length = file ? fread(line, 1, sizeof line - 1, file) : 0;
        if (file) fclose(file);
        found = length && memmem(line, length, "--worker", 8) != NULL;
    }
    return found;
#else
    return sums > HEALTHY_SUMS; /* the first sums are float ones and pass, as with a processor whose AMX is broken */
#endif
}

static void die(void) {
#ifdef FAULT_SIGNAL
    raise(FAULT_SIGNAL);
#endif
}

static int compute(void *backend, void *graph) {
    ++sums;
    if (is_due()) {
#ifdef FAULT_COMPUTE
        die();
#endif
#ifdef FAULT_HANG
        for (;;) pause();
#endif
#ifdef FAULT_STATUS
        return -1;
#endif
#ifdef FAULT_MEMORY
        fprintf(stderr, "broken: vk::Device::allocateMemory: ErrorOutOfDeviceMemory\n");
        return -2;
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
#ifdef FAULT_WORKER
    int due = is_due();
#else
    int due = 1;
#endif
#ifdef FAULT_INIT
    if (due) die();
#endif
#ifdef FAULT_NO_MEMORY
    if (due) return NULL;
#endif
    (void) due;
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

#ifdef FAULT_GPU
/* Looks like a graphics device of its own: named, typed and sized so, and computing on the processor. */
static const char *gpu_name(void *dev) { (void) dev; return FAULT_GPU; }
static int gpu_type(void *dev) { (void) dev; return 1; }
static void gpu_memory(void *dev, size_t *available, size_t *total) {
    (void) dev;
    *available = *total = (size_t) 8 << 30;
}
static void (*real_props)(void *, void *);
static void gpu_props(void *dev, void *props) {
    real_props(dev, props);
    ((const char **) props)[0] = ((const char **) props)[1] = FAULT_GPU;
    gpu_memory(dev, (size_t *) props + 2, (size_t *) props + 3);
    ((int *) props)[8] = 1;
}
#endif

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
#ifdef FAULT_GPU
    real_props = (void (*)(void *, void *)) device[DEVICE_PROPS];
    device[DEVICE_NAME] = device[DEVICE_DESCRIPTION] = (void *) gpu_name;
    device[DEVICE_MEMORY] = (void *) gpu_memory;
    device[DEVICE_TYPE] = (void *) gpu_type;
    device[DEVICE_PROPS] = (void *) gpu_props;
#endif
#ifdef FAULT_VERSION
    *(int *) reg = 1;
#endif
    printf("{\"status\": \"ok\", \"noise\": true}\n");
    fflush(stdout);
    return reg;
}
