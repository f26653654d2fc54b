"""The training loop, an iterator of events.

`train(job)` prepares nothing and prints nothing: it updates the weights, writes each event to the run folder and
yields it. Batches, dropout and samples depend on (seed, step) alone, so a run that was killed and resumed takes the
very steps of one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import slm
from slm.config import DEFAULT_MINUTES, ModelConfig, SampleConfig, TrainConfig, parameter_count
from slm.data.batches import Corpus, batch, check_fits, eval_windows
from slm.device import choose_device, choose_dtype, describe, keep_freed_memory
from slm.evaluate import bits_per_byte, windows_loss
from slm.generate import LanguageModel
from slm.model import GPT, initialise
from slm.optim import learning_rate_scale
from slm.runs import (
    EventLog,
    check_name,
    claim_training,
    clear_stop,
    is_checkpoint,
    is_run,
    record_process,
    stop_requested,
    write_json,
)
from slm.snapshots import RunStore, is_log_spaced
from slm.updates import Updater

EVAL_SHARE = 0.1  # evaluations by time take at most about this share of it
Event = tuple[str, dict[str, Any]]  # kind and fields; the step is the trainer's


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """One training: what is trained, how, on which data set folder, and where it is kept."""

    run: str
    checkpoints: Path
    data: Path
    preset: str
    model: ModelConfig
    train: TrainConfig
    resume: bool = False
    command: list[str] = field(default_factory=list)

    @property
    def run_dir(self) -> Path:
        return self.checkpoints / check_name(self.run)


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
                    yield log.append(kind, trainer.step, **fields)
            except Exception as error:
                log.append("end", trainer.step, reason="error", message=f"{type(error).__name__}: {error}")
                raise


class Trainer:
    """The state of one training, and the things done to it."""

    def __init__(self, job: TrainJob) -> None:
        self.job, self.config = job, job.train
        if self.config.minutes is None and self.config.steps is None and self.config.tokens is None:
            self.config = replace(self.config, minutes=DEFAULT_MINUTES)
        self.corpus = Corpus(job.data)
        self._check()
        if self.config.threads is not None:
            torch.set_num_threads(self.config.threads)
        self.device = choose_device(self.config.device)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.store = RunStore(job.run_dir)
        self.step, self.tokens = 0, 0
        self.train_loss: float | None = None
        self.measured: dict[str, Any] = {}  # val_loss and val_bpb, with the step they were measured at
        self.elapsed_before_s, self.begin = 0.0, time.perf_counter()
        self.last_eval_s, self.eval_cost_s, self.last_save_s = 0.0, 0.0, 0.0
        self.eval_windows = eval_windows(
            self.corpus.validation, count=self.config.eval_windows, block_size=job.model.block_size
        )

    def _check(self) -> None:
        """Raise ValueError where job, data set and run folder do not fit each other."""
        job = self.job
        check_fits(self.corpus, job.model.block_size)
        if job.model.vocab_size != self.corpus.tokenizer.vocab_size:
            raise ValueError(
                f"the model has {job.model.vocab_size} tokens, data set {job.data.name} has "
                f"{self.corpus.tokenizer.vocab_size}: they must be the same"
            )
        if not job.resume and (is_run(job.run_dir) or is_checkpoint(job.run_dir)):
            raise ValueError(f"there is a run {job.run!r} already; give another name, or --resume to go on with it")
        if job.resume and not is_run(job.run_dir):
            raise ValueError(f"there is no run {job.run!r} in {job.checkpoints} to resume")

    # --- the run folder ----------------------------------------------------------------------------------------------

    def open_run(self) -> None:
        """Take up the run: a new folder, or the state that was saved last."""
        saved = self.store.load() if self.job.resume else None
        if saved is None:
            model, optimizer_state, dtype = GPT(self.job.model), None, choose_dtype(self.config.dtype, self.device)
            initialise(model, self.config.seed)
        else:
            model, optimizer_state, state = saved
            model = _with_dropout(model, self.job.model.dropout)
            dtype = getattr(torch, state["dtype"])
            self._take_up(state)
        self.updater = Updater(model, self.config, device=self.device, dtype=dtype)
        if optimizer_state is not None:
            self.updater.optimizer.load_state(optimizer_state)
        self.job.run_dir.mkdir(parents=True, exist_ok=True)
        if not self.job.resume:
            write_json(self.job.run_dir / "run.json", self.description())
        clear_stop(self.job.run_dir)
        record_process(self.job.run_dir)
        self.begin = time.perf_counter()

    def _take_up(self, state: dict[str, Any]) -> None:
        if state["fingerprint"] != self.corpus.fingerprint:
            raise ValueError(
                f"run {self.job.run!r} was trained on other data: the data set {self.job.data.name} has changed since; "
                "prepare it again as it was, or start a new run"
            )
        self.step, self.tokens, self.measured = state["step"], state["tokens"], state["measured"]
        self.elapsed_before_s = self.last_eval_s = self.last_save_s = state["elapsed_s"]

    def description(self) -> dict[str, Any]:
        """run.json: everything needed to start the run again."""
        job, manifest = self.job, self.corpus.manifest
        return {
            "run": job.run,
            "preset": job.preset,
            "data": {k: manifest.get(k) for k in ("name", "source", "description", "fingerprint", "vocab")},
            "model": asdict(job.model),
            "train": asdict(self.config),
            "seed": self.config.seed,
            "command": job.command,
            "n_params": parameter_count(job.model),
            "created": time.time(),
            "slm_version": slm.__version__,
        }

    def about(self) -> dict[str, Any]:
        """slm.json of a snapshot taken now; losses are None where this very step was not evaluated."""
        losses = self.measured if self.measured.get("step") == self.step else {}
        return {
            **self.description(),
            "command": " ".join(self.job.command),
            "step": self.step,
            "tokens": self.tokens,
            "elapsed_s": round(self.elapsed_s, 3),
            "hardware": describe(self.device),
            "train_loss": self.train_loss,
            "val_loss": losses.get("val_loss"),
            "val_bpb": losses.get("val_bpb"),
            "torch_version": torch.__version__,
        }

    def save(self) -> dict[str, Any]:
        """Save a snapshot and the state to go on from; the fields of a `checkpoint` event."""
        self.last_save_s = self.elapsed_s
        state = {
            "tokens": self.tokens,
            "elapsed_s": self.elapsed_s,
            "measured": self.measured,
            "fingerprint": self.corpus.fingerprint,
            "dtype": str(self.updater.dtype).removeprefix("torch."),
        }
        optimizer = self.updater.optimizer.state()
        return self.store.save(
            self.updater.model, self.corpus.tokenizer, about=self.about(), optimizer=optimizer, state=state
        )

    # --- time and budget ---------------------------------------------------------------------------------------------

    @property
    def elapsed_s(self) -> float:
        """Seconds of work on this run, before a resume included."""
        return self.elapsed_before_s + time.perf_counter() - self.begin

    @property
    def tokens_per_step(self) -> int:
        return self.config.tokens_per_step(self.job.model.block_size)

    @property
    def max_steps(self) -> int | None:
        """The budget in updates, where it is not minutes."""
        return self.config.steps if self.config.tokens is None else -(-self.config.tokens // self.tokens_per_step)

    def progress(self) -> float:
        """Share of the budget that is used, 0 to 1."""
        if self.max_steps is not None:
            return min(1.0, self.step / self.max_steps)
        assert self.config.minutes is not None
        return min(1.0, self.elapsed_s / (60 * self.config.minutes))

    def stopping(self) -> bool:
        """Whether somebody asked the run to save and end."""
        return stop_requested(self.job.run_dir)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """The whole training; `self.step` is the step each event belongs to."""
        yield "start", self._start_fields()
        reason, message = "finished", "The budget is used."
        while self.progress() < 1.0:
            fields = self._update()
            if fields is None:
                reason, message = "stopped", "A stop was asked for; everything is saved."
                break
            yield "train", fields
            if not math.isfinite(fields["loss"]):
                message = "The loss is no number any more; a lower learning rate helps. The snapshots before are whole."
                yield "end", {"reason": "diverged", "message": message}
                return
            if self._evaluation_is_due() and self.progress() < 1.0:
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
            "tokens_per_step": self.tokens_per_step,
            "max_steps": self.max_steps,
            "budget_s": None if self.config.minutes is None else 60 * self.config.minutes,
            "resumed_from_step": self.step if self.job.resume else None,
        }

    def _update(self) -> dict[str, Any] | None:
        """The fields of a `train` event, or None where a stop was asked for before the update was whole."""
        config, begin = self.config, time.perf_counter()
        rows, T = config.batch_size * config.grad_accum_steps, self.job.model.block_size
        scale = learning_rate_scale(config, step=self.step, progress=self.progress())
        x, y = batch(self.corpus.train, seed=config.seed, step=self.step, rows=rows, block_size=T)
        done = self.updater.update(x, y, scale=scale, seed=config.seed + self.step, stop=self.stopping)
        if done is None:
            return None
        self.step += 1
        self.tokens += self.tokens_per_step
        self.train_loss = done.loss
        return {
            "loss": done.loss,
            "lr": config.learning_rate * scale,
            "grad_norm": done.grad_norm,
            "tokens": self.tokens,
            "elapsed_s": round(self.elapsed_s, 3),
            "tok_per_s": round(self.tokens_per_step / (time.perf_counter() - begin), 1),
        }

    # --- looking up from the work ------------------------------------------------------------------------------------

    def _evaluation_is_due(self) -> bool:
        if self.config.eval_interval is not None:
            return self.step % self.config.eval_interval == 0
        # The first comes early, so that a person sees something; a slow one makes the next come later.
        wait = self.config.eval_interval_s * (1.0 if self.measured else 0.25)
        return self.elapsed_s - self.last_eval_s >= max(wait, self.eval_cost_s / EVAL_SHARE)

    def _look(self, *, final: bool) -> Iterator[Event]:
        """Evaluate, write a sample story, and save where it is time to; a stop leaves out all but saving."""
        begin, model = self.elapsed_s, self.updater.model
        loss = windows_loss(model, *self.eval_windows, batch_size=self.config.batch_size, stop=self.stopping)
        if loss is not None:
            sizes = self.corpus.manifest["validation"]
            bpb = bits_per_byte(loss, tokens=sizes["tokens"], bytes=sizes["bytes"])
            self.measured = {"step": self.step, "val_loss": loss, "val_bpb": bpb}
            yield "eval", {"val_loss": loss, "val_bpb": bpb, "train_loss": self.train_loss}
        if not self.stopping():
            yield "sample", self._sample()
        self.last_eval_s, self.eval_cost_s = self.elapsed_s, self.elapsed_s - begin
        waited = self.elapsed_s - self.last_save_s
        if final or is_log_spaced(self.step, self.store.steps()) or waited >= self.config.save_interval_s:
            yield self._save(final=final)

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

    def _sample(self) -> dict[str, Any]:
        """A story written by the model as it is now, always from the same prompt and seed."""
        config, sampling = self.config, SampleConfig(seed=self.config.seed)
        model = self.updater.model
        text = ""
        for piece in LanguageModel(model, self.corpus.tokenizer).stream(
            config.sample_prompt, config.sample_tokens, seed=sampling.seed
        ):
            text += piece
            if self.stopping():
                break
        model.train()
        return {"prompt": config.sample_prompt, "text": text, "seed": config.seed, "temperature": sampling.temperature}


def _with_dropout(model: GPT, dropout: float) -> GPT:
    """The same weights with this share of dropout, which transformers' config.json may not have kept."""
    if model.config.dropout == dropout:
        return model
    fresh = GPT(replace(model.config, dropout=dropout))
    fresh.load_state_dict(model.state_dict())
    return fresh
