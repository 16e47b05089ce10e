"""ggml's C interface, as far as a proof needs it.

Used in the probing child only: everything here may crash. Prototypes of functions declared in ggml.h, ggml-alloc.h and
ggml-backend.h; of structures only the head of `ggml_tensor` (type, then buffer) is relied on.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int64, c_size_t, c_uint8, c_void_p
from pathlib import Path

F32, F16, I32 = 0, 1, 26
TYPES = {
    **{"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12},
    **{"Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20, "IQ4_XS": 23, "BF16": 30, "MXFP4": 39},
}
"""enum ggml_type, by the names that files use; those that can be made here without an importance matrix."""

_BUFFER_OFFSET = 8  # of `buffer` in struct ggml_tensor
_CONTEXT_BYTES = 256 << 10  # room for a few dozen tensors' headers and one small graph
_GRAPH_NODES = 64

GPU_TYPES = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel"}
"""enum ggml_backend_dev_type"""


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool))


class _Traits(ctypes.Structure):
    """The head of `ggml_type_traits`."""

    _fields_ = (
        ("type_name", c_char_p),
        ("blck_size", c_int64),
        ("blck_size_interleave", c_int64),
        ("type_size", c_size_t),
        ("is_quantized", c_bool),
        ("to_float", c_void_p),
    )


_BASE = {
    "ggml_init": (c_void_p, _InitParams),
    "ggml_free": (None, c_void_p),
    "ggml_new_tensor_1d": (c_void_p, c_void_p, c_int, c_int64),
    "ggml_new_tensor_2d": (c_void_p, c_void_p, c_int, c_int64, c_int64),
    "ggml_new_tensor_3d": (c_void_p, c_void_p, c_int, c_int64, c_int64, c_int64),
    "ggml_new_graph_custom": (c_void_p, c_void_p, c_size_t, c_bool),
    "ggml_build_forward_expand": (None, c_void_p, c_void_p),
    "ggml_nbytes": (c_size_t, c_void_p),
    "ggml_row_size": (c_size_t, c_int, c_int64),
    "ggml_get_type_traits": (c_void_p, c_int),
    "ggml_quantize_chunk": (c_size_t, c_int, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_void_p),
    "ggml_mul_mat": (c_void_p, c_void_p, c_void_p, c_void_p),
    "ggml_rms_norm": (c_void_p, c_void_p, c_void_p, c_float),
    "ggml_soft_max_ext": (c_void_p, c_void_p, c_void_p, c_void_p, c_float, c_float),
    "ggml_rope_ext": (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, *[c_int] * 3, *[c_float] * 6),
    "ggml_flash_attn_ext": (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_float, c_float, c_float),
    "ggml_backend_alloc_ctx_tensors_from_buft": (c_void_p, c_void_p, c_void_p),
    "ggml_backend_buft_alloc_buffer": (c_void_p, c_void_p, c_size_t),
    "ggml_backend_buft_name": (c_char_p, c_void_p),
    "ggml_backend_buffer_clear": (None, c_void_p, c_uint8),
    "ggml_backend_dev_name": (c_char_p, c_void_p),
    "ggml_backend_dev_description": (c_char_p, c_void_p),
    "ggml_backend_dev_memory": (None, c_void_p, POINTER(c_size_t), POINTER(c_size_t)),
    "ggml_backend_dev_type": (c_int, c_void_p),
    "ggml_backend_buffer_free": (None, c_void_p),
    "ggml_backend_tensor_set": (None, c_void_p, c_void_p, c_size_t, c_size_t),
    "ggml_backend_tensor_get": (None, c_void_p, c_void_p, c_size_t, c_size_t),
    "ggml_backend_reg_dev_count": (c_size_t, c_void_p),
    "ggml_backend_reg_dev_get": (c_void_p, c_void_p, c_size_t),
    "ggml_backend_reg_get_proc_address": (c_void_p, c_void_p, c_char_p),
    "ggml_backend_dev_init": (c_void_p, c_void_p, c_char_p),
    "ggml_backend_dev_buffer_type": (c_void_p, c_void_p),
    "ggml_backend_dev_supports_op": (c_bool, c_void_p, c_void_p),
    "ggml_backend_graph_compute": (c_int, c_void_p, c_void_p),
    "ggml_backend_free": (None, c_void_p),
}


class Ggml:
    """The engine's core libraries of one folder, loaded into this process. Raises `OSError` if they cannot be."""

    def __init__(self, engine_dir: Path) -> None:
        if sys.platform == "win32":
            os.add_dll_directory(str(engine_dir))
        self.base = ctypes.CDLL(str(_find(engine_dir, "ggml-base")))
        self.registry = ctypes.CDLL(str(_find(engine_dir, "ggml")))
        for name, (result, *arguments) in _BASE.items():
            function = getattr(self.base, name)
            function.restype, function.argtypes = result, arguments
        load = self.registry.ggml_backend_load
        load.restype, load.argtypes = c_void_p, [c_char_p]

    def score(self, library: Path) -> int:
        """What the backend says about this machine: 0 means "not for it". Raises `OSError` if it cannot be loaded."""
        handle = ctypes.CDLL(str(library))
        if not hasattr(handle, "ggml_backend_init"):
            raise OSError(f"{library.name}: undefined symbol: ggml_backend_init")
        return int(handle.ggml_backend_score()) if hasattr(handle, "ggml_backend_score") else 1

    def load(self, library: Path) -> int | None:
        """The backend's registry, loaded exactly as the worker will; None if it does not fit this engine."""
        registry: int | None = self.registry.ggml_backend_load(os.fsencode(library))
        return registry

    def devices(self, registry: int) -> list[int]:
        """The devices of a backend."""
        count = self.base.ggml_backend_reg_dev_count(registry)
        return [self.base.ggml_backend_reg_dev_get(registry, index) for index in range(count)]

    def about(self, device: int) -> dict[str, object]:
        """What a device says of itself."""
        free, total = c_size_t(), c_size_t()
        self.base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        name, description = self.base.ggml_backend_dev_name(device), self.base.ggml_backend_dev_description(device)
        return {
            "device": (name or b"").decode("utf-8", "replace"),
            "description": (description or b"").decode("utf-8", "replace"),
            "kind": GPU_TYPES.get(self.base.ggml_backend_dev_type(device), "gpu"),
            "memory_free": free.value,
            "memory_total": total.value,
        }

    def set_threads(self, registry: int, backend: int, threads: int) -> None:
        """How many threads a CPU backend computes with; others ignore it."""
        address = self.base.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_set_n_threads")
        if address:
            ctypes.CFUNCTYPE(None, c_void_p, c_int)(address)(backend, threads)

    def extra_buffer_types(self, registry: int, device: int) -> list[int]:
        """Buffer types that rearrange weights for special instructions (AMX lives only there)."""
        address = self.base.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_dev_get_extra_bufts")
        if not address:
            return []
        listed = ctypes.CFUNCTYPE(ctypes.POINTER(c_void_p), c_void_p)(address)(device)
        found: list[int] = []
        while listed and listed[len(found)]:
            found.append(listed[len(found)] or 0)
        return found

    @contextmanager
    def context(self) -> Iterator[int]:
        """A context for tensors' headers; their data is allocated by a backend."""
        context = self.base.ggml_init(_InitParams(_CONTEXT_BYTES, None, True))
        if not context:
            raise MemoryError("ggml_init")
        try:
            yield context
        finally:
            self.base.ggml_free(context)

    def supports_weight(self, device: int, product: int, weight: int, buffer_type: int) -> bool:
        """Whether `product` could be computed with its `weight` in that kind of buffer."""
        buffer = self.base.ggml_backend_buft_alloc_buffer(buffer_type, 0)
        if not buffer:
            return False
        place = c_void_p.from_address(weight + _BUFFER_OFFSET)
        place.value = buffer
        supported = bool(self.base.ggml_backend_dev_supports_op(device, product))
        place.value = None
        self.base.ggml_backend_buffer_free(buffer)
        return supported

    @contextmanager
    def allocated(self, context: int, buffer_type: int, *, zeroed: bool = False) -> Iterator[None]:
        """Memory for every tensor of `context` that has none yet. Raises `MemoryError`."""
        buffer = self.base.ggml_backend_alloc_ctx_tensors_from_buft(context, buffer_type)
        if not buffer:
            raise MemoryError("no memory on the device")
        if zeroed:
            self.base.ggml_backend_buffer_clear(buffer, 0)
        try:
            yield
        finally:
            self.base.ggml_backend_buffer_free(buffer)

    def set(self, tensor: int, data: bytes) -> None:
        """Copy `data` into a tensor. Raises `ValueError` if it is not its size."""
        if len(data) != self.base.ggml_nbytes(tensor):
            raise ValueError(f"{len(data)} bytes for a tensor of {self.base.ggml_nbytes(tensor)}")
        self.base.ggml_backend_tensor_set(tensor, data, 0, len(data))

    def get(self, tensor: int) -> list[float]:
        """A float tensor's values."""
        values = (c_float * (self.base.ggml_nbytes(tensor) // 4))()
        self.base.ggml_backend_tensor_get(tensor, values, 0, ctypes.sizeof(values))
        return list(values)

    def quantize(self, kind: int, values: ctypes.Array[c_float], rows: int, columns: int) -> bytes:
        """The first `rows` rows of `values` in the format `kind`."""
        size = rows * self.base.ggml_row_size(kind, columns)
        data = ctypes.create_string_buffer(size)
        self.base.ggml_quantize_chunk(kind, values, data, 0, rows, columns, None)
        return data.raw

    def plain(self, kind: int, data: bytes, count: int) -> list[float]:
        """`count` numbers in the format `kind` as floats again, by ggml's own plain code."""
        values = (c_float * count)()
        traits = self.base.ggml_get_type_traits(kind)
        to_float = _Traits.from_address(traits).to_float
        ctypes.CFUNCTYPE(None, c_char_p, c_void_p, c_int64)(to_float)(data, values, count)
        return list(values)

    def compute(self, backend: int, context: int, result: int) -> None:
        """Compute what `result` needs and `result`. Raises `ArithmeticError` if the backend reports a failure."""
        graph = self.base.ggml_new_graph_custom(context, _GRAPH_NODES, False)
        self.base.ggml_build_forward_expand(graph, result)
        status = self.base.ggml_backend_graph_compute(backend, graph)
        if status != 0:
            raise ArithmeticError(f"ggml_status {status}")


def _find(engine_dir: Path, name: str) -> Path:
    """A core library by its stem: libggml-base.so.0, libggml.0.dylib, ggml.dll."""
    for pattern in (f"lib{name}.so*", f"lib{name}.*dylib", f"lib{name}.dylib", f"{name}.dll"):
        found = sorted(engine_dir.glob(pattern))
        if found:
            return found[0]
    raise OSError(f"{engine_dir} has no {name} library: cannot open shared object file")
