"""How far a training is: its updates, tokens and seconds of work, and the share of its budget that they use."""

from __future__ import annotations

import time

from slm.config import TrainConfig

FINISH_SHARE = 0.1  # of the updates made so far: how many more a quick end takes
MOST_FINISH_STEPS = 200


class Budget:
    """The position of one training within its budget, stretches before a resume included."""

    def __init__(self, config: TrainConfig, *, block_size: int) -> None:
        self.config, self.block_size = config, block_size
        self.step, self.tokens = 0, 0
        self._elapsed_before_s, self._begin = 0.0, time.perf_counter()
        # A quick end: from which update to which it goes, and the progress at the first.
        self.finish_plan: tuple[int, int, float] | None = None

    def begin(self, *, step: int = 0, tokens: int = 0, elapsed_s: float = 0.0) -> None:
        """Start the clock at this position."""
        self.step, self.tokens = step, tokens
        self._elapsed_before_s, self._begin = elapsed_s, time.perf_counter()

    def count_update(self, tokens: int) -> None:
        """One more update is done, on this many tokens."""
        self.step += 1
        self.tokens += tokens

    def finish(self) -> int | None:
        """Bring the rest of the training into FINISH_SHARE as many updates as were made, MOST_FINISH_STEPS at most.

        The learning rate begins to fall at once, from where it is. Returns the last update's number, which is never
        past the budget's own; None where this was asked before, or where the budget is used already.
        """
        if self.finish_plan is not None or self.progress() >= 1.0:
            return None
        more = min(MOST_FINISH_STEPS, max(1, round(FINISH_SHARE * self.step)))
        # A learning rate that is never to fall does not fall now either.
        fall_begins = 1.0 - self.config.decay_ratio if self.config.decay_ratio else 0.0
        last = self.step + more if self.max_steps is None else min(self.step + more, self.max_steps)
        self.finish_plan = (self.step, last, max(self._planned(), fall_begins))
        return self.finish_plan[1]

    @property
    def finishing(self) -> bool:
        """Whether a quick end was asked for."""
        return self.finish_plan is not None

    @property
    def elapsed_s(self) -> float:
        """Seconds of work on this run, before a resume included."""
        return self._elapsed_before_s + time.perf_counter() - self._begin

    @property
    def max_steps(self) -> int | None:
        """The budget in updates, where it is not minutes."""
        config = self.config
        return config.steps if config.tokens is None else config.steps_for(config.tokens, self.block_size)

    @property
    def budget_s(self) -> float | None:
        """The budget in seconds, where it is minutes."""
        return None if self.config.minutes is None else 60 * self.config.minutes

    def left_s(self, *, update_s: float) -> float:
        """Seconds of work that are left, where an update takes `update_s`."""
        if self.max_steps is not None:
            return max(0, self.max_steps - self.step) * update_s
        assert self.budget_s is not None
        return max(0.0, self.budget_s - self.elapsed_s)

    def progress(self) -> float:
        """Share of the budget that is used, 0 to 1."""
        if self.finish_plan is None:
            return self._planned()
        first, last, share = self.finish_plan
        done = max(0.0, (self.step - first) / (last - first))
        return min(1.0, max(self._planned(), share + (1.0 - share) * done))

    def _planned(self) -> float:
        if self.max_steps is not None:
            return min(1.0, self.step / self.max_steps)
        assert self.budget_s is not None
        return min(1.0, self.elapsed_s / self.budget_s)
