"""One optimizer update: gradients of some micro-batches, clipped, then the weights moved."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from slm.config import TrainConfig
from slm.divergence import Diverged
from slm.errors import is_compile_failure, is_out_of_memory
from slm.graphs import Recorded
from slm.model import GPT
from slm.optim import LossScale, Optimizer
from slm.team import Loss, Team

# So many tokens of an update a GPU takes at a time, however small the micro-batches: a quarter takes it nearly as long.
GPU_TOKENS = 2**14


@dataclass(frozen=True)
class Update:
    """What one update measured."""

    loss: float  # nats a token, mean over the step's tokens
    grad_norm: float  # before clipping
    sound: bool  # False where loss or gradients are no numbers, and that is not float16's loss scale settling


class Updater:
    """A model, its optimizer and the arithmetic they are moved in. `batch_size` rows are taken at a time.

    On CUDA the gradients of a micro-batch are one graph for each shape, which stands where the gradients stand.
    """

    def __init__(self, model: GPT, config: TrainConfig, *, team: Team, dtype: torch.dtype) -> None:
        self.team, self.device, self.dtype = team, team.device, dtype
        self.model, self.config = model.to(team.device).train(), config
        self.batch_size = config.batch_size * self._batches_at_a_time()
        self.optimizer = Optimizer(model, config, dtype=dtype)
        self.loss_scale = LossScale(2.0**16 if dtype == torch.float16 else None)
        self._loss = Loss(self.model)
        self.loss = team.joint(self._loss)
        self.compiled, self._can_compile = False, True
        self._graphs: dict[tuple[torch.Size, float], Recorded] = {}  # of gradients, by shape and share
        self._move_graph: Recorded | None = None
        self._has_moved = False
        # Gradients of several processes are not added up in a graph, and float16's loss scale changes on the way.
        self._can_record = self.device.type == "cuda" and team.size == 1 and self.loss_scale.factor is None

    def _batches_at_a_time(self) -> int:
        """How many of the configured micro-batches are taken as one."""
        if self.device.type != "cuda":
            return 1
        tokens = self.config.batch_size * self.model.config.block_size
        return max(1, min(self.config.grad_accum_steps // self.team.size, GPU_TOKENS // tokens))

    def use_compiled(self, wanted: bool) -> None:
        """Compute the loss by code that is compiled for each shape when it first comes, or as it is written."""
        self._let_go()
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
        self._forget()

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
                self._forget()
                return None
            rows = slice(start, start + self.batch_size)
            share, is_last = len(x[rows]) / len(x), rows.stop >= len(x)
            with contextlib.nullcontext() if is_last else self.team.apart(self.loss):
                total += self.backward(torch.from_numpy(x[rows]), torch.from_numpy(y[rows]), share=share)
        self.loss_scale.restore(self.model.parameters())
        norm = torch.nn.utils.get_total_norm(self._gradients())
        loss, grad_norm = torch.stack([total, norm]).tolist()  # one process alone waits here for its device, not before
        loss = self.team.mean(loss)
        if not math.isfinite(loss):
            self._forget()
            return Update(loss, math.nan, sound=False)
        if self.loss_scale.is_sound(grad_norm):
            self._step(scale, norm)
        self._forget()
        return Update(loss, grad_norm, sound=math.isfinite(grad_norm) or self.loss_scale.may_overflow)

    def backward(self, x: Tensor, y: Tensor, *, share: float) -> Tensor:
        """Add this share of the gradients of one micro-batch x, y (B, T); that share of its loss, a scalar."""
        x, y = self._to_device(x), self._to_device(y)
        graph = self._graph(x, y, share) if self._can_record else None
        return self._backward(x, y, share) if graph is None else graph(x, y)

    def _backward(self, x: Tensor, y: Tensor, share: float) -> Tensor:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = self.loss(x, y) * share
        self.loss_scale.enlarge(loss).backward()
        return loss.detach()

    def _graph(self, x: Tensor, y: Tensor, share: float) -> Recorded | None:
        """The graph for micro-batches of this shape, recorded where it is the first; None where none can be."""
        key = (x.shape, share)
        if key in self._graphs:
            return self._graphs[key]
        for p in self.model.parameters():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        before = [grad.clone() for grad in self._gradients()]  # the trial runs add to them
        try:
            with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):  # for their dropout
                self._graphs[key] = Recorded(lambda x, y: self._backward(x, y, share), x, y)
        except RuntimeError as error:
            if is_out_of_memory(error) or is_compile_failure(error):
                raise
            self._give_up_recording(error)
        torch._foreach_copy_(self._gradients(), before)
        return self._graphs.get(key)

    def _give_up_recording(self, error: RuntimeError) -> None:
        """Start operations one by one from now on; the gradients stay for this update."""
        warnings.warn(f"the training is slower: no CUDA graph could be made ({error})", stacklevel=2)
        self._can_record = False
        self._graphs.clear()

    def check_weights(self) -> None:
        """Raise Diverged where a weight is no number, which a loss from before the last step cannot tell."""
        if not torch.stack([p.isfinite().all() for p in self.model.parameters()]).all():
            raise Diverged("the weights are no numbers any more")

    def halve(self) -> None:
        """Take half as many rows at a time, after the memory was full; ValueError where it was one row already."""
        self._let_go()
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
        self._can_compile = False
        self.use_compiled(False)

    def _to_device(self, x: Tensor) -> Tensor:
        return x.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else x.to(self.device)

    def _gradients(self) -> list[Tensor]:
        return [p.grad for p in self.model.parameters() if p.grad is not None]

    def _forget(self) -> None:
        """No gradients any more; where graphs add to them they stay in their place, as zeros."""
        if self._graphs:
            torch._foreach_zero_(self._gradients())
        else:
            self.model.zero_grad(set_to_none=True)

    def _let_go(self) -> None:
        """No gradients and no graphs."""
        self._graphs.clear()
        self._move_graph, self._has_moved = None, False
        self._forget()

    def _step(self, scale: float, norm: Tensor) -> None:
        """Move the weights along the gradients, shortened where `norm` is too long."""
        try:
            if self._graphs:
                move = (self._recorded_move(norm) if self._has_moved else None) or self._move
                move(torch.tensor(scale, device=self.device), norm)
                self._has_moved = True
            else:
                self._move(scale, norm)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            # Some weights may have moved: this update cannot be taken again.
            raise ValueError(
                f"the memory of {self.device.type} is too small for the optimizer's state; take a smaller model "
                "(n_layer, n_embd)"
            ) from error

    def _move(self, scale: float | Tensor, norm: Tensor) -> Tensor:
        if self.config.grad_clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self.model.parameters(), self.config.grad_clip, norm)
        self.optimizer.step(scale)
        return norm

    def _recorded_move(self, norm: Tensor) -> Recorded | None:
        """The graph of `_move`, which must have been done once before; None where none can be made."""
        if self._move_graph is None and self._can_record:
            try:
                self._move_graph = Recorded(self._move, torch.zeros_like(norm), norm, trial_runs=0)
            except RuntimeError as error:  # recording moves nothing
                self._give_up_recording(error)
        return self._move_graph
