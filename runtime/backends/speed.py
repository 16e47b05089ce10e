"""A short measured run on a device that proved itself: how fast it would compute this model.

An integrated GPU is not always faster than the processor beside it, and a small model is not faster on any GPU: what a
step costs is mostly its many small operations. So three things are measured: one small operation, reading weights for
one token, and for many tokens at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from runtime.backends.ggml import F32, Ggml
from runtime.backends.rates import Rates

COLUMNS, ROWS = 4096, 4096
SMALL, CHAIN = 256, 32
BATCH = 64
PATIENCE = 0.25
"""Seconds for one token above which many are not tried: it is far too slow as it is."""


class Measuring:
    """Runs on one device."""

    def __init__(self, ggml: Ggml, registry: int, device: int, threads: int) -> None:
        self.ggml, self.device = ggml, device
        self.buffer_type = ggml.base.ggml_backend_dev_buffer_type(device)
        self.backend = ggml.base.ggml_backend_dev_init(device, None)
        if not self.backend:
            raise MemoryError("the device cannot be started")
        ggml.set_threads(registry, self.backend, threads)

    def rates(self, kind: int) -> Rates:
        """Of this device, for weights in the format `kind`. Raises `MemoryError` or `ArithmeticError`."""
        operation = self._small()
        one, size = self._weights(kind, 1)
        many = self._weights(kind, BATCH)[0] if one < PATIENCE else one * BATCH
        net = max(one - operation, one / 10)  # what a step costs at least is told by `operation` already
        return Rates(operation, size / net, size * BATCH / many)

    def _small(self) -> float:
        base = self.ggml.base
        with self.ggml.context() as work:
            tensor = base.ggml_new_tensor_1d(work, F32, SMALL)
            for _ in range(CHAIN):
                tensor = base.ggml_rms_norm(work, tensor, 1e-6)
            with self.ggml.allocated(work, self.buffer_type, zeroed=True):
                return self._fastest(lambda: self.ggml.compute(self.backend, work, tensor)) / CHAIN

    def _weights(self, kind: int, batch: int) -> tuple[float, int]:
        base = self.ggml.base
        with self.ggml.context() as work:
            weight = base.ggml_new_tensor_2d(work, kind, COLUMNS, ROWS)
            data = base.ggml_new_tensor_2d(work, F32, COLUMNS, batch)
            product = base.ggml_mul_mat(work, weight, data)
            with self.ggml.allocated(work, self.buffer_type, zeroed=True):
                seconds = self._fastest(lambda: self.ggml.compute(self.backend, work, product))
                return seconds, int(base.ggml_nbytes(weight))

    def _fastest(self, run: Callable[[], None]) -> float:
        """Seconds of the fastest of a few runs; the first one compiles shaders and wakes clocks up."""
        times = []
        for _ in range(4):
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
            if times[-1] > 4 * PATIENCE:
                break
        return min(times)
