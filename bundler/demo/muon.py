"""Muon, each matrix's work done by one process only, and matrices of one shape together.

PyTorch's own Muon orthogonalises in bfloat16, which processors without such instructions emulate at a sixth of
their speed, and every process would do all of it again. Here it is done in float32 and shared out.
"""

import torch
from torch import Tensor, distributed

# Newton-Schulz with the coefficients Muon was published with: five rounds bring singular values near one.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5


def orthogonalised(update: Tensor) -> Tensor:
    """The nearest matrices whose singular values are about one, for a stack of them."""
    wide = update if update.shape[-2] <= update.shape[-1] else update.mT
    x = wide / (wide.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x if update.shape[-2] <= update.shape[-1] else x.mT


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Momentum, orthogonalised; all processes must hold equal weights and gradients, and step together."""

    def __init__(self, matrices: list[Tensor], lr: float, weight_decay: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        together = distributed.is_initialized()
        self._rank = distributed.get_rank() if together else 0
        self._size = distributed.get_world_size() if together else 1

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def step(self) -> None:
        """Work out this process's share of the updates, exchange them, and apply all."""
        for group in self.param_groups:
            matrices: list[Tensor] = group["params"]
            updates = [torch.zeros_like(matrix) for matrix in matrices]
            mine: dict[torch.Size, list[int]] = {}
            for i, matrix in enumerate(matrices):
                if i % self._size == self._rank and matrix.grad is not None:
                    mine.setdefault(matrix.shape, []).append(i)
            for places in mine.values():
                stack = torch.stack([self._followed(matrices[i], group["momentum"]) for i in places])
                for i, update in zip(places, orthogonalised(stack), strict=True):
                    updates[i] = update
            if self._size > 1:
                flat = torch.cat([update.flatten() for update in updates])
                distributed.all_reduce(flat)
                parts = flat.split([m.numel() for m in matrices])
                updates = [part.view_as(m) for part, m in zip(parts, matrices, strict=True)]
            torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
            scales = [-group["lr"] * max(1.0, m.shape[0] / m.shape[1]) ** 0.5 for m in matrices]
            torch._foreach_add_(matrices, torch._foreach_mul(updates, scales))

    def _followed(self, matrix: Tensor, momentum: float) -> Tensor:
        """The gradient, led on by those before it."""
        state = self.state[matrix]
        buffer = state.setdefault("momentum", torch.zeros_like(matrix))
        buffer.lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(buffer, momentum)
