"""The training loop, an iterator of events.

`train(job)` prepares nothing and prints nothing: it updates the weights, writes each event to the run folder and yields
it. Batches, dropout and samples depend on (seed, step) alone, so a run that was killed and resumed takes the very steps
of one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import slm
from slm.config import ModelConfig, TrainConfig, parameter_count
from slm.data.batches import Corpus, batch, check_fits, eval_windows
from slm.device import choose_device, choose_dtype, describe
from slm.evaluate import bits_per_byte, windows_loss
from slm.generate import LanguageModel
from slm.model import GPT, initialise
from slm.optim import LossScale, Optimizer, learning_rate_scale
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

DEFAULT_MINUTES = 10.0
EVAL_SHARE = 0.1  # evaluations by time take at most about this share of it


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


def train(job: TrainJob) -> Iterator[dict[str, Any]]:
    """Train until the budget is used or a stop is asked for; yields every event of the run (design: `slm.events`).

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
        config = job.train
        if config.minutes is None and config.steps is None and config.tokens is None:
            config = replace(config, minutes=DEFAULT_MINUTES)
        self.job, self.config = job, config
        self.corpus = Corpus(job.data)
        check_fits(self.corpus, job.model.block_size)
        if job.model.vocab_size != self.corpus.tokenizer.vocab_size:
            raise ValueError(
                f"the model has {job.model.vocab_size} tokens, data set {job.data.name} has "
                f"{self.corpus.tokenizer.vocab_size}: set --vocab-size to the data set's"
            )
        if not job.resume and (is_run(job.run_dir) or is_checkpoint(job.run_dir)):
            raise ValueError(f"there is a run {job.run!r} already; give another name, or --resume to go on with it")
        if job.resume and not (job.run_dir / "run.json").is_file():
            raise ValueError(f"there is no run {job.run!r} in {job.checkpoints} to resume")
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.device = choose_device(config.device)
        self.dtype = choose_dtype(config.dtype, self.device)
        self.store = RunStore(job.run_dir)
        self.step, self.tokens, self.elapsed_before_s = 0, 0, 0.0
        self.begin = time.perf_counter()
        self.last_eval_s, self.eval_cost_s, self.last_save_s = 0.0, 0.0, 0.0
        self.train_loss: float | None = None
        self.measured: dict[str, Any] = {}  # val_loss and val_bpb, with the step they were measured at
        self.eval_x, self.eval_y = eval_windows(
            self.corpus.validation, count=config.eval_windows, block_size=job.model.block_size
        )

    # --- the run folder ---------------------------------------------------------------------------------------------

    def open_run(self) -> None:
        """Take up the run: a new folder, or the state that was saved last."""
        job = self.job
        self.model, optimizer_state = self._load() if job.resume else (None, None)
        if self.model is None:
            self.model = GPT(job.model)
            initialise(self.model, self.config.seed)
        self.model.to(self.device).train()
        self.optimizer = Optimizer(self.model, self.config)
        if optimizer_state is not None:
            self.optimizer.load_state(optimizer_state)
        self.loss_scale = LossScale(2.0**16 if self.dtype == torch.float16 else None)
        self.loss = torch.compile(self.model.loss) if self.config.compile else self.model.loss
        job.run_dir.mkdir(parents=True, exist_ok=True)
        if not job.resume:
            write_json(job.run_dir / "run.json", self.description())
        clear_stop(job.run_dir)
        record_process(job.run_dir)
        self.begin = time.perf_counter()

    def _load(self) -> tuple[GPT | None, dict[str, torch.Tensor] | None]:
        saved = self.store.load()
        if saved is None:
            return None, None
        model, optimizer_state, state = saved
        if state["fingerprint"] != self.corpus.fingerprint:
            raise ValueError(
                f"run {self.job.run!r} was trained on other data: the data set {self.job.data.name} has changed since; "
                "prepare it again as it was, or start a new run"
            )
        # Dropout and context may not be changed on the way: the saved shape holds.
        model = _with_dropout(model, self.job.model.dropout)
        self.step, self.tokens, self.elapsed_before_s = state["step"], state["tokens"], state["elapsed_s"]
        self.last_eval_s = self.last_save_s = self.elapsed_before_s
        self.measured = state["measured"]
        self.dtype = getattr(torch, state["dtype"])
        return model, optimizer_state

    def description(self) -> dict[str, Any]:
        """run.json: everything needed to start the run again."""
        job, manifest = self.job, self.corpus.manifest
        return {
            "run": job.run,
            "preset": job.preset,
            "data": {
                k: manifest.get(k) for k in ("name", "source", "description", "fingerprint", "vocab", "vocab_size")
            },
            "model": asdict(job.model),
            "train": asdict(self.config),
            "seed": self.config.seed,
            "command": job.command,
            "n_params": parameter_count(job.model),
            "created": time.time(),
            "slm_version": slm.__version__,
        }

    def about(self) -> dict[str, Any]:
        """slm.json of a snapshot taken now."""
        known = self.description()
        known["command"] = " ".join(self.job.command)
        measured = {
            "step": self.step,
            "tokens": self.tokens,
            "elapsed_s": self.elapsed_s,
            "hardware": describe(self.device),
        }
        losses = self.measured if self.measured.get("step") == self.step else {"val_loss": None, "val_bpb": None}
        measured |= {"train_loss": self.train_loss, "val_loss": losses["val_loss"], "val_bpb": losses["val_bpb"]}
        return {**known, **measured, "created": time.time(), "torch_version": torch.__version__}

    def save(self) -> dict[str, Any]:
        """Save a snapshot and the state to go on from; the fields of a `checkpoint` event."""
        self.last_save_s = self.elapsed_s
        state = {
            "tokens": self.tokens,
            "elapsed_s": self.elapsed_s,
            "measured": self.measured,
            "fingerprint": self.corpus.fingerprint,
            "dtype": str(self.dtype).removeprefix("torch."),
        }
        optimizer = self.optimizer.state()
        return self.store.save(self.model, self.corpus.tokenizer, about=self.about(), optimizer=optimizer, state=state)

    # --- time and budget --------------------------------------------------------------------------------------------

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
        if self.config.tokens is not None:
            return -(-self.config.tokens // self.tokens_per_step)
        return self.config.steps

    def progress(self) -> float:
        """Share of the budget that is used, 0 to 1."""
        if self.max_steps is not None:
            return min(1.0, self.step / self.max_steps)
        assert self.config.minutes is not None
        return min(1.0, self.elapsed_s / (60 * self.config.minutes))

    def stopping(self) -> bool:
        return stop_requested(self.job.run_dir)

    # --- the loop ---------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The whole training as (kind, fields); `self.step` is the step each belongs to."""
        yield "start", self._start_fields()
        reason, message = "finished", "The budget is used."
        while self.progress() < 1.0:
            fields = self.update()
            if fields is None:
                reason, message = "stopped", "A stop was asked for; everything is saved."
                break
            yield "train", fields
            if fields["loss"] != fields["loss"] or fields["loss"] == float("inf"):
                yield (
                    "end",
                    {"reason": "diverged", "message": "The loss is no number any more; try a lower learning rate."},
                )
                return
            if self._evaluation_is_due() and self.progress() < 1.0:
                yield from self._look(final=False)
        yield from self._look(final=True)
        clear_stop(self.job.run_dir)
        yield "end", {"reason": reason, "message": message}

    def _start_fields(self) -> dict[str, Any]:
        budget_s = None if self.config.minutes is None else 60 * self.config.minutes
        return {
            "n_params": parameter_count(self.job.model),
            "device": describe(self.device),
            "dtype": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "tokens_per_step": self.tokens_per_step,
            "max_steps": self.max_steps,
            "budget_s": budget_s,
            "resumed_from_step": self.step if self.job.resume else None,
        }

    def update(self) -> dict[str, Any] | None:
        """One optimizer update; the fields of a `train` event, or None where a stop was asked for before it was whole."""
        config, begin = self.config, time.perf_counter()
        scale = learning_rate_scale(config, step=self.step, progress=self.progress())
        torch.manual_seed(config.seed + self.step)  # dropout
        rows = config.batch_size * config.grad_accum_steps
        x, y = batch(
            self.corpus.train, seed=config.seed, step=self.step, rows=rows, block_size=self.job.model.block_size
        )
        loss = 0.0
        for start in range(0, rows, config.batch_size):
            if self.stopping():
                self.model.zero_grad(set_to_none=True)
                return None
            part = slice(start, start + config.batch_size)
            loss += self._backward(torch.from_numpy(x[part]), torch.from_numpy(y[part])) / config.grad_accum_steps
        grad_norm = self._move(scale)
        self.step += 1
        self.tokens += self.tokens_per_step
        self.train_loss = loss
        return {
            "loss": loss,
            "lr": config.learning_rate * scale,
            "grad_norm": grad_norm,
            "tokens": self.tokens,
            "elapsed_s": round(self.elapsed_s, 3),
            "tok_per_s": round(self.tokens_per_step / (time.perf_counter() - begin), 1),
        }

    def _backward(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Add the gradients of one micro-batch x, y (B, T); its loss."""
        x, y = self._to_device(x), self._to_device(y)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = self.loss(x, y)
        self.loss_scale.enlarge(loss / self.config.grad_accum_steps).backward()
        return loss.item()

    def _to_device(self, x: torch.Tensor) -> torch.Tensor:
        return x.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else x.to(self.device)

    def _move(self, scale: float) -> float:
        """Clip the gradients, move the weights, and return the gradient norm before clipping."""
        parameters = list(self.model.parameters())
        self.loss_scale.restore(parameters)
        limit = float("inf") if self.config.grad_clip is None else self.config.grad_clip
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit).item()
        if self.loss_scale.is_sound(norm):
            self.optimizer.step(scale)
        self.model.zero_grad(set_to_none=True)
        return norm

    # --- looking up from the work -------------------------------------------------------------------------------------

    def _evaluation_is_due(self) -> bool:
        if self.config.eval_interval is not None:
            return self.step % self.config.eval_interval == 0
        # The first comes early, so that a person sees something; a slow one makes the next come later.
        wait = self.config.eval_interval_s * (1.0 if self.measured else 0.25)
        return self.elapsed_s - self.last_eval_s >= max(wait, self.eval_cost_s / EVAL_SHARE)

    def _look(self, *, final: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Evaluate, write a sample story, and save where it is time to."""
        begin = self.elapsed_s
        loss = windows_loss(self.model, self.eval_x, self.eval_y, batch_size=self.config.batch_size, stop=self.stopping)
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
            yield from self._save(final=final)

    def _save(self, *, final: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            yield "checkpoint", self.save()
        except OSError as error:
            if final:
                raise OSError(f"the model could not be saved: {error}; the snapshots saved before are whole") from None
            yield (
                "warning",
                {"code": "save-failed", "message": f"This snapshot could not be saved ({error}); going on."},
            )

    def _sample(self) -> dict[str, Any]:
        config = self.config
        settings = {"temperature": 0.8, "top_p": 0.95, "seed": config.seed}
        self.model.eval()
        pieces = LanguageModel(self.model, self.corpus.tokenizer).stream(
            config.sample_prompt, config.sample_tokens, **settings
        )
        text = ""
        for piece in pieces:
            text += piece
            if self.stopping():
                break
        self.model.train()
        return {
            "prompt": config.sample_prompt,
            "text": text,
            "seed": config.seed,
            "temperature": settings["temperature"],
        }


def _with_dropout(model: GPT, dropout: float) -> GPT:
    """The same weights with this share of dropout."""
    if model.config.dropout == dropout:
        return model
    fresh = GPT(replace(model.config, dropout=dropout))
    fresh.load_state_dict(model.state_dict())
    return fresh
