"""How many CPU threads a step of writing takes: as many as it can use, and no more than there are cores for.

The threads of a step wait for each other some dozen times. Where another program wants the cores as well, each wait may
last until that program has had its turn, and a story that two threads tell is told many times slower than by one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# Below this size one core computes a token in less time than several take to share it out, and a training beside it
# does not hold the story up.
ONE_THREAD_PARAMETERS = 20_000_000
# Several threads are tried for so long; where the system takes a core away from them more often in that time than it
# does for its own work, another program is at work.
TRY_S = 0.03
MOST_INTERRUPTIONS = 3
# Then one thread takes so many steps before the next try: few at first, for it may have been a moment, and after each
# try in vain twice as many.
FEWEST_ALONE, MOST_ALONE = 4, 128
_usual: list[int] = []  # the usual count of threads, once for each step that is being made with fewer
_usual_lock = threading.Lock()


@contextlib.contextmanager
def fitting_threads(device: torch.device, n_params: int) -> Iterator[None]:
    """As many CPU threads as one step of writing with a model of this size can use here and now.

    torch keeps the count for each thread of Python, and a new thread begins with the count set last; so this stands
    around a step, which no other thread can go on with, and every thread has its own count back at the end.
    """
    if device.type != "cpu":
        yield
    elif n_params < ONE_THREAD_PARAMETERS or _others.at_work():
        with _one_thread():
            yield
    else:
        with _others.watched():
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


class _Others:
    """Whether other programs want the cores, from what they did to earlier steps of several threads."""

    def __init__(self) -> None:
        self.steps_alone, self.next_alone = 0, FEWEST_ALONE
        self.tried_s, self.interruptions = 0.0, 0

    def at_work(self) -> bool:
        """Whether this step is better taken by one thread; counts the steps."""
        if self.steps_alone == 0:
            return False
        self.steps_alone -= 1
        return True

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Around a step of several threads."""
        interruptions, begun = _interruptions(), time.perf_counter()
        yield
        self.interruptions += _interruptions() - interruptions
        self.tried_s += time.perf_counter() - begun
        if self.tried_s > TRY_S:
            self._decide()

    def _decide(self) -> None:
        if self.interruptions / self.tried_s > MOST_INTERRUPTIONS / TRY_S:
            self.steps_alone = self.next_alone
            self.next_alone = min(2 * self.next_alone, MOST_ALONE)
        else:
            self.next_alone = FEWEST_ALONE
        self.tried_s, self.interruptions = 0.0, 0


_others = _Others()


def _interruptions() -> int:
    """How often the system has taken a core away from this process for another program."""
    return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
