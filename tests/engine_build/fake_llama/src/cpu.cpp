extern "C" int ggml_fake_sum(const char * text);

extern "C" int ggml_fake_cpu(void) {
    return ggml_fake_sum(VARIANT);
}
