from __future__ import annotations

import pytest

from runtime.backends.words import crash, failed_later, not_loadable, unsupported


@pytest.mark.parametrize(
    ("doing", "status", "sentence", "cause"),
    [
        (
            "multiplying Q8_0 matrices rearranged for AMX",
            -4,
            "This processor says it has AMX but fails when it is used (illegal instruction).",
            "SIGILL",
        ),
        (
            "loading",
            0xC000001D,
            "This processor says it can run cpu-a but fails while loading (illegal instruction).",
            "SIGILL",
        ),
        ("loading", -9, "cpu-a crashed while loading (ended from outside, perhaps for lack of memory).", "SIGKILL"),
        ("loading", 7, "cpu-a ended unexpectedly while loading (exit code 7).", "exit code 7"),
        ("loading", -64, "cpu-a crashed while loading (SIGRTMAX).", "SIGRTMAX"),
    ],
)
def test_an_end_is_put_into_words(doing: str, status: int, sentence: str, cause: str) -> None:
    assert crash("cpu-a", doing, status) == (sentence, cause)


@pytest.mark.parametrize(
    ("technical", "sentence"),
    [
        ("libodd.so.1: cannot open shared object file: No such file", "a needs libodd.so.1, which this system"),
        ("libvulkan.so.1: cannot open shared object file", "a needs a graphics driver with Vulkan (libvulkan.so.1),"),
        ("libcuda.so.1: cannot open shared object file", "a needs NVIDIA's driver (libcuda.so.1), which is not"),
        ("libcublas.so.13: cannot open shared object file", "a needs NVIDIA's cuBLAS (libcublas.so.13), which"),
        (
            "/x/libc.so.6: version `GLIBC_2.38' not found (required by /y)",
            "a needs a newer C library (glibc 2.38) than",
        ),
        ("version `GLIBCXX_3.4.32' not found", "a needs a newer C++ library (GLIBCXX 3.4.32) than"),
        ("failed to map segment from shared object", "This system does not allow a to be loaded from its folder."),
        (
            "ggml_backend_load returned NULL load_backend: failed to initialize: ggml_backend_init returned NULL",
            "a found no graphics driver that it could start; the driver may be incomplete.",
        ),
        ("anything else", "a could not be loaded."),
    ],
)
def test_a_loaders_refusal_is_put_into_words(technical: str, sentence: str) -> None:
    assert not_loadable("a", technical).startswith(sentence)


@pytest.mark.parametrize(
    ("technical", "sentence"),
    [
        ("ggml_backend_score is 0", "This machine lacks what a is made for."),
        ("no device ggml_vulkan: No devices found.", "a found no graphics device that it can use."),
        (
            "no device ggml_cuda_init: CUDA driver version is insufficient for CUDA runtime version",
            "NVIDIA's driver is missing or too old for a; with an NVIDIA card, a newer one would make it work.",
        ),
        (
            "no device vkCreateInstance: INCOMPATIBLE_DRIVER",
            "The graphics driver is too old for a; a newer one would make it work.",
        ),
    ],
)
def test_a_library_that_is_not_for_this_machine_says_why(technical: str, sentence: str) -> None:
    assert unsupported("a", technical) == sentence


@pytest.mark.parametrize("how", ["failed: vk::OutOfDeviceMemoryError", "CUDA error: out of memory", "std::bad_alloc"])
def test_a_device_that_ran_out_of_memory_is_told_from_one_that_crashed(how: str) -> None:
    assert failed_later("a", how) == "The device of a ran out of memory."
    assert "failed while it ran the model" in failed_later("a", "was killed by signal 6 (SIGABRT)")
