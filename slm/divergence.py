"""When a training has gone astray: its loss is no number any more, or rises and stays up."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import deque

WINDOW = 20  # losses
RISE_NATS = 1.0
RISE_STEPS = 2.0
MAX_SETBACKS = 3


class Diverged(ArithmeticError):
    """The training went astray; the message says how."""


class LossWatch:
    """Looks at every loss and tells a training that went astray from one that is merely noisy.

    It went astray where the loss or the gradient norm is not finite, or where the median of the last WINDOW losses lies
    above the lowest such median so far by more than RISE_NATS and RISE_STEPS times the median difference between one
    loss and the next. A few bad batches, or a peak that mends within half a window, leave the median where it is; where
    batches are so small that losses scatter, the second term grows with them. A sound run only falls, but for its noise
    and the wobble of its first updates, which is far less than a nat: one who knows nothing is ln(vocabulary) = 6 to 11
    nats from perfect, a trained model 1 to 2.
    """

    def __init__(self) -> None:
        self.losses: deque[float] = deque(maxlen=WINDOW)
        self.lowest = math.inf

    def look(self, loss: float, *, sound: bool) -> None:
        """Take in the loss of one update, `sound` being whether its numbers are finite; raises Diverged."""
        if not sound:
            raise Diverged("the loss or its gradient is no number any more")
        self.losses.append(loss)
        if len(self.losses) == WINDOW:
            level = statistics.median(self.losses)
            self.lowest = min(self.lowest, level)
            if level > self._limit():
                raise Diverged(f"the loss rose from {self.lowest:.2f} to {level:.2f}")

    @property
    def calm(self) -> bool:
        """Whether the newest loss is near its level, so that the weights are worth keeping."""
        return len(self.losses) < WINDOW or self.losses[-1] <= self._limit()

    def _limit(self) -> float:
        scatter = statistics.median(abs(b - a) for a, b in itertools.pairwise(self.losses))
        return self.lowest + RISE_NATS + RISE_STEPS * scatter
