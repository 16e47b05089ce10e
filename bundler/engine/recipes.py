"""What can be built: one row per backend. A new backend is a new row (and, if it needs new tools, their checks).

Nothing here runs anything; `build` turns rows into libraries, `doctor` says which rows this machine can build.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bundler.engine.source import RELEASE
from bundler.errors import UsageError
from bundler.targets import TARGETS, Target


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one part of an engine is built.

    name: the backend's name, as specs and manifests use it. goals: what ninja is asked for.
    core, libraries: stems of what it yields ("ggml-cpu-*" for libggml-cpu-haswell.so), needed always or as a backend.
    programs: executables it yields. options: CMake's, beside those every recipe has.
    requires: names of checks in `toolchain.CHECKS`. system: libraries the user's system must bring.
    compat: a directory in `compat/`, whose `project.cmake` CMake reads after ggml's project() call.
    builds_in: the recipe whose options and build directory it shares. packed: False for what never goes into dists.
    """

    name: str
    title: str
    goals: tuple[str, ...]
    libraries: tuple[str, ...]
    core: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    compat: str = ""
    builds_in: str = ""
    packed: bool = True

    def asked_of(self, target: Target) -> tuple[str, ...]:
        """Those of `system` that are libraries of the target's system."""
        return tuple(name for name in self.system if name.endswith(".dll") == (target.system == "windows"))


COMPILING = ("c-compiler", "cxx-compiler", "cmake", "ninja", "strip")

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="cpu",
            title="CPU, every instruction-set variant; and the core that every engine has",
            goals=("ggml", "llama"),
            core=("ggml-base", "ggml", "llama"),
            libraries=("ggml-cpu-*",),
            # The tools are configured so that peers can be compiled in the same place; ninja is not asked for them.
            options={
                "GGML_CPU": "ON",
                "GGML_CPU_ALL_VARIANTS": "ON",
                "LLAMA_BUILD_COMMON": "ON",
                "LLAMA_BUILD_TOOLS": "ON",
                "LLAMA_BUILD_SERVER": "ON",
            },
            requires=COMPILING,
            compat="cpu",
        ),
        Recipe(
            name="vulkan",
            title="Vulkan, for GPUs of every maker",
            goals=("ggml-vulkan",),
            libraries=("ggml-vulkan",),
            options={"GGML_VULKAN": "ON"},
            requires=(*COMPILING, "glslc", "vulkan-headers", "spirv-headers", "vulkan-loader"),
            system=("libvulkan.so.1", "vulkan-1.dll"),
        ),
        Recipe(
            name="cuda",
            title="CUDA, for NVIDIA's GPUs from Turing on; asks the receiver's system for the driver alone",
            goals=("ggml-cuda",),
            libraries=("ggml-cuda",),
            # Which GPUs it has code for is `gpu_tools.nvcc`'s to say: that depends on the compiler.
            options={
                "GGML_CUDA": "ON",
                # One GPU at a time: there is nothing to be reduced between several.
                "GGML_CUDA_NCCL": "OFF",
                # Else the library asks for the driver's own when it is loaded, and so could not say what is missing.
                "GGML_CUDA_NO_VMM": "ON",
            },
            requires=(*COMPILING, "nvcc", "cudart"),
            compat="cuda",
        ),
        # The next three are compiled and run nowhere by this project's tests, for want of their compilers and devices;
        # `doctor` says what is missing.
        Recipe(
            name="metal",
            title="Metal, for Macs; its shaders inside, so that receivers need no developer tools",
            goals=("ggml-metal",),
            libraries=("ggml-metal",),
            options={"GGML_METAL": "ON", "GGML_METAL_EMBED_LIBRARY": "ON"},
            requires=(*COMPILING, "metal"),
        ),
        Recipe(
            name="hip",
            title="HIP, for AMD's GPUs with ROCm",
            goals=("ggml-hip",),
            libraries=("ggml-hip",),
            options={"GGML_HIP": "ON"},
            requires=(*COMPILING, "hip"),
            system=("libamdhip64.so.6", "libamdhip64.so.7", "libhipblas.so.2", "libhipblas.so.3", "librocblas.so.4"),
        ),
        Recipe(
            name="sycl",
            title="SYCL, for Intel's GPUs with oneAPI",
            goals=("ggml-sycl",),
            libraries=("ggml-sycl",),
            options={"GGML_SYCL": "ON", "GGML_SYCL_DNN": "OFF", "CMAKE_CXX_COMPILER": "icpx"},
            requires=(*COMPILING, "sycl"),
            system=("libsycl.so.8", "libze_loader.so.1", "libOpenCL.so.1", "libmkl_sycl_blas.so.5"),
        ),
        Recipe(
            name="peers",
            title="llama.cpp's own server and tools, to measure against; never packed",
            goals=("llama-server", "llama-bench", "llama-quantize"),
            libraries=("llama-common", "mtmd", "llama-server-impl", "llama-bench-impl", "llama-quantize-impl"),
            programs=("llama-server", "llama-bench", "llama-quantize"),
            requires=COMPILING,
            system=("libstdc++.so.6", "libgcc_s.so.1"),
            builds_in="cpu",
            packed=False,
        ),
    )
}

BASE_OPTIONS: dict[str, str] = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "ON",
    # Backends are loaded one by one at run time, after each has proved itself.
    "GGML_BACKEND_DL": "ON",
    "GGML_NATIVE": "OFF",
    "GGML_CPU": "OFF",
    # libgomp would be one more thing to bring; ggml's own threads were as fast.
    "GGML_OPENMP": "OFF",
    "GGML_CCACHE": "OFF",
    # macOS turns these on by itself; they are rows of their own.
    "GGML_METAL": "OFF",
    "GGML_BLAS": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_COMMON": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_SERVER": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_TOOLS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
    # Megabytes of them, about code that is not ours.
    "LLAMA_ALL_WARNINGS": "OFF",
    # The archive has no history, and a repository around the build directory must not lend its own.
    "GIT_EXE:STRING": "OFF",
    "GIT_EXECUTABLE:STRING": "OFF",
    "LLAMA_BUILD_COMMIT": RELEASE.commit,
    "LLAMA_BUILD_NUMBER": "0",
    # One file per library, under the name its siblings ask for.
    "CMAKE_PLATFORM_NO_VERSIONED_SONAME": "ON",
    "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
}


@dataclass(frozen=True, slots=True)
class SystemRules:
    """What differs between operating systems.

    run_path: where libraries look for their siblings. compile_flags: for every file. link_flags: for packed libraries.
    names: patterns of a library's file name, `{}` is its stem. program: suffix of executables.
    include: a file in `compat/` that CMake reads after llama.cpp's project() call; it applies the link flags.
    """

    run_path: str
    compile_flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    names: tuple[str, ...]
    strip: tuple[str, ...]
    program: str = ""
    include: str = ""


# The words in braces become directories; a cache key sees the flags as they are written here.
_PREFIX_MAPS = (
    "-ffile-prefix-map={source}=llama.cpp",
    "-ffile-prefix-map={build}=build",
    "-ffile-prefix-map={compat}=compat",
)

MACOS_OLDEST = f"-mmacosx-version-min={TARGETS['macos-arm64'].oldest}"

SYSTEMS: dict[str, SystemRules] = {
    "linux": SystemRules(
        run_path="$ORIGIN",
        compile_flags=_PREFIX_MAPS,
        # libstdc++ and libgcc go inside (0.1 to 0.5 MB a library): a bare system lacks them, and a bundled
        # libstdc++.so would be forced on GPU drivers that need a newer one.
        link_flags=("-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections", "-Wl,--build-id=none"),
        names=("lib{}.so",),
        strip=("--strip-unneeded",),
        include="linux.cmake",
    ),
    "macos": SystemRules(
        run_path="@loader_path",
        # Else it would start on no older system than the one that compiled it.
        compile_flags=(*_PREFIX_MAPS, MACOS_OLDEST),
        link_flags=("-Wl,-dead_strip", MACOS_OLDEST),
        names=("lib{}.dylib", "lib{}.so"),
        strip=("-x",),
    ),
    "windows": SystemRules(
        run_path="",
        compile_flags=(),
        link_flags=("/Brepro",),
        names=("{}.dll", "lib{}.dll"),
        strip=(),
        program=".exe",
    ),
}

# Every Linux system Pannier runs on has these; which version they need is told by EngineInfo.glibc.
GLIBC = frozenset(
    {
        "libc.so.6",
        "libm.so.6",
        "libdl.so.2",
        "libpthread.so.0",
        "librt.so.1",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    }
)

# What every Windows since 10 has, in lower case and as far as names are the same everywhere; and llama.cpp may ask for.
WINDOWS = ("kernel32.dll", "advapi32.dll", "api-ms-win-crt-")

# Where a Mac keeps what every Mac has; and how the engine's libraries name their siblings.
MACOS = ("/usr/lib/", "/System/Library/", "@rpath/", "@loader_path/")


def rules_for(target: Target) -> SystemRules:
    """The rules of the target's operating system."""
    return SYSTEMS[target.system]


def choose(backends: Iterable[str]) -> tuple[Recipe, ...]:
    """The rows for these backends, `cpu` first: llama.cpp computes nothing without it.

    Raises `UsageError` for a backend there is no row for.
    """
    wanted = dict.fromkeys(("cpu", *backends))
    packable = [name for name, recipe in RECIPES.items() if recipe.packed]
    for name in wanted:
        if name not in packable:
            raise UsageError(f"There is no recipe for a backend {name!r}.", f"Backends are: {', '.join(packable)}.")
    return tuple(RECIPES[name] for name in packable if name in wanted)
