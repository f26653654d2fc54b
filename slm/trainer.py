"""The training loop: updates, looks at the model, saves, and what is done when something goes wrong.

Batches, dropout and samples depend on (seed, step) alone, so a run that was killed and resumed takes the very steps of
one that was not. A run that goes astray goes back to its newest snapshot and on at half the learning rate, through the
same batches; one whose memory is full takes fewer sequences at a time.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Generator, Iterator
from typing import Any

import torch

from slm.beginning import trainings_before
from slm.budget import Budget
from slm.compiling import compile_ahead, compile_together, may_pay
from slm.config import parameter_count
from slm.data.batches import Corpus, training_batch
from slm.device import choose_dtype, describe, make_ready
from slm.divergence import MAX_SETBACKS, Diverged, LossWatch
from slm.errors import full_memory_told
from slm.files import read_json, write_json
from slm.handover import handed_over, take_over
from slm.job import TrainJob, check
from slm.observe import Observer
from slm.optim import learning_rate_scale
from slm.position import Saved, about, position, recorded, restore
from slm.remedies import with_remedies
from slm.runs import clear_stop, finish_requested, record_process, stop_requested
from slm.snapshots import RunStore, is_log_spaced
from slm.team import Team
from slm.updates import Updater

Event = tuple[str, dict[str, Any]]  # kind and fields; the step is the trainer's


class Trainer:
    """The state of one training, and the things done to it."""

    updater: Updater  # made by `restore`

    def __init__(self, job: TrainJob, team: Team) -> None:
        self.job, self.config, self.team = job, job.train, team
        self.corpus = Corpus(job.data)
        check(job, self.corpus)
        team.check_shares(job.train)
        if self.config.threads is not None:
            torch.set_num_threads(self.config.threads)
        make_ready(team.device)
        self.store = RunStore(job.run_dir)
        self.budget = Budget(self.config, block_size=job.model.block_size)
        self.observer = Observer(self.corpus, self.config, block_size=job.model.block_size, stop=self.stopping)
        self.watch = LossWatch()
        self.train_loss: float | None = None
        self.last_save_s = 0.0
        self.rate = 1.0  # share of the configured learning rate, halved at each setback
        self.setbacks = 0
        self.compiled: bool | None = None  # whether updates are; None until that is decided
        self.handed: dict[str, Any] | None = None  # what the stretch before this one handed over
        self.lease_ends = None if job.lease_s is None else time.monotonic() + job.lease_s

    def stopping(self) -> bool:
        """Whether somebody asked the run to save and end."""
        return stop_requested(self.job.run_dir)

    def _agreed_stop(self) -> bool:
        return bool(self.team.agree(self.team.is_first and self.stopping()))

    # --- the loop ----------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """The whole training; `self.budget.step` is the step each event belongs to."""
        if self.handed is None:
            yield "start", self._start_fields(resumed=self.job.resume)
        end = None
        while end is None:
            try:
                end = yield from self._steps()
            except Diverged as error:
                self.setbacks += 1
                end = yield from self._go_back(f"{error}")
        if not end:
            return
        if self.team.is_first:
            clear_stop(self.job.run_dir)
        yield "end", end

    def _steps(self) -> Generator[Event, None, dict[str, Any]]:
        """Updates and looks until the budget is used or a stop is asked for; returns the fields of `end`.

        None of them where the lease is over and all is handed on.
        """
        stopped = not (yield from self._compile())
        while not stopped:
            yield from self._asked_to_finish()
            if (progress := self.team.agree(self.budget.progress())) >= 1.0:
                break
            done = yield from with_remedies(functools.partial(self._update, progress), self.updater)
            if done is None:
                stopped = True
                break
            sound, fields = done
            yield "train", fields
            self.watch.look(fields["loss"], sound=sound)
            due = self.observer.is_due(step=self.budget.step, elapsed_s=self.budget.elapsed_s)
            if due or self._much_is_unsaved() or self._lease_is_over() or self.team.size > 1:
                self.updater.check_weights()  # in a team by all at once: none may go back alone
            if self.team.is_first and self.budget.progress() < 1.0:
                if due:
                    yield from self._look(final=False)
                elif self.config.save_interval_s and self._much_is_unsaved() and self.watch.calm:
                    yield self._save(final=False)
            if self._lease_is_over() and self.budget.progress() < 1.0:
                yield "checkpoint", self.save(hand_over=True)
                return {}
        self.updater.check_weights()
        if self.team.is_first:
            yield from self._look(final=True)
        if stopped:
            return {"reason": "stopped", "message": "A stop was asked for; everything is saved."}
        quick = "A quick end was asked for."
        return {"reason": "finished", "message": quick if self.budget.finishing else "The budget is used."}

    def _compile(self) -> Generator[Event, None, bool]:
        """Compile the model ahead of the first update, where that pays; False where a stop came first."""
        job, config = self.job, self.config
        wanted = self.compiled if config.compile is None else config.compile
        if wanted is None and (job.lease_s is not None or not may_pay(self.budget, self.team.device, job.model)):
            wanted = False
        together = self.team.size > 1  # then only where it is asked for
        if wanted is False or (together and not wanted):
            self.compiled = wanted
            return True
        alone = compile_ahead(self.updater, self.budget, asked=bool(wanted), stop=self.stopping)
        self.compiled = done = yield from (compile_together(self.updater, self.budget) if together else alone)
        self.observer.last_s = self.budget.elapsed_s  # the first look is for after some updates
        return done is not None

    def _lease_is_over(self) -> bool:
        # Some updates more decide whether a loss that just rose comes down again: weights astray are not handed on.
        return self.lease_ends is not None and time.monotonic() > self.lease_ends and self.watch.calm

    def _asked_to_finish(self) -> Iterator[Event]:
        """Begin the quick end, once, where it was asked for."""
        if not self.team.is_first or not finish_requested(self.job.run_dir):
            return
        if (last_step := self.budget.finish()) is not None:
            message = f"A quick end was asked for: the training ends at step {last_step:,}."
            yield "warning", {"code": "finishing", "message": message, "last_step": last_step}

    def _start_fields(self, *, resumed: bool) -> dict[str, Any]:
        return {
            "n_params": parameter_count(self.job.model),
            "device": describe(self.team.device) + (f" x {self.team.size}" if self.team.size > 1 else ""),
            "dtype": str(self.updater.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "tokens_per_step": self.config.tokens_per_step(self.job.model.block_size),
            "max_steps": self.budget.max_steps,
            "budget_s": self.budget.budget_s,
            "resumed_from_step": self.budget.step if resumed else None,
        }

    def _update(self, progress: float) -> tuple[bool, dict[str, Any]] | None:
        """Whether the numbers are finite, and the fields of a `train` event.

        None where a stop was asked for before the update was whole.
        """
        config, step, begin = self.config, self.budget.step, time.perf_counter()
        scale = self.rate * learning_rate_scale(config, step=step, progress=progress)
        x, y = training_batch(self.corpus.train, config, step=step, block_size=self.job.model.block_size)
        own_x, own_y = self.team.share_of(x), self.team.share_of(y)
        done = self.updater.update(own_x, own_y, scale=scale, seed=config.seed + step, stop=self._agreed_stop)
        if done is None:
            return None
        self.budget.count_update(x.size)
        self.train_loss = done.loss
        return done.sound, {
            "loss": done.loss,
            "lr": config.learning_rate * scale,
            "grad_norm": done.grad_norm,
            "tokens": self.budget.tokens,
            "elapsed_s": round(self.budget.elapsed_s, 3),
            "tok_per_s": round(x.size / (time.perf_counter() - begin), 1),
        }

    def _look(self, *, final: bool) -> Iterator[Event]:
        """Evaluate, write a sample story, and save where it is time to; a stop leaves out all but saving."""
        begin_s, step = self.budget.elapsed_s, self.budget.step
        if losses := (yield from with_remedies(self._evaluate, self.updater)):
            yield "eval", {**losses, "train_loss": self.train_loss}
        if not self.stopping():
            yield self._sample()
        self.observer.last_s, self.observer.cost_s = self.budget.elapsed_s, self.budget.elapsed_s - begin_s
        wanted = is_log_spaced(step, self.store.steps()) or self._much_is_unsaved()
        if final or (wanted and self.watch.calm):
            yield self._save(final=final)

    def _sample(self) -> Event:
        try:
            return "sample", self.observer.sample(self.updater.model)
        except Exception as error:  # a story is for a person to read: the training does not need it
            message = f"The sample story could not be written ({type(error).__name__}: {error}); going on."
            return "warning", {"code": "sample-failed", "message": message}

    def _much_is_unsaved(self) -> bool:
        return self.budget.elapsed_s - self.last_save_s >= self.config.save_interval_s

    def _evaluate(self) -> dict[str, Any] | None:
        return self.observer.evaluate(self.updater.model, step=self.budget.step, batch_size=self.updater.batch_size)

    # --- when something goes wrong -----------------------------------------------------------------------------------

    def _go_back(self, how: str) -> Generator[Event, None, dict[str, Any] | None]:
        """Stand at the newest snapshot again, else at the beginning, with half the learning rate.

        The clock goes on: a budget in minutes is not made longer. Returns the fields of `end` when it is enough.
        """
        astray, elapsed_s = self.budget.step, self.budget.elapsed_s
        self.rate /= 2
        if self.team.is_first:
            self.store.amend(rate=self.rate)
        if self.setbacks == MAX_SETBACKS:
            yield "warning", {"code": "diverging", "message": f"After step {astray} {how}: the training ends."}
            message = (
                f"The training went astray {MAX_SETBACKS} times, at last after step {astray}: {how}. Start anew with a "
                f"learning rate of {self.rate * self.config.learning_rate:.1g}; resumed, this run goes on with that."
            )
            return {"reason": "diverged", "message": message}
        del self.updater  # before its like is made: two would not fit where one just fits
        restore(self, self._saved())
        self.budget.begin(step=self.budget.step, tokens=self.budget.tokens, elapsed_s=elapsed_s)
        self.observer.last_s = self.last_save_s = elapsed_s
        yield "start", self._start_fields(resumed=True)
        message = f"After step {astray} {how}: back to step {self.budget.step}, with half the learning rate."
        yield "warning", {"code": "diverging", "message": message}
        return None

    # --- the run folder ----------------------------------------------------------------------------------------------

    def open_run(self) -> None:
        """Take up the run: a new folder, or the state that was saved last."""
        self.dtype = self.team.share(choose_dtype(self.config.dtype, self.team.device))
        self.before = self._trainings_before()
        n_params = parameter_count(self.job.model)
        with full_memory_told(
            f"the memory of {self.team.device.type} has no room to train {n_params:,} parameters: the weights alone "
            f"take {4 * n_params / 1e9:,.1f} GB, gradients and optimizer up to three times that; take a smaller model "
            "(n_layer, n_embd)"
        ):
            saved = self._saved() if self.job.resume else None
            restore(self, saved)
        self.budget.begin(step=self.budget.step, tokens=self.budget.tokens, elapsed_s=self.last_save_s)
        if saved and self.job.handed_on and (handed := saved[2].get("handed_over")):
            self.handed = handed
            take_over(self, handed)
        if not self.team.is_first:
            return
        self.job.run_dir.mkdir(parents=True, exist_ok=True)
        if not self.job.resume:
            write_json(self.job.run_dir / "run.json", recorded(self))
        if self.job.lease_s is not None:
            return
        clear_stop(self.job.run_dir)
        record_process(self.job.run_dir)

    def _trainings_before(self) -> list[dict[str, Any]]:
        if self.job.resume:
            return read_json(self.job.run_dir / "run.json").get("begun_from", [])
        return trainings_before(self.job.init_from)

    def _saved(self) -> Saved | None:
        with self.team.first_goes_first():  # it clears away what a killed process left half done
            return self.store.load(dropout=self.job.model.dropout, tidy=self.team.is_first)

    def _save(self, *, final: bool) -> Event:
        try:
            return "checkpoint", self.save()
        except OSError as error:
            if final:
                raise OSError(f"the model could not be saved ({error}); the snapshots before are whole") from error
            return "warning", {
                "code": "save-failed",
                "message": f"This snapshot could not be saved ({error}); going on.",
            }

    def save(self, *, hand_over: bool = False) -> dict[str, Any]:
        """Save a snapshot and the state to go on from; the fields of a `checkpoint` event.

        With `hand_over` the next stretch finds everything in it, so that it takes the steps that this one would.
        """
        self.last_save_s = self.budget.elapsed_s
        state = {**position(self), "handed_over": handed_over(self) if hand_over else None}
        optimizer = self.updater.optimizer.state()
        return self.store.save(
            self.updater.model, self.corpus.tokenizer, about=about(self), optimizer=optimizer, state=state
        )
