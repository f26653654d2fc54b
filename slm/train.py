"""The training loop, an iterator of events.

`train(job)` prepares nothing and prints nothing: it updates the weights, writes each event to the run folder and
yields it. Batches, dropout and samples depend on (seed, step) alone, so a run that was killed and resumed takes the
very steps of one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import torch

from slm.budget import Budget
from slm.config import parameter_count
from slm.data.batches import Corpus, training_batch
from slm.device import choose_device, choose_dtype, describe, keep_freed_memory
from slm.job import TrainJob, check, check_data_unchanged, description
from slm.model import GPT, initialise
from slm.observe import Observer
from slm.optim import learning_rate_scale
from slm.runs import EventLog, claim_training, clear_stop, record_process, stop_requested, write_json
from slm.snapshots import RunStore, is_log_spaced
from slm.updates import Updater

Event = tuple[str, dict[str, Any]]  # kind and fields; the step is the trainer's


def train(job: TrainJob) -> Generator[dict[str, Any], None, None]:
    """Train until the budget is used or a stop is asked for; yields every event of the run (see `slm.events`).

    Raises ValueError before anything is written where the job cannot run, and `slm.runs.Busy` where another training
    runs in the same checkpoints folder. An error on the way is written as an `end` event and raised.
    """
    trainer = Trainer(job)
    with claim_training(job.checkpoints, job.run):
        trainer.open_run()
        with EventLog(job.run_dir / "events.jsonl") as log:
            try:
                for kind, fields in trainer.events():
                    yield log.append(kind, trainer.budget.step, **fields)
            except Exception as error:
                log.append("end", trainer.budget.step, reason="error", message=f"{type(error).__name__}: {error}")
                raise


class Trainer:
    """The state of one training, and the things done to it."""

    def __init__(self, job: TrainJob) -> None:
        self.job, self.config = job, job.train
        self.corpus = Corpus(job.data)
        check(job, self.corpus)
        if self.config.threads is not None:
            torch.set_num_threads(self.config.threads)
        self.device = choose_device(self.config.device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.store = RunStore(job.run_dir)
        self.budget = Budget(self.config, block_size=job.model.block_size)
        self.observer = Observer(self.corpus, self.config, block_size=job.model.block_size, stop=self.stopping)
        self.train_loss: float | None = None
        self.last_save_s = 0.0

    def stopping(self) -> bool:
        """Whether somebody asked the run to save and end."""
        return stop_requested(self.job.run_dir)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """The whole training; `self.budget.step` is the step each event belongs to."""
        yield "start", self._start_fields()
        reason, message = "finished", "The budget is used."
        while self.budget.progress() < 1.0:
            fields = self._update()
            if fields is None:
                reason, message = "stopped", "A stop was asked for; everything is saved."
                break
            yield "train", fields
            if not math.isfinite(fields["loss"]):
                message = "The loss is no number any more; a lower learning rate helps. The snapshots before are whole."
                yield "end", {"reason": "diverged", "message": message}
                return
            due = self.observer.is_due(step=self.budget.step, elapsed_s=self.budget.elapsed_s)
            if due and self.budget.progress() < 1.0:
                yield from self._look(final=False)
        yield from self._look(final=True)
        clear_stop(self.job.run_dir)
        yield "end", {"reason": reason, "message": message}

    def _start_fields(self) -> dict[str, Any]:
        return {
            "n_params": parameter_count(self.job.model),
            "device": describe(self.device),
            "dtype": str(self.updater.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "tokens_per_step": self.config.tokens_per_step(self.job.model.block_size),
            "max_steps": self.budget.max_steps,
            "budget_s": self.budget.budget_s,
            "resumed_from_step": self.budget.step if self.job.resume else None,
        }

    def _update(self) -> dict[str, Any] | None:
        """The fields of a `train` event, or None where a stop was asked for before the update was whole."""
        config, step, begin = self.config, self.budget.step, time.perf_counter()
        scale = learning_rate_scale(config, step=step, progress=self.budget.progress())
        x, y = training_batch(self.corpus.train, config, step=step, block_size=self.job.model.block_size)
        done = self.updater.update(x, y, scale=scale, seed=config.seed + step, stop=self.stopping)
        if done is None:
            return None
        self.budget.count_update(x.size)
        self.train_loss = done.loss
        return {
            "loss": done.loss,
            "lr": config.learning_rate * scale,
            "grad_norm": done.grad_norm,
            "tokens": self.budget.tokens,
            "elapsed_s": round(self.budget.elapsed_s, 3),
            "tok_per_s": round(x.size / (time.perf_counter() - begin), 1),
        }

    def _look(self, *, final: bool) -> Iterator[Event]:
        """Evaluate, write a sample story, and save where it is time to; a stop leaves out all but saving."""
        begin_s, model, step = self.budget.elapsed_s, self.updater.model, self.budget.step
        if losses := self.observer.evaluate(model, step=step):
            yield "eval", {**losses, "train_loss": self.train_loss}
        if not self.stopping():
            yield "sample", self.observer.sample(model)
        self.observer.last_s, self.observer.cost_s = self.budget.elapsed_s, self.budget.elapsed_s - begin_s
        waited_s = self.budget.elapsed_s - self.last_save_s
        if final or is_log_spaced(step, self.store.steps()) or waited_s >= self.config.save_interval_s:
            yield self._save(final=final)

    # --- the run folder ----------------------------------------------------------------------------------------------

    def open_run(self) -> None:
        """Take up the run: a new folder, or the state that was saved last."""
        saved = self.store.load() if self.job.resume else None
        state: dict[str, Any] = {}
        if saved is None:
            model, optimizer_state = GPT(self.job.model), None
            dtype = choose_dtype(self.config.dtype, self.device)
            initialise(model, self.config.seed)
        else:
            model, optimizer_state, state = saved
            check_data_unchanged(self.job, self.corpus, state["fingerprint"])
            model = _with_dropout(model, self.job.model.dropout)
            dtype = getattr(torch, state["dtype"])
        self.updater = Updater(model, self.config, device=self.device, dtype=dtype)
        if optimizer_state is not None:
            self.updater.optimizer.load_state(optimizer_state)
        self.job.run_dir.mkdir(parents=True, exist_ok=True)
        if not self.job.resume:
            write_json(self.job.run_dir / "run.json", description(self.job, self.corpus))
        clear_stop(self.job.run_dir)
        record_process(self.job.run_dir)
        self._take_up(state)

    def _take_up(self, state: dict[str, Any]) -> None:
        """Stand where `state`, saved with a snapshot, says; an empty one is the beginning."""
        self.observer.measured = state.get("measured", {})
        self.observer.last_s = self.last_save_s = state.get("elapsed_s", 0.0)
        self.budget.begin(**{key: state[key] for key in ("step", "tokens", "elapsed_s") if key in state})

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

    def save(self) -> dict[str, Any]:
        """Save a snapshot and the state to go on from; the fields of a `checkpoint` event."""
        self.last_save_s = self.budget.elapsed_s
        state = {
            "tokens": self.budget.tokens,
            "elapsed_s": self.budget.elapsed_s,
            "measured": self.observer.measured,
            "fingerprint": self.corpus.fingerprint,
            "dtype": str(self.updater.dtype).removeprefix("torch."),
        }
        optimizer = self.updater.optimizer.state()
        return self.store.save(
            self.updater.model, self.corpus.tokenizer, about=self.about(), optimizer=optimizer, state=state
        )

    def about(self) -> dict[str, Any]:
        """slm.json of a snapshot taken now; losses are None where this very step was not evaluated."""
        measured = self.observer.measured
        losses = measured if measured.get("step") == self.budget.step else {}
        return {
            **description(self.job, self.corpus),
            "command": " ".join(self.job.command),
            "step": self.budget.step,
            "tokens": self.budget.tokens,
            "elapsed_s": round(self.budget.elapsed_s, 3),
            "hardware": describe(self.device),
            "train_loss": self.train_loss,
            "val_loss": losses.get("val_loss"),
            "val_bpb": losses.get("val_bpb"),
            "torch_version": torch.__version__,
        }


def _with_dropout(model: GPT, dropout: float) -> GPT:
    """The same weights with this share of dropout, which transformers' config.json may not have kept."""
    if model.config.dropout == dropout:
        return model
    fresh = GPT(replace(model.config, dropout=dropout))
    fresh.load_state_dict(model.state_dict())
    return fresh
