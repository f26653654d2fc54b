"""Where a decoder's newest token stands: as a number, or as a tensor for a step that a GPU repeats by itself.

On a GPU a small model's step is over sooner than Python has started its operations. As a CUDA graph the whole step is
started at once; that needs the same operations on the same places in memory each time, wherever the token stands.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP_STEPS = 3  # before a capture, as torch's notes on CUDA graphs ask for


class Growing:
    """The position as a number: attention reads as much of the cache as is filled."""

    mask: Tensor | None = None

    def __init__(self, position: int) -> None:
        self.position = position

    def row(self, table: Tensor) -> Tensor:
        """The position's own row of (block_size, ...)."""
        return table[self.position]

    def keep(self, cache: Tensor, new: Tensor) -> Tensor:
        """Write new (B, H, D) into a layer's cache (B, H, room, D); all that is now in it, (B, H, S, D)."""
        cache.select(2, self.position).copy_(new)
        return cache.narrow(2, 0, self.position + 1)


class Fixed:
    """The position as a tensor: attention reads the whole cache, and a mask hides what is not filled yet."""

    def __init__(self, room: int, device: torch.device) -> None:
        self.position = torch.zeros(1, dtype=torch.int64, device=device)
        self._places = torch.arange(room, device=device)

    @property
    def mask(self) -> Tensor:
        """True where there is something to see, (1, room)."""
        return (self._places <= self.position)[None]

    def row(self, table: Tensor) -> Tensor:
        """The position's own row of (block_size, ...)."""
        return table.index_select(0, self.position)[0]

    def keep(self, cache: Tensor, new: Tensor) -> Tensor:
        """Write new (B, H, D) into a layer's cache (B, H, room, D); the whole cache, whose rest `mask` hides."""
        cache.index_copy_(2, self.position, new.unsqueeze(2))
        return cache


class Repeated:
    """A step at a fixed place in memory, repeated: ids (B,) int64 in, scores (B, V) out.

    On CUDA it is captured as a graph when it is made; where that fails, its operations are started one by one.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], batch_size: int, device: torch.device) -> None:
        self._ids = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self._run: Callable[[], Tensor] = lambda: step(self._ids)
        if device.type == "cuda":
            try:
                self._run = _captured(self._run, device)
            except RuntimeError as error:
                warnings.warn(f"stories are written slower: no CUDA graph could be made ({error})", stacklevel=2)

    def __call__(self, ids: Tensor) -> Tensor:
        self._ids.copy_(ids)
        return self._run()


def _captured(run: Callable[[], Tensor], device: torch.device) -> Callable[[], Tensor]:
    """The same work, recorded once and from then on started as a whole (torch's notes on CUDA graphs)."""
    aside, graph = torch.cuda.Stream(device), torch.cuda.CUDAGraph()
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP_STEPS):
            run()
    torch.cuda.current_stream(device).wait_stream(aside)
    # Of other threads, which may write or train meanwhile, nothing is captured and nothing forbidden.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = run()

    def replay() -> Tensor:
        graph.replay()
        return result.clone()

    return replay
