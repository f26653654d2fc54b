"""Compiling a model before its training begins: where that pays, and so that a stop need not wait for the compiler.

A compiled update is quicker, but the compiler takes seconds to minutes first, once for each shape of the batches. How
much is won depends on the model and the machine, so it is measured before it is relied on.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Generator
from typing import Any

import torch

from slm.budget import Budget
from slm.config import TrainConfig
from slm.device import least_time_s
from slm.processes import COMPILER_THREAD
from slm.remedies import with_remedies
from slm.updates import Updater

# Ten minutes, less what it takes to measure whether it pays; a shorter training would hardly win the time back.
LEAST_WORK_S = 570.0
# Smaller models gain nothing on a CPU: their products are too small to be held up by what lies between them.
LEAST_CPU_PARAMETERS = 4_000_000
LEAST_GAIN = 0.95  # a compiled update must take less than this share of the other's time
POLL_S = 0.05

Shape = tuple[int, int]  # rows of a micro-batch, and tokens in each
MESSAGE = (
    "The model is compiled first, so that its updates are quicker: that takes up to a minute or two, and a stop does "
    "not wait for it."
)


def may_pay(config: TrainConfig, device: torch.device, *, n_params: int) -> bool:
    """Whether compiling a model of this size for this device is worth measuring."""
    is_long = config.minutes is None or 60 * config.minutes >= LEAST_WORK_S
    return is_long and (device.type == "cuda" or (device.type == "cpu" and n_params >= LEAST_CPU_PARAMETERS))


def micro_batches(config: TrainConfig, *, step: int, block_size: int, batch_size: int) -> list[Shape]:
    """The shapes of all micro-batches from the update after `step` on, that of most updates last."""
    shapes: list[Shape] = []
    for at in sorted({min(step, config.ramp_steps), config.ramp_steps}):
        rows, T = config.step_shape(at, block_size)
        shapes += [(min(batch_size, rows - start), T) for start in reversed(range(0, rows, batch_size))]
    return list(dict.fromkeys(shapes))


def compile_ahead(
    updater: Updater, budget: Budget, *, asked: bool, stop: Callable[[], bool]
) -> Generator[tuple[str, dict[str, Any]], None, bool | None]:
    """Let the updater compute compiled code; whether it now does. Yields warnings.

    Where it was not `asked` for, only if enough work is ahead, and only if compiled updates are measured to be quicker.
    None where `stop` came first: the compiler is then left to itself, in a thread that ends with the process.
    """

    def shapes() -> list[Shape]:  # a full memory halves the batch on the way
        config, T = updater.config, updater.model.config.block_size
        return micro_batches(config, step=budget.step, block_size=T, batch_size=updater.batch_size)

    written_s = None
    if not asked:
        written_s = yield from with_remedies(lambda: _least_time_s(updater, shapes()[-1]), updater)
        if budget.left_s(update_s=written_s * updater.config.grad_accum_steps) < LEAST_WORK_S:
            return False
    yield "warning", {"code": "compiling", "message": MESSAGE}
    work = functools.partial(_compile, updater, shapes, slower_s=written_s)
    done = yield from with_remedies(lambda: _in_a_thread(work, stop=stop), updater)
    return updater.compiled if done else None


def _compile(updater: Updater, shapes: Callable[[], list[Shape]], *, slower_s: float | None) -> None:
    """Compile for all shapes; go back to the model as it is written where that is no slower than `slower_s`."""
    updater.use_compiled(True)
    for shape in shapes():
        updater.rehearse(*shape)
    if slower_s is not None and _least_time_s(updater, shapes()[-1]) > LEAST_GAIN * slower_s:
        updater.use_compiled(False)


def _least_time_s(updater: Updater, shape: Shape) -> float:
    """Least time of the gradients of one micro-batch."""
    return least_time_s(lambda: updater.rehearse(*shape), repeats=3)


def _in_a_thread(work: Callable[[], None], *, stop: Callable[[], bool]) -> bool:
    """Do some work to its end, and raise what it raises; False where `stop` came first."""
    failed: list[Exception] = []
    threads = torch.get_num_threads()

    def body() -> None:
        torch.set_num_threads(threads)  # a new thread has a count of its own, and compiled code is made for one count
        try:
            work()
        except Exception as error:
            failed.append(error)

    worker = threading.Thread(target=body, name=COMPILER_THREAD, daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(POLL_S)
        if stop():
            return False
    if failed:
        raise failed[0]
    return True
