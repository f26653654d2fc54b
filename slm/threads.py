"""How many CPU threads a step of writing takes: as many as it can use, and no more than there are cores for.

The threads of a step wait for each other some dozen times. Where another program wants the cores as well, each wait may
last until that program has had its turn, and a story that two threads tell is told many times slower than by one.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Below this size one core computes a token in less time than several take to share it out, and a training beside it
# does not hold the story up.
ONE_THREAD_PARAMETERS = 20_000_000
MOST_INTERRUPTIONS = 2  # of one step: more, and another program is at work
STEPS_ALONE = 100  # taken by one thread before several are tried again
_usual: list[int] = []  # the usual count of threads, once for each step that is being made with fewer
_usual_lock = threading.Lock()
_steps_alone = 0


@contextlib.contextmanager
def fitting_threads(device: torch.device, n_params: int) -> Iterator[None]:
    """As many CPU threads as one step of writing with a model of this size can use here and now.

    torch keeps the count for each thread of Python, and a new thread begins with the count set last; so this stands
    around a step, which no other thread can go on with, and every thread has its own count back at the end.
    """
    if device.type != "cpu":
        yield
    elif n_params < ONE_THREAD_PARAMETERS or _crowded():
        with _one_thread():
            yield
    else:
        with _minding_others():
            yield


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    with _usual_lock:
        before = _usual[0] if _usual else torch.get_num_threads()
        _usual.append(before)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        with _usual_lock:
            _usual.pop()


def _crowded() -> bool:
    """Whether another program was at work when several threads were last tried; counts the steps since."""
    global _steps_alone
    if _steps_alone == 0:
        return False
    _steps_alone -= 1
    return True


@contextlib.contextmanager
def _minding_others() -> Iterator[None]:
    """A step by several threads, which tells whether others took the cores away meanwhile."""
    global _steps_alone
    before = _interruptions()
    yield
    if _interruptions() - before > MOST_INTERRUPTIONS:
        _steps_alone = STEPS_ALONE


def _interruptions() -> int:
    """How often the system has taken a core away from this process for another program."""
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
