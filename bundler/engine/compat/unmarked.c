// What a library for Windows must not show, although nothing marks it as its own: zig's start-up code, and what libc++abi
// unwinds with. The linker hides what clang marks as hidden; these come from objects that were compiled without. Another
// library would take them from here instead of its own copy, and run this one's endings when it ends itself.
__asm__(".section .drectve,\"yni\"\n"
        ".ascii \" -exclude-symbols:atexit,_CRT_INIT,__mingw_module_is_dll,__unw_getcontext,unw_getcontext\"\n"
        ".text\n");
