# CMake reads this after ggml's project() call (CMAKE_PROJECT_ggml_INCLUDE). It puts the products that cuBLAS would
# compute into the CUDA library itself, and their header before any cuBLAS of this machine.
set(PANNIER_CUDA "${CMAKE_CURRENT_LIST_DIR}") # Deferred calls see the variables of the end, and that one has another value.
cmake_language(DEFER CALL target_sources ggml-cuda PRIVATE "${PANNIER_CUDA}/gemm.cu")
cmake_language(DEFER CALL target_include_directories ggml-cuda BEFORE PRIVATE "${PANNIER_CUDA}")
