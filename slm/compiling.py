"""Compiling a model before its training begins: where that pays, and so that a stop need not wait for the compiler.

A compiled update is quicker, but the compiler takes seconds to minutes first, once for each shape of the batches. How
much is won depends on the model and the machine, so it is measured before it is relied on.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import torch

from slm.budget import Budget
from slm.config import ModelConfig, TrainConfig, parameter_count
from slm.device import least_time_s
from slm.errors import CompilerError, is_out_of_memory
from slm.forecast import flops_per_token
from slm.processes import COMPILER_THREAD
from slm.remedies import with_remedies
from slm.updates import Updater

# Ten minutes, less what it takes to measure whether it pays; a shorter training would hardly win the time back.
LEAST_WORK_S = 570.0
# Smaller models train for minutes, and gain on some CPUs only: their first sentences shall not wait for a compiler.
LEAST_CPU_PARAMETERS = 4_000_000
LEAST_GAIN = 0.95  # a compiled update must take less than this share of the other's time
LEAST_FLOPS = 2e10  # a second, of the slowest machines: a few updates that even they make soon are not measured
POLL_S = 0.05

Result = TypeVar("Result")
Shape = tuple[int, int]  # rows of a micro-batch, and tokens in each
COMPILING = "The model is compiled first, so that its updates are quicker: that takes up to a minute or two"


def may_pay(budget: Budget, device: torch.device, model: ModelConfig) -> bool:
    """Whether compiling such a model for this device is worth measuring, with so much of the budget ahead."""
    slowest_s = flops_per_token(model) * budget.config.tokens_per_step(budget.block_size) / LEAST_FLOPS
    is_long = budget.left_s(update_s=slowest_s) >= LEAST_WORK_S
    may_gain = device.type == "cuda" or (device.type == "cpu" and parameter_count(model) >= LEAST_CPU_PARAMETERS)
    return is_long and may_gain


def micro_batches(
    config: TrainConfig, *, step: int, block_size: int, batch_size: int, processes: int = 1
) -> list[Shape]:
    """The shapes of all of a process's micro-batches from the update after `step` on, that of most updates last."""
    shapes: list[Shape] = []
    for at in sorted({min(step, config.ramp_steps), config.ramp_steps}):
        rows, T = config.step_shape(at, block_size)
        rows //= processes
        shapes += [(min(batch_size, rows - start), T) for start in reversed(range(0, rows, batch_size))]
    return list(dict.fromkeys(shapes))


def compile_ahead(
    updater: Updater, budget: Budget, *, asked: bool, stop: Callable[[], bool]
) -> Generator[tuple[str, dict[str, Any]], None, bool | None]:
    """Let the updater compute compiled code; whether it now does. Yields warnings.

    Where it was not `asked` for, only if enough work is ahead, and only if compiled updates are measured to be quicker.
    None where `stop` came first: what was at work is then left to itself, in a thread that ends with the process.
    """
    shapes = functools.partial(_shapes, updater, budget)

    def unless_stopped(work: Callable[[], Result]) -> Generator[tuple[str, dict[str, Any]], None, Result | None]:
        return with_remedies(lambda: _in_a_thread(work, stop=stop), updater)

    written_s = None
    if not asked:
        written_s = yield from unless_stopped(lambda: _least_time_s(updater, shapes()[-1]))
        if written_s is None:
            return None
        if budget.left_s(update_s=written_s * updater.config.grad_accum_steps) < LEAST_WORK_S:
            return False
    yield "warning", {"code": "compiling", "message": f"{COMPILING}, and a stop does not wait for it."}
    return (yield from unless_stopped(lambda: _compile(updater, shapes, slower_s=written_s)))


def compile_together(updater: Updater, budget: Budget) -> Generator[tuple[str, dict[str, Any]], None, bool]:
    """In a team each process compiles for itself, and all compute by compiled code or none does; which of the two.

    A stop waits for it. Yields warnings.
    """

    def work() -> bool:
        try:
            done = _compile(updater, functools.partial(_shapes, updater, budget), slower_s=None)
            failed = False
        except CompilerError:  # kept in this frame it would keep itself, and the process group beyond the group's end
            done, failed = False, True
        if updater.team.mean(failed) > 0.0:  # of whichever process
            raise CompilerError("the model could not be compiled by all processes")
        return done

    yield "warning", {"code": "compiling", "message": f"{COMPILING}."}
    return (yield from with_remedies(work, updater))


def _shapes(updater: Updater, budget: Budget) -> list[Shape]:
    """Those still to come; a full memory halves the batch on the way."""
    return micro_batches(
        updater.config, step=budget.step, block_size=updater.model.config.block_size, batch_size=updater.batch_size,
        processes=updater.team.size,
    )


def _compile(updater: Updater, shapes: Callable[[], list[Shape]], *, slower_s: float | None) -> bool:
    """Compile for all shapes, and keep that where it is quicker than `slower_s`; whether the updater computes so now.

    Raises CompilerError for what fails but a full memory.
    """
    try:
        updater.use_compiled(True)
        for shape in shapes():
            updater.rehearse(*shape)
    except Exception as error:
        # What is no fault of the compiler's comes again, as it is, where the model is computed as it is written.
        if updater.compiled and not is_out_of_memory(error):
            raise CompilerError("the model could not be compiled") from error
        raise
    if slower_s is not None and _least_time_s(updater, shapes()[-1]) > LEAST_GAIN * slower_s:
        updater.use_compiled(False)
    return updater.compiled


def _least_time_s(updater: Updater, shape: Shape) -> float:
    """Least time of the gradients of one micro-batch."""
    return least_time_s(lambda: updater.rehearse(*shape), repeats=3)


def _in_a_thread(work: Callable[[], Result], *, stop: Callable[[], bool]) -> Result | None:
    """What some work gives, or raises; None where `stop` came first."""
    given: list[Result] = []
    failed: list[Exception] = []
    threads = torch.get_num_threads()

    def body() -> None:
        torch.set_num_threads(threads)  # a new thread has a count of its own, and compiled code is made for one count
        try:
            given.append(work())
        except Exception as error:
            failed.append(error)

    worker = threading.Thread(target=body, name=COMPILER_THREAD, daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(POLL_S)
        if stop():
            return None
    if failed:
        raise failed.pop()  # left in the list it would keep itself, and the tensors of the failed try
    return given[0]
