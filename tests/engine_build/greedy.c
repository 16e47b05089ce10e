// A runtime in miniature, for systems whose Python cannot run here: the program in front of a dist, which loads an
// engine from a folder as the real one does, and the model out of its own file, and goes on with a prompt greedily.
//
//     DIST score FOLDER LIBRARY...              what each backend library says how well it suits this processor
//     DIST answer FOLDER LIBRARY,... OFFSET PROMPT
//                                               OFFSET: of the model in this file; PROMPT: a file with the text

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#include <windows.h>
#define SEEK _fseeki64
#define SUFFIX ".dll"
#define PREFIX ""
#else
#include <dlfcn.h>
#define SEEK fseeko
#define SUFFIX ".so"
#define PREFIX "lib"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ggml-backend.h"
#include "llama.h"

#define MOST_TOKENS 4096
#define LONGEST_ANSWER 160

static void fail(const char * what, const char * name) {
    fprintf(stderr, "%s: %s\n", what, name);
    exit(1);
}

static void * library(const char * folder, const char * name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
#ifdef _WIN32
    for (char * at = path; *at; at++) {
        *at = *at == '/' ? '\\' : *at;
    }
    void * found = (void *) LoadLibraryA(path);
#else
    void * found = dlopen(path, RTLD_NOW | RTLD_LOCAL);
#endif
    if (!found) {
        fail("cannot load", path);
    }
    return found;
}

static void * symbol(void * library, const char * name, int needed) {
#ifdef _WIN32
    void * found = (void *) GetProcAddress((HMODULE) library, name);
#else
    void * found = dlsym(library, name);
#endif
    if (!found && needed) {
        fail("there is no", name);
    }
    return found;
}

#define FROM(library, name) __typeof__(&name) p_##name = (__typeof__(&name)) symbol(library, #name, 1)

static FILE * own_file(void) {
#ifdef _WIN32
    wchar_t path[4096];
    GetModuleFileNameW(NULL, path, 4096);
    FILE * file = _wfopen(path, L"rb");
#else
    FILE * file = fopen("/proc/self/exe", "rb");
#endif
    if (!file) {
        fail("cannot open", "my own file");
    }
    return file;
}

static void quiet(enum ggml_log_level level, const char * text, void * unused) {
    (void) unused;
    if (level == GGML_LOG_LEVEL_ERROR || strstr(text, "offloaded ")) {
        fputs(text, stderr);
    }
}

static int answer(const char * folder, char * backends, long long offset, const char * prompt_file) {
    void * base = library(folder, PREFIX "ggml-base" SUFFIX);
    void * ggml = library(folder, PREFIX "ggml" SUFFIX);
    void * llama = library(folder, PREFIX "llama" SUFFIX);
    FROM(ggml, ggml_backend_load);
    FROM(base, ggml_backend_reg_name);
    FROM(base, ggml_backend_reg_dev_count);
    FROM(base, ggml_backend_reg_dev_get);
    FROM(base, ggml_backend_dev_description);
    FROM(llama, llama_log_set);
    FROM(llama, llama_backend_init);
    FROM(llama, llama_model_default_params);
    FROM(llama, llama_model_load_from_file_ptr);
    FROM(llama, llama_model_get_vocab);
    FROM(llama, llama_context_default_params);
    FROM(llama, llama_init_from_model);
    FROM(llama, llama_vocab_n_tokens);
    FROM(llama, llama_vocab_is_eog);
    FROM(llama, llama_tokenize);
    FROM(llama, llama_token_to_piece);
    FROM(llama, llama_batch_get_one);
    FROM(llama, llama_decode);
    FROM(llama, llama_get_logits_ith);

    p_llama_log_set(quiet, NULL);
    for (char * backend = strtok(backends, ","); backend; backend = strtok(NULL, ",")) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, backend);
        ggml_backend_reg_t registered = p_ggml_backend_load(path);
        if (!registered) {
            fail("refused", backend);
        }
        for (size_t index = 0; index < p_ggml_backend_reg_dev_count(registered); index++) {
            fprintf(stderr, "device %s\n", p_ggml_backend_dev_description(p_ggml_backend_reg_dev_get(registered, index)));
        }
        fprintf(stderr, "backend %s\n", p_ggml_backend_reg_name(registered));
    }
    p_llama_backend_init();

    FILE * self = own_file();
    if (SEEK(self, offset, SEEK_SET)) {
        fail("cannot seek in", "my own file");
    }
    struct llama_model * model = p_llama_model_load_from_file_ptr(self, p_llama_model_default_params());
    fclose(self);
    if (!model) {
        fail("cannot load", "the model");
    }
    struct llama_context_params shape = p_llama_context_default_params();
    shape.n_ctx = shape.n_batch = 2048;
    shape.n_threads = shape.n_threads_batch = 1;
    struct llama_context * context = p_llama_init_from_model(model, shape);
    if (!context) {
        fail("cannot make", "a context");
    }

    char prompt[16384];
    FILE * file = fopen(prompt_file, "rb");
    if (!file) {
        fail("cannot open", prompt_file);
    }
    int length = (int) fread(prompt, 1, sizeof prompt, file);
    fclose(file);
    const struct llama_vocab * vocabulary = p_llama_model_get_vocab(model);
    llama_token tokens[MOST_TOKENS];
    int count = p_llama_tokenize(vocabulary, prompt, length, tokens, MOST_TOKENS, false, true);
    if (count <= 0) {
        fail("cannot tokenise", prompt_file);
    }
    for (int told = 0; told < LONGEST_ANSWER; told++) {
        if (p_llama_decode(context, p_llama_batch_get_one(tokens, count))) {
            fail("cannot decode", "a batch");
        }
        const float * values = p_llama_get_logits_ith(context, -1);
        llama_token best = 0;
        for (llama_token token = 1; token < p_llama_vocab_n_tokens(vocabulary); token++) {
            best = values[token] > values[best] ? token : best;
        }
        if (p_llama_vocab_is_eog(vocabulary, best)) {
            return 0;
        }
        char piece[256];
        fwrite(piece, 1, (size_t) p_llama_token_to_piece(vocabulary, best, piece, sizeof piece, 0, true), stdout);
        fflush(stdout);
        tokens[0] = best;
        count = 1;
    }
    return 0;
}

int main(int argc, char ** argv) {
#ifdef _WIN32
    _setmode(_fileno(stdout), _O_BINARY);
#endif
    if (argc > 3 && strcmp(argv[1], "score") == 0) {
        library(argv[2], PREFIX "ggml-base" SUFFIX);
        for (int index = 3; index < argc; index++) {
            int (*score)(void) = (int (*)(void)) symbol(library(argv[2], argv[index]), "ggml_backend_score", 1);
            printf("%s %d\n", argv[index], score());
        }
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "answer") == 0) {
        return answer(argv[2], argv[3], atoll(argv[4]), argv[5]);
    }
    return 2;
}
