// Bytes of the work buffer that a node of a graph needs for what is ours.
#pragma once

#include "ggml.h"

size_t room_for_attention(const ggml_tensor * node, int threads);
size_t room_for_product(const ggml_tensor * node);
