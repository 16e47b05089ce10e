#include <string>
#include <vector>

#include "mark.h"

GGML_API const char * ggml_fake_place(void) {
    return __FILE__;  // must not depend on where the source lies
}

GGML_API int ggml_fake_sum(const char * text) {
    std::vector<std::string> parts(3, text);
    int sum = 0;
    for (const auto & part : parts) {
        sum += static_cast<int>(part.size());
    }
    return sum;
}
