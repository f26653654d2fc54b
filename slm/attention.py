"""Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), by the quickest way for the work at hand."""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(q: Tensor, k: Tensor, v: Tensor, *, start: int, dropout: float) -> Tensor:
    """What each token gathers from itself and the tokens before it: (B, H, T, D).

    q (B, H, T, D), whose first token stands at `start`; k and v (B, H, S, D) with S = start + T. `dropout` is the share
    of weights dropped.
    """
    T = q.shape[2]
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad:
        return _by_products(q, k, v, start=start, dropout=dropout)
    mask = causal_mask(T, start, q.device) if start and T > 1 else None
    return F.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, is_causal=start == 0 and T > 1, dropout_p=dropout
    )


def _by_products(q: Tensor, k: Tensor, v: Tensor, *, start: int, dropout: float) -> Tensor:
    """The same with all scores in memory: in bfloat16 on a CPU, torch's own backward pass takes three times as long."""
    B, H, T, D = q.shape
    S = k.shape[2]
    make_hidden = _hidden.__wrapped__ if torch.compiler.is_compiling() else _hidden  # the compiler warns of a cache
    hidden = make_hidden(T, start, q.dtype).expand(B * H, T, S)
    scores = torch.baddbmm(hidden, q.reshape(-1, T, D), k.reshape(-1, S, D).mT, alpha=D**-0.5)  # (B x H, T, S)
    weights = F.dropout(scores.softmax(dim=-1), dropout)
    return torch.bmm(weights, v.reshape(-1, S, D)).view(B, H, T, D)


def causal_mask(T: int, start: int, device: torch.device) -> Tensor:
    """True where a token may look, (T, start + T): the token at start + t sees itself and all before it."""
    return torch.ones(T, start + T, dtype=torch.bool, device=device).tril(diagonal=start)


@functools.lru_cache(maxsize=4)
def _hidden(T: int, start: int, dtype: torch.dtype) -> Tensor:
    """0 where a token may look and -inf where not, (T, start + T)."""
    return torch.zeros(T, start + T, dtype=dtype).masked_fill_(~causal_mask(T, start, torch.device("cpu")), -torch.inf)
