# CMake reads this after llama.cpp's project() call (CMAKE_PROJECT_INCLUDE). The libraries that are packed show each other
# what llama.cpp marks as its interface, and nothing else: without a mark this kind of linker would show everything, and
# one library would take another's copy of the C++ library for its own.
if (NOT TARGET pannier-compat)
    add_library(pannier-compat OBJECT "${CMAKE_CURRENT_LIST_DIR}/unmarked.c")

    set(packed "$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>") # every backend is one
    foreach (name ggml-base ggml llama)
        string(APPEND packed ",$<STREQUAL:$<TARGET_PROPERTY:NAME>,${name}>")
    endforeach()
    # What a backend scores itself by is compiled apart.
    add_compile_options("$<$<OR:${packed},$<STREQUAL:$<TARGET_PROPERTY:TYPE>,OBJECT_LIBRARY>>:-fvisibility=hidden>")
    foreach (flag ${PANNIER_LINK_FLAGS})
        add_link_options("$<$<OR:${packed}>:${flag}>")
    endforeach()
    link_libraries("$<$<OR:${packed}>:$<TARGET_OBJECTS:pannier-compat>>")
endif()
