#include "mark.h"

GGML_API int ggml_fake_sum(const char * text);

GGML_API int ggml_fake(void) {
    return ggml_fake_sum("ggml");
}
