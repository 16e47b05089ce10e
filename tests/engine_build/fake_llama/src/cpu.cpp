extern "C" int fake_sum(const char * text);

extern "C" int fake_cpu(void) {
    return fake_sum(VARIANT);
}
