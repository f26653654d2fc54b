"""Work of a GPU that is started as a whole, as a CUDA graph (torch's notes on CUDA graphs).

A GPU is done with an operation of a small model sooner than Python has started the next one. Recorded once, all of them
are started at once; that needs the same operations at the same places in memory each time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TRIAL_RUNS = 3  # before a recording, as torch's notes ask for


class Recorded:
    """A function of tensors of fixed shapes, recorded on the device of these `inputs`; gives copies of its result.

    What else the function reads and writes must stay where it is. The `trial_runs` before the recording are real ones;
    0 where the work has been done before. Raises RuntimeError where it cannot be recorded.
    """

    def __init__(self, work: Callable[..., Tensor], *inputs: Tensor, trial_runs: int = TRIAL_RUNS) -> None:
        self._inputs = [x.clone() for x in inputs]
        self._graph, self._result = _recorded(lambda: work(*self._inputs), inputs[0].device, trial_runs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        for place, x in zip(self._inputs, inputs, strict=True):
            place.copy_(x, non_blocking=True)
        self._graph.replay()
        return self._result.clone()


def _recorded(
    run: Callable[[], Tensor], device: torch.device, trial_runs: int
) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """The graph of this work, and where its result will be."""
    aside, graph = torch.cuda.Stream(device), torch.cuda.CUDAGraph()
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):
        for _ in range(trial_runs):
            run()
    torch.cuda.current_stream(device).wait_stream(aside)
    # Of other threads, which may write or train meanwhile, nothing is recorded and nothing forbidden.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        return graph, run()
