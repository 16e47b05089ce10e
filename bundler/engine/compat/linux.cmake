# CMake reads this after llama.cpp's project() call (CMAKE_PROJECT_INCLUDE). It makes the libraries that are packed
# stand alone: the flags in PANNIER_LINK_FLAGS, the C interface as their only symbols, and no symbol left open.
# Other targets (llama.cpp's programs) pass C++ objects to each other and stay as they are.
if (NOT TARGET pannier-compat)
    add_library(pannier-compat OBJECT "${CMAKE_CURRENT_LIST_DIR}/arc4random.c")
    set_target_properties(pannier-compat PROPERTIES POSITION_INDEPENDENT_CODE ON)

    set(packed "$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>") # every backend is one
    foreach (name ggml-base ggml llama)
        string(APPEND packed ",$<STREQUAL:$<TARGET_PROPERTY:NAME>,${name}>")
    endforeach()
    foreach (flag ${PANNIER_LINK_FLAGS} "-Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map" "-Wl,-z,defs")
        add_link_options("$<$<OR:${packed}>:${flag}>")
    endforeach()
    link_libraries("$<$<OR:${packed}>:$<TARGET_OBJECTS:pannier-compat>>")
endif()
