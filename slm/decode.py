"""One token after another: the model's forward for a single position, with as few and as large operations as possible.

For one position a small model's time goes into reading its weights and into starting operations. So on a CPU with a
C compiler the step is one call of compiled code (slm/step.c); elsewhere it is the forward of `slm.model` written out
flat. `step` gives what `GPT.forward` gives with a cache; the tests hold them together.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slm.compiled_step import Step, writes
from slm.int8 import Int8Linear, Int8WeightLinear, RoundedLinear
from slm.model import GPT, Attention, Block, RMSNorm
from slm.steps import Fixed, Growing, repeated

Product = Callable[[Tensor, Tensor | None], Tensor]
MOST_PARTS = 32
WHOLE_CONTEXT = 1024  # up to here a context is small enough for a cache that holds all of it


def half_context(block_size: int) -> int:
    """How many of the newest tokens are read again when the context is full."""
    return max(1, block_size // 2)


def newest_tokens(ids: list[int], block_size: int) -> list[int]:
    """What the model reads of `ids`: all of them while there is room for one more, else the newest half context."""
    return ids if len(ids) < block_size else ids[-half_context(block_size) :]


def window_start(prompt_tokens: int, tokens: int, block_size: int) -> int:
    """From which token on the model reads a story of `tokens` tokens, the first `prompt_tokens` of them the prompt's.

    The rule of `newest_tokens`, and each time the context is full again the older half of it is forgotten.
    """
    read = prompt_tokens if prompt_tokens < block_size else half_context(block_size)  # of the prompt
    start, step = prompt_tokens - read, block_size + 1 - half_context(block_size)
    return start + step * max(0, -((block_size - tokens + start) // step))


def cache_room(block_size: int, most_tokens: int | None) -> int:
    """For how many tokens a cache needs room, where its stories have `most_tokens` at most, their prompt counted.

    A context that is not long is held whole: stories of any length are then written by the same work, to the last bit.
    """
    return block_size if most_tokens is None else min(block_size, max(WHOLE_CONTEXT, most_tokens))


def kept_dtype(model: GPT) -> torch.dtype:
    """What the compiled step keeps keys and values in: the weights' dtype, or bfloat16 where these are int8.

    Beside rounded weights that costs little, and eight stories read as much of keys and values as of int8 weights.
    """
    return torch.bfloat16 if isinstance(model.lm_head, RoundedLinear) else model.wte.weight.dtype


class Decoder:
    """B stories that begin with the same prompt and grow by one token each at every step."""

    def __init__(
        self,
        model: GPT,
        prompt: list[int],
        batch_size: int = 1,
        *,
        most_tokens: int | None = None,
        fixed: bool | None = None,
    ) -> None:
        """Read the prompt, which must leave room in the context; `logits` (B, V) then tells what may follow.

        No story will have more than `most_tokens`, its prompt counted; None: than the context.
        With `fixed`, each step is the same work at the same place in memory, which CUDA repeats as one; None: on CUDA.
        Raises ValueError where memory has no room for the stories.
        """
        self.model, self.batch_size = model, batch_size
        ids = torch.tensor([prompt], device=model.wte.weight.device)
        fixed = ids.device.type == "cuda" if fixed is None else fixed
        self._compiled = Step(model) if not fixed and writes(model) else None
        dtype = None if self._compiled is None else kept_dtype(model)
        cache = model.new_cache(room=cache_room(model.config.block_size, most_tokens), dtype=dtype)
        logits = model.logits(model.hidden(ids, cache)[:, -1])  # (1, V)
        self.logits = logits.expand(batch_size, -1)
        self.cache = cache if batch_size == 1 else cache.repeated(batch_size)
        self._fixed = Fixed(cache.room, ids.device) if fixed else None
        self._repeated: Callable[[Tensor], Tensor] | None = None
        if self._compiled is None:
            self._lay_flat()
        if fixed:  # a mask hides numbers, but not what is no number
            for t in (self.cache.k, self.cache.v):
                t[:, :, :, self.cache.length :] = 0

    def _lay_flat(self) -> None:
        """The step in torch: functions and tensors that every step uses again."""
        model, batch_size = self.model, self.batch_size
        blocks = [_FlatBlock(model, block, batch_size) for block in model.h]  # type: ignore[arg-type]
        self._blocks = list(zip(blocks, self.cache.k, self.cache.v, strict=True))
        if model.rotary is not None:
            room = self.cache.room
            cos, sin = model.rotary.cos[:room], model.rotary.sin[:room]  # 2 x (room, D/2)
            self._cos, self._sin = torch.cat((cos, cos), -1), torch.cat((sin, -sin), -1)  # 2 x (room, D)
        self._norm_embedding = rms_norm_function(model.config.n_embd, model.config.eps, model.wte.weight)
        self._norm = norm_function(model.ln_f, model.wte.weight)
        self._head = product_function(model.lm_head, batch_size)

    @property
    def full(self) -> bool:
        """Whether the context has no room for another token."""
        return self.cache.length == self.model.config.block_size

    def step(self, ids: Tensor) -> None:
        """Add one token to each story, ids (B,) int64; there must be room."""
        ids = ids.to(self.model.wte.weight.device)
        if self._compiled is not None:
            self.logits = self._compiled(ids, self.cache.length, self.cache.k, self.cache.v)
        elif self._fixed is None:
            self.logits = self._scores(ids, Growing(self.cache.length))
        else:
            place = self._fixed
            place.position.fill_(self.cache.length)
            if self._repeated is None:  # its trials write into the cache where this step then writes
                self._repeated = repeated(lambda x: self._scores(x, place), self.batch_size, ids.device)
            self.logits = self._repeated(ids)
        self.cache.length += 1

    def _scores(self, ids: Tensor, place: Growing | Fixed) -> Tensor:
        """What may follow ids (B,), which stand at `place`: (B, V)."""
        model = self.model
        x = F.embedding(ids, model.wte.weight)  # (B, C)
        turn = None
        if model.wpe is not None:
            x = x + place.row(model.wpe.weight)
        else:
            x, turn = self._norm_embedding(x), (place.row(self._cos), place.row(self._sin))
        for block, k, v in self._blocks:
            x = block(x, k, v, place, turn)
        z, cap = self._head(self._norm(x), None), model.config.logit_softcap  # (B, V)
        return z if cap is None else cap * torch.tanh(z / cap)

    def read_again(self, ids: Tensor) -> None:
        """Forget everything and read ids (B, T) int64 instead."""
        self.cache.length = 0
        self.logits = self.model.logits(self.model.hidden(ids.to(self.model.wte.weight.device), self.cache)[:, -1])

    def choose(self, rows: Tensor) -> None:
        """Go on with these stories (B,) int64 in place of the present ones; one may be taken several times."""
        self.cache.choose(rows.to(self.cache.k.device))
        self.logits = self.logits[rows]


    @property
    def can_shrink(self) -> bool:
        """Whether stories can be left out: where a step in torch is made for a number of them, they go on unread."""
        return self._compiled is not None

    def shrink(self, rows: Tensor) -> None:
        """Go on with these stories (B,) int64 alone, each taken once."""
        assert self.can_shrink
        self.batch_size = len(rows)
        self.cache.k, self.cache.v = self.cache.k[:, rows], self.cache.v[:, rows]
        self.logits = self.logits[rows]


class _FlatBlock:
    """One block of the model, for one position."""

    def __init__(self, model: GPT, block: Block, batch_size: int) -> None:
        attention: Attention = block.attn
        self.n_head, self.head_size = attention.n_head, attention.head_size
        self.ln_1, self.ln_2 = (norm_function(n, model.wte.weight) for n in (block.ln_1, block.ln_2))
        self.c_attn, self.c_proj = (product_function(m, batch_size) for m in (attention.c_attn, attention.c_proj))
        self.c_fc, self.mlp_proj = (product_function(m, batch_size) for m in (block.mlp.c_fc, block.mlp.c_proj))
        self.classic = block.mlp.classic
        self.norm_heads = rms_norm_function(self.head_size, attention.eps, model.wte.weight)

    def __call__(
        self, x: Tensor, k: Tensor, v: Tensor, place: Growing | Fixed, turn: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """x (B, C) at `place`; its keys and values are written into k and v (B, H, room, D).

        `turn` is the rotation of that place as 2 x (D,), where positions are rotary.
        """
        B, C = x.shape
        heads = self.c_attn(self.ln_1(x), None).view(B, 3, self.n_head, self.head_size)
        q, new_k, new_v = heads.unbind(1)  # 3 x (B, H, D)
        if turn is not None:
            qk, (cos, sin) = heads.narrow(1, 0, 2), turn  # (B, 2, H, D)
            swapped = torch.roll(qk, self.head_size // 2, -1)
            q, new_k = self.norm_heads(torch.addcmul(qk * cos, swapped, sin)).unbind(1)
        k, v = place.keep(k, new_k), place.keep(v, new_v)  # 2 x (B, H, S, D)
        y = place.attend(q.unsqueeze(2), k, v)  # (B, H, 1, D)
        x = self.c_proj(y.view(B, C), x)
        h = self.c_fc(self.ln_2(x), None)  # (B, mlp_size)
        if self.classic:
            return self.mlp_proj(F.gelu(h, approximate="tanh"), x)
        h = h.relu_()
        return self.mlp_proj(h * h, x)


class _RMSNorm:
    """slm.model.RMSNorm over the last D numbers, in the fewest operations."""

    def __init__(self, size: int, eps: float, like: Tensor) -> None:
        self.eps, self.share = like.new_tensor(eps), 1 / size

    def __call__(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, 2, -1, True)  # (..., 1)
        return x * torch.addcmul(self.eps, length, length, value=self.share).rsqrt_()


def norm_function(norm: nn.Module, like: Tensor) -> Callable[[Tensor], Tensor]:
    """A norm of the model as a plain function of (B, C) tensors that lie where `like` does."""
    if isinstance(norm, nn.LayerNorm):
        shape, weight, bias, eps = list(norm.normalized_shape), norm.weight, norm.bias, norm.eps
        return lambda x: torch.layer_norm(x, shape, weight, bias, eps)
    assert isinstance(norm, RMSNorm)
    return rms_norm_function(norm.size[0], norm.eps, like)


def rms_norm_function(size: int, eps: float, like: Tensor) -> Callable[[Tensor], Tensor]:
    """slm.model.RMSNorm over the last `size` numbers of tensors that lie where `like` does."""
    if like.device.type == "cuda":
        return lambda x: F.rms_norm(x, (size,), eps=eps)
    return _RMSNorm(size, eps, like)


def product_function(linear: nn.Module, batch_size: int) -> Product:
    """A matrix of the model as a plain function: x (B, in) and a sum to add to, (B, out) or None, give (B, out).

    On a CPU the BLAS behind F.linear reads a matrix at a fraction of the memory's speed. One row is quicker as a batch
    of parts of the matrix; several rows are, through oneDNN, with the matrix in an order of oneDNN's own.
    """
    if isinstance(linear, Int8Linear | Int8WeightLinear):
        return linear.add_to
    if isinstance(linear, RoundedLinear):
        return lambda x, onto: _added(linear(x), onto)
    weight, bias = linear.weight, linear.bias
    assert isinstance(weight, Tensor) and (bias is None or isinstance(bias, Tensor))
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or (batch_size > 1 and not has_onednn()):
        return lambda x, onto: _added(F.linear(x, weight, bias), onto)
    if batch_size == 1:
        return _by_parts(weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), batch_size)
    multiply = torch.ops.mkldnn._linear_pointwise.default
    return lambda x, onto: _added(multiply(x, packed, bias, "none", [], ""), onto)


def _by_parts(weight: Tensor, bias: Tensor | None) -> Product:
    out = weight.shape[0]
    n = next(n for n in range(MOST_PARTS, 0, -1) if out % n == 0)
    parts = weight.unflatten(0, (n, out // n)).transpose(1, 2)  # (n, in, out / n)

    def product(x: Tensor, onto: Tensor | None) -> Tensor:
        # The row comes first: with a column behind the parts, Intel's processors are three times slower.
        onto = bias if onto is None else onto if bias is None else onto + bias
        y = torch.bmm(x.expand(n, 1, -1), parts).view(1, out)
        return y if onto is None else y.add_(onto)

    return product


def _added(y: Tensor, onto: Tensor | None) -> Tensor:
    return y if onto is None else y.add_(onto)


def has_onednn() -> bool:
    """Whether this build of torch has oneDNN's products."""
    names = ("_linear_pointwise", "_reorder_linear_weight")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in names)
