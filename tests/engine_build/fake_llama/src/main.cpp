extern "C" int ggml_fake_sum(const char * text);

int main() {
    return ggml_fake_sum("abc") == 9 ? 0 : 1;
}
