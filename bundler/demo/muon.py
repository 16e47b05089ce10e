"""Muon, each matrix's work done by one process only.

PyTorch's own Muon orthogonalises in bfloat16, which processors without such instructions emulate at a sixth of
their speed, and every process would do all of it again. Here it is done in float32 and shared out.
"""

import torch
from torch import Tensor, distributed

# Newton-Schulz with the coefficients Muon was published with: five rounds bring singular values near one.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5


def orthogonalised(update: Tensor) -> Tensor:
    """The nearest matrix whose singular values are about one."""
    wide = update if update.shape[0] <= update.shape[1] else update.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.T
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x if update.shape[0] <= update.shape[1] else x.T


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Momentum, orthogonalised; all processes must hold equal weights and gradients, and step together."""

    def __init__(self, matrices: list[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self._rank, self._size = distributed.get_rank(), distributed.get_world_size()

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Work out this process's share of the updates, exchange them, and apply all."""
        for group in self.param_groups:
            matrices: list[Tensor] = group["params"]
            updates = [torch.zeros_like(matrix) for matrix in matrices]
            for i, matrix in enumerate(matrices):
                if i % self._size == self._rank and matrix.grad is not None:
                    updates[i] = self._update(matrix, group["momentum"])
            flat = torch.cat([update.flatten() for update in updates])
            distributed.all_reduce(flat)
            for matrix, update in zip(matrices, flat.split([m.numel() for m in matrices]), strict=True):
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update.view_as(matrix), alpha=-group["lr"] * scale)

    def _update(self, matrix: Tensor, momentum: float) -> Tensor:
        state = self.state[matrix]
        buffer = state.setdefault("momentum", torch.zeros_like(matrix))
        buffer.lerp_(matrix.grad, 1 - momentum)
        return orthogonalised(matrix.grad.lerp(buffer, momentum))
