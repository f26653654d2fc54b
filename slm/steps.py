"""Where a decoder's newest token stands: as a number, or as a tensor for a step that a GPU repeats by itself.

For a CUDA graph a step must be the same operations at the same places in memory, wherever the token stands.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from slm.graphs import Recorded


class Growing:
    """The position as a number: attention reads as much of the cache as is filled."""

    def __init__(self, position: int) -> None:
        self.position = position

    def row(self, table: Tensor) -> Tensor:
        """The position's own row of (block_size, ...)."""
        return table[self.position]

    def keep(self, cache: Tensor, new: Tensor) -> Tensor:
        """Write new (B, H, D) into a layer's cache (B, H, room, D); all that is now in it, (B, H, S, D)."""
        cache.select(2, self.position).copy_(new)
        return cache.narrow(2, 0, self.position + 1)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What the token gathers, (B, H, 1, D), from k and v (B, H, S, D)."""
        return F.scaled_dot_product_attention(q, k, v)


class Fixed:
    """The position as a tensor: attention reads the whole cache, and a mask hides what is not filled yet."""

    def __init__(self, room: int, device: torch.device) -> None:
        self.position = torch.zeros(1, dtype=torch.int64, device=device)
        self._places = torch.arange(room, device=device)

    def row(self, table: Tensor) -> Tensor:
        """The position's own row of (block_size, ...)."""
        return table.index_select(0, self.position)[0]

    def keep(self, cache: Tensor, new: Tensor) -> Tensor:
        """Write new (B, H, D) into a layer's cache (B, H, room, D); the whole cache, whose rest `attend` hides."""
        cache.index_copy_(2, self.position, new.unsqueeze(2))
        return cache

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """What the token gathers, (B, H, 1, D), from what is filled of k and v (B, H, room, D).

        For a single query torch's own takes several times as long on a GPU.
        """
        scores = (q @ k.mT) * q.shape[-1] ** -0.5  # (B, H, 1, room)
        return scores.masked_fill(self._places > self.position, -torch.inf).softmax(-1) @ v


def repeated(step: Callable[[Tensor], Tensor], batch_size: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A step at a fixed place in memory, ids (B,) int64 in, scores (B, V) out, which CUDA starts as a whole.

    Where that fails, and on other devices, it is the step itself, whose operations are started one by one.
    """
    if device.type != "cuda":
        return step
    try:
        return Recorded(step, torch.zeros(batch_size, dtype=torch.int64, device=device))
    except RuntimeError as error:
        warnings.warn(f"stories are written slower: no CUDA graph could be made ({error})", stacklevel=2)
        return step
