#include <map>
#include <random>

#include "mark.h"

static const std::map<int, const char *> LLM_ARCH_NAMES = {
#define LLM_ARCH_CLIP  0
#define LLM_ARCH_LLAMA 1
#define LLM_ARCH_QWEN3 2
    { LLM_ARCH_CLIP,  "clip"  },
    { LLM_ARCH_LLAMA, "llama" },
    { LLM_ARCH_QWEN3, "qwen3" },
};

GGML_API unsigned llama_fake(void) {
    return std::random_device{}() + static_cast<unsigned>(LLM_ARCH_NAMES.size());
}
