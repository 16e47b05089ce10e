// How ggml.h marks what a library shows to others.
#define GGML_API extern "C" __attribute__((visibility("default")))
