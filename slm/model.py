"""The language model: token ids in, a score for every possible next token out.

Two architectures share one skeleton (embedding, blocks of attention and MLP, output matrix):

    gpt2      Radford et al. 2019: learned positions, LayerNorm, biases, GELU
    nanochat  rotary positions (Su et al. 2021), RMSNorm without weights (Zhang and Sennrich 2019), normalised queries
              and keys (Henry et al. 2020), squared ReLU (So et al. 2021), no biases

B batch, T time, C channels = H x D, H heads, D head size, V vocabulary, S keys seen.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slm.attention import attend
from slm.config import ModelConfig
from slm.errors import full_memory_told
from slm.losses import linear_cross_entropy


class Linear(nn.Linear):
    """A matrix whose numbers are still to be written: by `initialise`, or from a checkpoint."""

    def reset_parameters(self) -> None:
        pass


class Embedding(nn.Embedding):
    """A row of numbers for each token, still to be written: by `initialise`, or from a checkpoint."""

    def reset_parameters(self) -> None:
        pass


class Cache:
    """Keys and values of the tokens already read, so that each new token costs one row of work.

    Room for `room` tokens is taken at once; `length` of it is in use. Raises ValueError where memory has not so much.
    """

    def __init__(
        self, config: ModelConfig, batch_size: int, *, room: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.room, self.length = room, 0
        shape = (config.n_layer, batch_size, config.n_head, room, config.head_size)
        self.k, self.v = (_memory(shape, device=device, dtype=dtype) for _ in "kv")  # 2 x (L, B, H, room, D)

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write one layer's new keys and values (B, H, T, D); all seen so far, (B, H, S, D), in the dtype of these."""
        end = self.length + k.shape[2]
        assert end <= self.room, f"cache holds {self.room} tokens, {end} were asked of it"
        self.k[layer, :, :, self.length : end] = k
        self.v[layer, :, :, self.length : end] = v
        return self.k[layer, :, :, :end].to(k.dtype), self.v[layer, :, :, :end].to(v.dtype)

    def repeated(self, batch_size: int) -> Cache:
        """The cache of one story as that of `batch_size` stories that begin with it."""
        many = copy.copy(self)
        shape = (self.k.shape[0], batch_size, *self.k.shape[2:])
        many.k, many.v = (_memory(shape, device=t.device, dtype=t.dtype) for t in (self.k, self.v))
        for t, one in ((many.k, self.k), (many.v, self.v)):  # the rest costs no memory before it is written to
            t[:, :, :, : self.length] = one[:, :, :, : self.length]
        return many

    def choose(self, rows: Tensor) -> None:
        """Put the stories `rows` (B,) int64 in place of the present ones."""
        for t in (self.k, self.v):
            t[:, :, :, : self.length] = t[:, rows, :, : self.length]


def _memory(shape: tuple[int, ...], *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """An unwritten tensor (L, B, H, room, D) for a cache's keys or values; ValueError where memory has no such room."""
    _, stories, _, tokens, _ = shape
    with full_memory_told(
        f"writing {stories} x {tokens:,} tokens takes {2 * math.prod(shape) * dtype.itemsize / 1e6:,.0f} MB of memory, "
        "more than there is; write fewer stories at once, or fewer tokens"
    ):
        return torch.empty(shape, device=device, dtype=dtype)


class RMSNorm(nn.Module):
    """Divides each vector by its root mean square; has no weights (Zhang and Sennrich 2019, section 4)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.size, self.eps = (size,), eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.size, eps=self.eps)


def make_norm(config: ModelConfig) -> nn.Module:
    """The norm of this architecture over C channels."""
    if config.architecture == "gpt2":
        return nn.LayerNorm(config.n_embd, eps=config.eps)
    return RMSNorm(config.n_embd, config.eps)


class Rotary(nn.Module):
    """Rotary positions: turns each pair of channels by an angle that grows with the position (Su et al. 2021, 3.4)."""

    cos: Tensor  # (block_size, D/2)
    sin: Tensor  # (block_size, D/2)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D = config.head_size
        frequency = config.rope_theta ** (-torch.arange(0, D, 2, dtype=torch.float32) / D)  # (D/2,)
        angle = torch.outer(torch.arange(config.block_size, dtype=torch.float32), frequency)  # (block_size, D/2)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x: Tensor, start: int) -> Tensor:
        """Turn x (B, H, T, D), whose first token stands at position `start`."""
        cos = self.cos[start : start + x.shape[2]].to(x.dtype)  # (T, D/2)
        sin = self.sin[start : start + x.shape[2]].to(x.dtype)  # (T, D/2)
        a, b = x.chunk(2, dim=-1)  # 2 x (B, H, T, D/2)
        return torch.cat((a * cos + b * sin, b * cos - a * sin), dim=-1)


class Attention(nn.Module):
    """Multi-head causal self-attention (Vaswani et al. 2017, section 3.2)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        C, bias = config.n_embd, config.architecture == "gpt2"
        self.n_head, self.head_size, self.dropout, self.eps = (
            config.n_head,
            config.head_size,
            config.dropout,
            config.eps,
        )
        self.modern = config.architecture == "nanochat"
        self.c_attn = Linear(C, 3 * C, bias=bias)
        self.c_proj = Linear(C, C, bias=bias)

    def queries_keys_values(self, x: Tensor, rotary: Rotary | None, start: int) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v of x (B, T, C), each (B, H, T, D), positions applied where they are rotary."""
        B, T, C = x.shape
        q, k, v = self.c_attn(x).split(C, dim=-1)  # 3 x (B, T, C)
        q, k, v = (t.view(B, T, self.n_head, self.head_size).transpose(1, 2) for t in (q, k, v))  # 3 x (B, H, T, D)
        if rotary is not None:
            q = F.rms_norm(rotary(q, start), (self.head_size,), eps=self.eps)
            k = F.rms_norm(rotary(k, start), (self.head_size,), eps=self.eps)
        return q, k, v

    def forward(self, x: Tensor, rotary: Rotary | None, cache: Cache | None, layer: int) -> Tensor:
        B, T, C = x.shape
        start = 0 if cache is None else cache.length
        q, k, v = self.queries_keys_values(x, rotary, start)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # 2 x (B, H, S, D)
        dropout = self.dropout if self.training else 0.0
        y = attend(q, k, v, start=start, dropout=dropout)  # (B, H, T, D)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    """Two matrices with a bend between them, applied to each position alone."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        bias = config.architecture == "gpt2"
        self.classic = config.architecture == "gpt2"
        self.c_fc = Linear(config.n_embd, config.mlp_size, bias=bias)
        self.c_proj = Linear(config.mlp_size, config.n_embd, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.c_fc(x)  # (B, T, mlp_size)
        if self.classic:
            return self.c_proj(F.gelu(h, approximate="tanh"))  # (B, T, C)
        with torch.autocast(h.device.type, enabled=False):  # which would take the square in float32
            h = F.relu(h).square()
        return self.c_proj(h)  # (B, T, C)


class Block(nn.Module):
    """One layer: attention, then MLP, each added to the stream it reads from (pre-norm)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.ln_1, self.attn = make_norm(config), Attention(config)
        self.ln_2, self.mlp = make_norm(config), MLP(config)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, rotary: Rotary | None, cache: Cache | None, layer: int) -> Tensor:
        x = x + self.drop(self.attn(self.ln_1(x), rotary, cache, layer))
        return x + self.drop(self.mlp(self.ln_2(x)))


class GPT(nn.Module):
    """A decoder-only transformer of either architecture. A new one's weights are drawn by `initialise`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = Embedding(config.vocab_size, config.n_embd)
        self.wpe = Embedding(config.block_size, config.n_embd) if config.architecture == "gpt2" else None
        self.ln_e = make_norm(config) if config.architecture == "nanochat" else nn.Identity()
        self.rotary = Rotary(config) if config.architecture == "nanochat" else None
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = make_norm(config)
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.wte.weight

    def embed(self, ids: Tensor, start: int = 0) -> Tensor:
        """The stream that enters the first block: ids (B, T) int64 -> (B, T, C)."""
        x = self.wte(ids)  # (B, T, C)
        if self.wpe is not None:
            x = x + self.wpe.weight[start : start + ids.shape[1]]
        return self.drop(self.ln_e(x))

    def hidden(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """What the last block says of each position, normalised: ids (B, T) int64 -> (B, T, C).

        With a cache the ids follow the tokens that it holds. Raises ValueError where they pass the context.
        """
        start, T = (0 if cache is None else cache.length), ids.shape[1]
        if start + T > self.config.block_size:
            raise ValueError(f"{start + T} tokens do not fit the model's context of {self.config.block_size}")
        x = self.embed(ids, start)
        for layer, block in enumerate(self.h):
            x = block(x, self.rotary, cache, layer)
        if cache is not None:
            cache.length += T
        return self.ln_f(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token: (..., C) -> (..., V)."""
        z = self.lm_head(hidden)
        cap = self.config.logit_softcap
        return z if cap is None else cap * torch.tanh(z / cap)

    def forward(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Scores of the next token at each position: ids (B, T) int64 -> (B, T, V)."""
        return self.logits(self.hidden(ids, cache))

    def loss(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats of targets (B, T) int64 given ids (B, T) int64; a scalar."""
        hidden = self.hidden(ids).flatten(0, 1)  # (B x T, C)
        if self.config.logit_softcap is None:
            return linear_cross_entropy(hidden, self.lm_head.weight, targets.flatten())
        return F.cross_entropy(self.logits(hidden).float(), targets.flatten())

    def new_cache(
        self, batch_size: int = 1, *, room: int | None = None, dtype: torch.dtype | None = None
    ) -> Cache:
        """An empty cache where this model's weights are, of their dtype; without `room` one for the whole context."""
        weight = self.wte.weight
        room = self.config.block_size if room is None else room
        return Cache(self.config, batch_size, room=room, device=weight.device, dtype=dtype or weight.dtype)


@torch.no_grad()
def initialise(model: GPT, seed: int) -> None:
    """Draw a new model's weights; the same seed gives the same weights on every device.

    gpt2: normal(0.02), output projections divided by sqrt(2 L) (Radford et al. 2019, section 2.3).
    nanochat: matrices normal(1 / sqrt(fan-in)), output projections zero, so that each block begins as the identity.
    """
    generator = torch.Generator().manual_seed(seed)
    classic = model.config.architecture == "gpt2"
    for name, p in model.named_parameters():
        if p.dim() == 1:
            p.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        std = 0.02 if classic or "wte" in name or "lm_head" in name else p.shape[1] ** -0.5
        if name.endswith("c_proj.weight"):
            std = std / math.sqrt(2 * model.config.n_layer) if classic else 0.0
        p.copy_(torch.randn(p.shape, generator=generator) * std)
