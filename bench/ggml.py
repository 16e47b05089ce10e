"""One CPU backend of an engine through ggml's C interface: tensors, a graph, and how long it takes."""

from __future__ import annotations

import ctypes
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runtime.engine.bindings import library_file
from runtime.errors import CannotRunError

Floats = NDArray[np.float32]

F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8
"""ggml's numbers of its types."""

IN_BLOCK = 32
"""Numbers of Q4_0 and Q8_0 that have a scale together."""

_BLOCK = np.dtype([("scale", "<f2"), ("levels", "i1", IN_BLOCK)])
_HALF_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", IN_BLOCK // 2)])  # of one number and of one half a block on

_WARM_UP, _TIMES = 1, 3


class RefusedError(CannotRunError):
    """The backend does not want to run on this machine."""


class Backend:
    """Pointers are plain addresses."""

    def __init__(self, engine_dir: Path, library: Path) -> None:
        """Raises `RefusedError`."""
        self.base = ctypes.CDLL(str(engine_dir / library_file("ggml-base")))
        ggml = ctypes.CDLL(str(engine_dir / library_file("ggml")))
        address, number, size, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_size_t, ctypes.c_float
        for name, result, arguments in (
            ("ggml_init", address, (_Room,)),
            ("ggml_free", None, (address,)),
            ("ggml_tensor_overhead", size, ()),
            ("ggml_graph_overhead", size, ()),
            ("ggml_row_size", size, (ctypes.c_int, number)),
            ("ggml_new_tensor_4d", address, (address, ctypes.c_int, number, number, number, number)),
            ("ggml_view_4d", address, (address, address, *(number,) * 4, *(size,) * 4)),
            ("ggml_mul_mat", address, (address,) * 3),
            ("ggml_flash_attn_ext", address, (address,) * 5 + (real,) * 3),
            ("ggml_flash_attn_ext_add_sinks", None, (address, address)),
            ("ggml_new_graph", address, (address,)),
            ("ggml_build_forward_expand", None, (address, address)),
            ("ggml_backend_alloc_ctx_tensors", address, (address, address)),
            ("ggml_backend_buffer_free", None, (address,)),
            ("ggml_backend_tensor_set", None, (address, ctypes.c_char_p, size, size)),
            ("ggml_backend_tensor_get", None, (address, ctypes.c_char_p, size, size)),
            ("ggml_backend_graph_compute", ctypes.c_int, (address, address)),
            ("ggml_backend_dev_init", address, (address, address)),
            ("ggml_backend_reg_get_proc_address", address, (address, ctypes.c_char_p)),
            ("ggml_backend_reg_dev_get", address, (address, size)),
        ):
            function = getattr(self.base, name)
            function.restype, function.argtypes = result, arguments
        ggml.ggml_backend_load.restype, ggml.ggml_backend_load.argtypes = address, (ctypes.c_char_p,)
        registered = ggml.ggml_backend_load(os.fsencode(library))
        if not registered:
            raise RefusedError(f"{library.name} does not run here.", "Choose another variant.")
        self.handle = self.base.ggml_backend_dev_init(self.base.ggml_backend_reg_dev_get(registered, 0), None)
        threads = self.base.ggml_backend_reg_get_proc_address(registered, b"ggml_backend_set_n_threads")
        self._set_threads = ctypes.CFUNCTYPE(None, address, ctypes.c_int)(threads)

    @contextmanager
    def graph(self, threads: int, tensors: int) -> Iterator[Graph]:
        """An empty one, with room for so many tensors."""
        room = tensors * self.base.ggml_tensor_overhead() + self.base.ggml_graph_overhead()
        context = self.base.ggml_init(_Room(room, None, True))
        self._set_threads(self.handle, threads)
        graph = Graph(self, context)
        try:
            yield graph
        finally:
            graph.close()
            self.base.ggml_free(context)


class Graph:
    """Tensors, and what is to be computed of them. First all are made, then `place`d, then filled and computed."""

    def __init__(self, backend: Backend, context: int) -> None:
        self.base, self.context = backend.base, context
        self._handle = backend.handle
        self._graph = self.base.ggml_new_graph(context)
        self._buffer: int | None = None

    def tensor(self, kind: int, *shape: int) -> int:
        """A new one, of four dimensions, the innermost first."""
        tensor: int = self.base.ggml_new_tensor_4d(self.context, kind, *shape)
        return tensor

    def wants(self, tensor: int) -> None:
        """It is to be computed."""
        self.base.ggml_build_forward_expand(self._graph, tensor)

    def place(self) -> None:
        """Give all of them memory."""
        self._buffer = self.base.ggml_backend_alloc_ctx_tensors(self.context, self._handle)

    def put(self, tensor: int, data: bytes) -> None:
        """Fill it."""
        self.base.ggml_backend_tensor_set(tensor, data, 0, len(data))

    def get(self, tensor: int, shape: Sequence[int]) -> Floats:
        """What is in a tensor of F32; the shape as numpy counts, the innermost last."""
        found = np.empty(shape, np.float32)
        self.base.ggml_backend_tensor_get(tensor, found.ctypes.data_as(ctypes.c_char_p), 0, found.nbytes)
        return found

    def compute(self) -> float:
        """The seconds it took."""
        begin = time.perf_counter()
        if self.base.ggml_backend_graph_compute(self._handle, self._graph):
            raise CannotRunError("ggml could not compute it.", "Look at what it wrote before.")
        return time.perf_counter() - begin

    def close(self) -> None:
        """Give the memory back."""
        if self._buffer:
            self.base.ggml_backend_buffer_free(self._buffer)


class _Room(ctypes.Structure):
    """ggml_init_params."""

    _fields_ = (("size", ctypes.c_size_t), ("buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


def random_blocks(rng: np.random.Generator, shape: tuple[int, ...], kind: int = Q8_0) -> tuple[Floats, bytes]:
    """Random numbers of Q8_0 or Q4_0, about as large as one, and their bytes."""
    blocks = np.empty(int(np.prod(shape)) // IN_BLOCK, _BLOCK if kind == Q8_0 else _HALF_BLOCK)
    if kind == Q8_0:
        blocks["scale"] = rng.uniform(0.005, 0.03, len(blocks))
        levels = blocks["levels"] = rng.integers(-127, 128, (len(blocks), IN_BLOCK))
    else:
        blocks["scale"] = rng.uniform(0.05, 0.3, len(blocks))
        low, high = rng.integers(0, 16, (2, len(blocks), IN_BLOCK // 2))
        blocks["pairs"] = low + 16 * high
        levels = np.concatenate((low, high), axis=1) - 8
    return (blocks["scale"][:, None] * levels).astype(np.float32).reshape(shape), blocks.tobytes()


def medians(one: Graph, other: Graph, rounds: int) -> tuple[float, float]:
    """Seconds that each takes, both in alternating order."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds):
        both = [(one, times[0]), (other, times[1])]
        for graph, kept in both if round_ % 2 else reversed(both):
            for _ in range(_WARM_UP):
                graph.compute()
            kept += [graph.compute() for _ in range(_TIMES)]
    return statistics.median(times[0]), statistics.median(times[1])
