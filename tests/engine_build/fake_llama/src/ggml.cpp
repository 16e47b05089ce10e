extern "C" int fake_sum(const char * text);

extern "C" int fake_ggml(void) {
    return fake_sum("ggml");
}
