# CMake reads this after ggml's project() call (CMAKE_PROJECT_ggml_INCLUDE). On processors attention is ours
# (attention.cpp), and so are many products (products.cpp), and where a graph is planned (planning.cpp), begins and ends;
# llama.cpp's own functions get other names, under which ours call them.
set(PANNIER_CPU "${CMAKE_CURRENT_LIST_DIR}")

function(pannier_own_functions)
    get_property(targets DIRECTORY "${PROJECT_SOURCE_DIR}/src" PROPERTY BUILDSYSTEM_TARGETS)
    list(FILTER targets INCLUDE REGEX "^ggml-cpu")
    list(FILTER targets EXCLUDE REGEX "-feats$")
    foreach (target ${targets})
        foreach (source attention planning products)
            target_sources(${target} PRIVATE "${PANNIER_CPU}/${source}.cpp")
        endforeach()
    endforeach()
    pannier_rename(ops.cpp ggml_compute_forward_flash_attn_ext pannier_llama_flash_attn_ext)
    pannier_rename(llamafile/sgemm.cpp llamafile_sgemm pannier_llama_sgemm)
    pannier_rename(ggml-cpu.c ggml_graph_compute pannier_llama_graph_compute)
    pannier_rename(ggml-cpu.c ggml_graph_plan pannier_llama_graph_plan)
endfunction()

function(pannier_rename file name other)
    set_property(SOURCE "${PROJECT_SOURCE_DIR}/src/ggml-cpu/${file}" DIRECTORY "${PROJECT_SOURCE_DIR}/src"
        APPEND PROPERTY COMPILE_DEFINITIONS "${name}=${other}")
endfunction()

if (CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang") # Others know no vectors of GNU's kind.
    cmake_language(DEFER CALL pannier_own_functions)
endif()
