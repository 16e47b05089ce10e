extern "C" int ggml_fake_sum(const char * text);

extern "C" int ggml_fake(void) {
    return ggml_fake_sum("ggml");
}
