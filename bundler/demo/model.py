"""The network: a small Qwen3-style decoder, written so that llama.cpp's `qwen3` graph computes the same.

Qwen3 rather than Llama because its query and key norms keep so short a training stable at a high
learning rate. Everything is a multiple of 256, so that every block size llama.cpp quantises in divides it.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class ModelConfig:
    """The shape of the network; the defaults fill four megabytes at Q8_0."""

    vocab_size: int = 2048
    width: int = 256
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 64
    feed_forward: int = 512
    context: int = 2048
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-6

    def to_dict(self) -> dict[str, int | float]:
        """Plain values, for the checkpoint."""
        return asdict(self)


class Rotary(nn.Module):  # type: ignore[misc]
    """Rotary positions, halves rotated against each other (llama.cpp's NEOX order)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        half = config.head_width // 2
        inverse = config.rope_base ** (-torch.arange(half, dtype=torch.float32) / half)
        angles = torch.outer(torch.arange(config.context, dtype=torch.float32), inverse)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Rotate `x` of shape (batch, heads, length, head width)."""
        length = x.shape[-2]
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        first, second = x.chunk(2, dim=-1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Plain matrix products up to 768 positions: on CPUs they were three times as fast as the fused kernel.

    Beyond that the square of scores costs more than it saves, and the fused kernel takes over.
    """
    batch, heads, length, width = q.shape
    if length > 768 or q.is_cuda:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    future = torch.full((length, length), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    q, k, v = (x.reshape(batch * heads, length, width) for x in (q, k, v))
    scores = torch.baddbmm(future.expand(batch * heads, -1, -1), q, k.transpose(1, 2), alpha=width**-0.5)
    return (scores.softmax(-1) @ v).view(batch, heads, length, width)


class Attention(nn.Module):  # type: ignore[misc]
    """Causal attention with grouped keys and values and normalised queries and keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        inner, kv_inner = config.heads * config.head_width, config.kv_heads * config.head_width
        self.q = nn.Linear(config.width, inner, bias=False)
        self.k = nn.Linear(config.width, kv_inner, bias=False)
        self.v = nn.Linear(config.width, kv_inner, bias=False)
        self.out = nn.Linear(inner, config.width, bias=False)
        self.q_norm = nn.RMSNorm(config.head_width, eps=config.norm_epsilon)
        self.k_norm = nn.RMSNorm(config.head_width, eps=config.norm_epsilon)

    def forward(self, x: Tensor, rotary: Rotary) -> Tensor:
        """Mix positions; padding stands at the end, so the causal mask is mask enough."""
        batch, length, _ = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(batch, length, -1, self.config.head_width).transpose(1, 2)

        q = rotary(self.q_norm(split(self.q(x))))
        k = rotary(self.k_norm(split(self.k(x))))
        v = split(self.v(x))
        groups = self.config.heads // self.config.kv_heads
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        y = causal_attention(q, k, v.to(q.dtype))
        out: Tensor = self.out(y.transpose(1, 2).reshape(batch, length, -1))
        return out


class Block(nn.Module):  # type: ignore[misc]
    """One layer: attention, then a gated feed-forward, each on a normalised residual stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.attention = Attention(config)
        self.ffn_norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.gate = nn.Linear(config.width, config.feed_forward, bias=False)
        self.up = nn.Linear(config.width, config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, config.width, bias=False)

    def forward(self, x: Tensor, rotary: Rotary) -> Tensor:
        """Add both branches to the residual stream."""
        x = x + self.attention(self.attention_norm(x), rotary)
        y = self.ffn_norm(x)
        out: Tensor = x + self.down(functional.silu(self.gate(y)) * self.up(y))
        return out


class Decoder(nn.Module):  # type: ignore[misc]
    """The whole model; the output matrix is the embedding, as llama.cpp assumes when `output` is absent."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.width)
        self.rotary = Rotary(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self.apply(self._initialise)
        for block in self.blocks:
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.down.weight)

    @staticmethod
    def _initialise(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02 if isinstance(module, nn.Embedding) else 0.05)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Logits at these flat `places` only: most positions are prompt and teach little."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.rotary)
        return functional.linear(self.norm(x.flatten(0, 1)[places]), self.embedding.weight)
