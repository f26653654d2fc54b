"""One optimizer update: gradients of some micro-batches, clipped, then the weights moved."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slm.config import TrainConfig
from slm.divergence import Diverged
from slm.errors import is_out_of_memory
from slm.model import GPT
from slm.optim import LossScale, Optimizer
from slm.team import Loss, Team


@dataclass(frozen=True)
class Update:
    """What one update measured."""

    loss: float  # nats a token, mean over the step's tokens
    grad_norm: float  # before clipping
    sound: bool  # False where loss or gradients are no numbers, and that is not float16's loss scale settling


class Updater:
    """A model, its optimizer and the arithmetic they are moved in. `batch_size` rows are taken at a time."""

    def __init__(self, model: GPT, config: TrainConfig, *, team: Team, dtype: torch.dtype) -> None:
        self.team, self.device, self.dtype = team, team.device, dtype
        self.model, self.config = model.to(team.device).train(), config
        self.batch_size = config.batch_size
        self.optimizer = Optimizer(model, config, dtype=dtype)
        self.loss_scale = LossScale(2.0**16 if dtype == torch.float16 else None)
        self._loss = Loss(self.model)
        self.loss = team.joint(self._loss)
        self.compiled, self._can_compile = False, True

    def use_compiled(self, wanted: bool) -> None:
        """Compute the loss by code that is compiled for each shape when it first comes, or as it is written."""
        self.compiled = wanted and self._can_compile
        self._loss.compute = torch.compile(self.model.loss, dynamic=False) if self.compiled else self.model.loss

    def rehearse(self, rows: int, length: int) -> None:
        """Compute the gradients of a micro-batch of this shape and forget them; the device is done with it then.

        In a team by this process alone: the others may fail at it.
        """
        ids = torch.arange(rows * length).view(rows, length) % self.model.config.vocab_size
        # Compiled code would be made anew where its two arguments are one tensor.
        with self.team.apart(self.loss):
            self.backward(ids, ids.clone(), share=1.0).item()
        self.model.zero_grad(set_to_none=True)

    def update(
        self, x: np.ndarray, y: np.ndarray, *, scale: float, seed: int, stop: Callable[[], bool]
    ) -> Update | None:
        """Move the weights by x, y (rows, T) int64, taken batch_size rows at a time, at `scale` of the peak rate.

        In a team each process has other rows, equally many. `seed` decides the dropout. None where `stop`, asked before
        each micro-batch, says to leave it: then nothing has moved, as after an error on the way to the gradients.
        """
        torch.manual_seed(seed + self.team.rank * 2**32)
        total = torch.zeros((), device=self.device)
        for start in range(0, len(x), self.batch_size):
            if stop():
                self.model.zero_grad(set_to_none=True)
                return None
            rows = slice(start, start + self.batch_size)
            share, is_last = len(x[rows]) / len(x), rows.stop >= len(x)
            with contextlib.nullcontext() if is_last else self.team.apart(self.loss):
                total += self.backward(torch.from_numpy(x[rows]), torch.from_numpy(y[rows]), share=share)
        loss = self.team.mean(total.item())  # one process alone waits here for its device, not before
        if not math.isfinite(loss):
            self.model.zero_grad(set_to_none=True)
            return Update(loss, math.nan, sound=False)
        norm = self._move(scale)
        return Update(loss, norm, sound=math.isfinite(norm) or self.loss_scale.may_overflow)

    def backward(self, x: Tensor, y: Tensor, *, share: float) -> Tensor:
        """Add this share of the gradients of one micro-batch x, y (B, T); that share of its loss, a scalar."""
        x, y = self._to_device(x), self._to_device(y)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = self.loss(x, y) * share
        self.loss_scale.enlarge(loss).backward()
        return loss.detach()

    def check_weights(self) -> None:
        """Raise Diverged where a weight is no number, which a loss from before the last step cannot tell."""
        if not torch.stack([p.isfinite().all() for p in self.model.parameters()]).all():
            raise Diverged("the weights are no numbers any more")

    def halve(self) -> None:
        """Take half as many rows at a time, after the memory was full; ValueError where it was one row already."""
        self.model.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()
        if self.batch_size == 1:
            raise ValueError(
                f"the memory of {self.device.type} is full with one sequence of {self.model.config.block_size} tokens "
                "at a time already; take a smaller model (n_layer, n_embd) or a shorter context (block_size)"
            )
        self.batch_size //= 2

    def give_up_compiling(self) -> None:
        """Go on with the model as it is written, after it could not be compiled."""
        self.model.zero_grad(set_to_none=True)
        self._can_compile = False
        self.use_compiled(False)

    def _to_device(self, x: Tensor) -> Tensor:
        return x.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else x.to(self.device)

    def _move(self, scale: float) -> float:
        """Clip the gradients, move the weights, and return the gradient norm before clipping."""
        parameters = list(self.model.parameters())
        self.loss_scale.restore(parameters)
        limit = math.inf if self.config.grad_clip is None else self.config.grad_clip
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit).item()
        if self.loss_scale.is_sound(norm):
            self._step(scale)
        self.model.zero_grad(set_to_none=True)
        return norm

    def _step(self, scale: float) -> None:
        try:
            self.optimizer.step(scale)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # Some weights may have moved: this update cannot be taken again.
            raise ValueError(
                f"the memory of {self.device.type} is too small for the optimizer's state; take a smaller model "
                "(n_layer, n_embd)"
            ) from error
