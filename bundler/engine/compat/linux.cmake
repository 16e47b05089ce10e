# Included after llama.cpp's project() call (CMAKE_PROJECT_INCLUDE): every library made after it gets this object;
# those that do not need it drop it again (--gc-sections).
if (NOT TARGET pannier-compat)
    add_library(pannier-compat OBJECT "${CMAKE_CURRENT_LIST_DIR}/arc4random.c")
    set_target_properties(pannier-compat PROPERTIES POSITION_INDEPENDENT_CODE ON)
    link_libraries(pannier-compat)
endif()
