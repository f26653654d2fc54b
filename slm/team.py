"""Several processes that train one model, each on a device of its own, as `torchrun` starts them.

Every process runs the same loop on its share of each batch. The gradients are averaged (Li et al. 2020, "PyTorch
Distributed"); whatever depends on a clock or on the run folder is decided by the first process, which alone writes.
"""

from __future__ import annotations

import contextlib
import datetime
import gc
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from slm.config import TrainConfig
from slm.device import choose_device
from slm.model import GPT

T = TypeVar("T")
# The others wait while the first one evaluates and saves.
PATIENCE = datetime.timedelta(hours=2)
# How torch names the copying of buffers before each forward: the new way, and the old one.
_NAMES = inspect.signature(DistributedDataParallel).parameters
SYNCHRONISED = "forward_sync_buffers" if "forward_sync_buffers" in _NAMES else "broadcast_buffers"


class Loss(nn.Module):
    """The loss of `model`, as a module, which is what DistributedDataParallel takes.

    `compute(x, y)` gives it. Other code for the same sum may take its place at any time, in each process by itself.
    """

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model
        self.compute: Callable[[Tensor, Tensor], Tensor] = model.loss

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.compute(x, y)


@dataclass(frozen=True)
class Team:
    """This process's place among `size` processes; one alone is a team too."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def check_shares(self, config: TrainConfig) -> None:
        """Raise ValueError where the sequences of an update, in the ramp or behind it, do not come out even."""
        for rows in sorted(config.row_counts):
            if rows % self.size:
                raise ValueError(
                    f"{rows} sequences in an update do not divide among {self.size} processes; choose batch_size x "
                    f"grad_accum_steps (and half of it, where there is a ramp) as a multiple of {self.size}"
                )

    def share_of(self, rows: Any) -> Any:
        """This process's rows of a batch, which come out even (`check_shares`)."""
        assert len(rows) % self.size == 0, (len(rows), self.size)
        return rows[self.rank :: self.size]

    def agree(self, number: float) -> float:
        """The first process's number."""
        if self.size == 1:
            return number
        told = torch.tensor(number, dtype=torch.float64, device=self.device)
        distributed.broadcast(told, 0)
        return told.item()

    def is_common(self, number: float) -> bool:
        """Whether all processes have the same number."""
        if self.size == 1:
            return True
        ends = torch.tensor([number, -number], dtype=torch.float64, device=self.device)
        distributed.all_reduce(ends, distributed.ReduceOp.MAX)
        most, least = ends.tolist()
        return most == -least

    def share(self, value: T) -> T:
        """The first process's value of any kind; slower than `agree`."""
        if self.size == 1:
            return value
        told = [value]
        distributed.broadcast_object_list(told, 0, device=self.device)
        return told[0]

    def mean(self, number: float) -> float:
        """The mean of all processes' numbers."""
        if self.size == 1:
            return number
        total = torch.tensor(number, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.item() / self.size

    @contextlib.contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """The body runs in the first process, and only then in the others."""
        if self.size > 1 and not self.is_first:
            distributed.barrier()
        yield
        if self.size > 1 and self.is_first:
            distributed.barrier()

    def joint(self, loss: Loss) -> Loss | DistributedDataParallel:
        """`loss`, so that its gradients are the mean of all processes'; all of them make it together."""
        if self.size == 1:
            return loss
        devices = [self.device] if self.device.type == "cuda" else None
        # The buffers are rotary tables, which are equal everywhere and never change.
        settings: dict[str, Any] = {"device_ids": devices, SYNCHRONISED: False}
        return DistributedDataParallel(loss, **settings)

    @staticmethod
    def apart(joint: Loss | DistributedDataParallel) -> contextlib.AbstractContextManager[None]:
        """While it lasts, gradients add up in each process alone: for all micro-batches but an update's last."""
        return joint.no_sync() if isinstance(joint, DistributedDataParallel) else contextlib.nullcontext()


@contextlib.contextmanager
def assembled(device: str) -> Iterator[Team]:
    """The team that the environment speaks of, as torchrun sets it; one process alone without.

    `device` is a TrainConfig's. On CUDA each process of a machine takes a GPU of its own. Apple's GPU computes for one
    process alone: ValueError where several ask for it by name.
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        yield Team(choose_device(device))
        return
    chosen = choose_device(device)
    if chosen.type == "mps":
        if device != "auto":
            raise ValueError("several processes cannot share mps; start one alone, or give --device cpu")
        chosen = torch.device("cpu")
    if chosen.type == "cuda":
        chosen = choose_device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Team(chosen, rank=int(os.environ["RANK"]), size=size)
    finally:
        # A group ends with its last holder. Of one that is left to the process's end, a thread that still puts tensors
        # away then wants the interpreter, which is gone: the process would abort.
        gc.collect()
        distributed.destroy_process_group()
