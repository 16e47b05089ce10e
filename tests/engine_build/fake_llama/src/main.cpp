extern "C" int fake_sum(const char * text);

int main() {
    return fake_sum("abc") == 9 ? 0 : 1;
}
