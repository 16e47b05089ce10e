# CMake reads this after ggml's project() call (CMAKE_PROJECT_ggml_INCLUDE). Attention on processors is ours
# (attention.cpp); llama.cpp's own gets another name, under which ours hands over what it leaves to it.
set(PANNIER_CPU "${CMAKE_CURRENT_LIST_DIR}")

function(pannier_attention)
    get_property(targets DIRECTORY "${PROJECT_SOURCE_DIR}/src" PROPERTY BUILDSYSTEM_TARGETS)
    list(FILTER targets INCLUDE REGEX "^ggml-cpu")
    list(FILTER targets EXCLUDE REGEX "-feats$")
    foreach (target ${targets})
        target_sources(${target} PRIVATE "${PANNIER_CPU}/attention.cpp")
    endforeach()
    set_source_files_properties("${PROJECT_SOURCE_DIR}/src/ggml-cpu/ops.cpp" DIRECTORY "${PROJECT_SOURCE_DIR}/src"
        PROPERTIES COMPILE_DEFINITIONS ggml_compute_forward_flash_attn_ext=pannier_llama_flash_attn_ext)
endfunction()

if (CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang") # Others know no vectors of GNU's kind.
    cmake_language(DEFER CALL pannier_attention)
endif()
