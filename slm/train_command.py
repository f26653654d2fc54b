"""The `train` command: what is to be trained, how it is watched on a terminal, and how Ctrl-C ends it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slm.config import BUDGETS, DEFAULT_MINUTES, ModelConfig, TrainConfig, parameter_count, preset
from slm.fields import parse_fields
from slm.folders import find_model, refuse_if_there
from slm.launch import TrainSpec, overridable
from slm.processes import is_first_process
from slm.recorded import recorded_plan
from slm.runs import (
    Busy,
    busy_message,
    check_name,
    checkpoints_dir,
    data_dir,
    is_run,
    refuse_if_elsewhere,
    request_stop,
    summarize,
    training_holder,
)

# What a resumed run may change: where it computes and how it is watched, never what is computed.
RESUME_FIELDS = ("device", "threads", "compile", "eval_interval", "eval_interval_s", "save_interval_s")


def train(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """`train`: a new run, or one that goes on."""
    checkpoints = checkpoints_dir(args.checkpoints)
    run_dir = checkpoints / check_name(args.run)
    if not is_first_process():
        return _take_part(args, run_dir)
    if holder := training_holder(checkpoints):
        raise Busy(busy_message(holder))
    if args.resume:
        refuse_if_elsewhere(run_dir)
    else:
        refuse_if_there(run_dir)
    plan = _resumed_plan(args, run_dir) if args.resume else _new_plan(args)
    # Mistakes are told before torch is imported, which takes seconds.
    from slm.job import TrainJob
    from slm.train import train as train_model

    job = TrainJob(run=args.run, checkpoints=checkpoints, resume=args.resume, command=command_typed(), **plan)
    if not plan["train"].budget:
        print(f"No --minutes, --steps or --tokens is given: {DEFAULT_MINUTES:g} minutes.", flush=True)
    code = 0
    with _stopping(run_dir) as stops, _TrainingBar() as bar:
        for event in train_model(job):
            if stops:
                request_stop(run_dir)  # again: a stop from before the run's beginning was taken for an old one
            bar.show(event)
            if event["kind"] == "end":
                code = 128 + stops[0] if stops else 0 if event["reason"] in ("finished", "stopped") else 1
    print(f"Saved in {run_dir}.", flush=True)
    return dataclasses.asdict(summarize(run_dir)), code


def _take_part(args: argparse.Namespace, run_dir: Path) -> tuple[dict[str, Any], int]:
    """All that a further process of a team does: it computes, and leaves words, files and Ctrl-C to the first one."""
    # As long as it waits for the first one, which may have ended with a refusal, it can be ended itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.redirect_stdout(None):
        plan = _resumed_plan(args, run_dir) if args.resume else _new_plan(args)
    from slm.job import TrainJob
    from slm.train import train as train_model

    job = TrainJob(run=args.run, checkpoints=run_dir.parent, resume=args.resume, **plan)
    for _ in train_model(job, joined=_ignore_stops):
        pass
    return {}, 0


def _ignore_stops() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _new_plan(args: argparse.Namespace) -> dict[str, Any]:
    spec: TrainSpec = args.spec(args)
    model, config = spec.configs()
    began = None
    if spec.init_from is not None:
        began = find_model(spec.init_from, checkpoints_dir(args.checkpoints))
        model = _shape_of(began, spec)
    own, count = preset(spec.preset).model, parameter_count(model)
    print(f"Run {spec.run}: preset {spec.preset}, {count:,} parameters, data set {spec.data}{_budget_words(config)}.")
    if began is not None:
        print(f"It begins with the weights of {spec.init_from}, in that model's shape.")
    elif model.vocab_size != own.vocab_size:
        print(
            f"Preset {spec.preset} is made for {own.vocab_size:,} different tokens, data set {spec.data} has "
            f"{model.vocab_size:,}: that makes {count:,} parameters."
        )
    return {"data": spec.data_folder, "preset": spec.preset, "model": model, "train": config, "init_from": began}


def _shape_of(place: str, spec: TrainSpec) -> ModelConfig:
    from slm.beginning import shape_of

    if fixed := sorted({f.name for f in dataclasses.fields(ModelConfig)} & set(spec.overrides) - {"dropout"}):
        raise ValueError(f"a model that is trained on keeps its shape: leave out {', '.join(fixed)}, or --init-from")
    return dataclasses.replace(shape_of(place), dropout=spec.overrides.get("dropout", 0.0))


def _resumed_plan(args: argparse.Namespace, run_dir: Path) -> dict[str, Any]:
    if args.init_from is not None:
        raise ValueError("a resumed run goes on with its own weights: leave out --init-from")
    words = args.given_fields(args, [*overridable(), *BUDGETS])
    if fixed := sorted(set(words) - {*RESUME_FIELDS, *BUDGETS}):
        free = ", ".join(RESUME_FIELDS)
        raise ValueError(f"a resumed run keeps its own {', '.join(fixed)}; what can change is its budget, {free}")
    changes = parse_fields(TrainConfig, words)
    plan = resumed_plan(run_dir, changes, data=args.data, data_folder=data_dir(args.data_dir))
    print(f"Run {run_dir.name} goes on from its newest snapshot{_budget_words(plan['train'])} in all.")
    return plan


def resumed_plan(
    run_dir: Path, changes: dict[str, Any], *, data: str | None = None, data_folder: Path
) -> dict[str, Any]:
    """What a TrainJob takes to go on with a run, its TrainConfig changed in these fields.

    Raises ValueError where there is no such run, or one of another version.
    """
    plan, changes = recorded_plan(run_dir), dict(changes)
    # An earlier resume may have had a budget of its own: then that one is the run's.
    budget = {k: changes.pop(k) for k in BUDGETS if k in changes} or summarize(run_dir).budget
    config = dataclasses.replace(plan["train"], **{**dict.fromkeys(BUDGETS), **budget, **changes})
    return {**plan, "data": data_folder / check_name(data or plan["data"]), "train": config}


def _budget_words(config: TrainConfig) -> str:
    return "".join(
        f", {value:,g} {name}" if name == "minutes" else f", {value:,} {name}"
        for name, value in config.budget.items()
    )


def command_typed() -> list[str]:
    """The words this process was started with, as a person would type them."""
    return ["python", "-m", "slm", *sys.argv[1:]]


@contextlib.contextmanager
def _stopping(run_dir: Path) -> Iterator[list[int]]:
    """Turn Ctrl-C and a termination into a stop request. The list holds the signal that came; a second ends at once."""
    came: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if came or not is_run(run_dir):
            raise KeyboardInterrupt
        came.append(number)
        request_stop(run_dir)
        print("\nStopping: the model is saved first. Once more ends at once.", file=sys.stderr, flush=True)

    if threading.current_thread() is not threading.main_thread():
        yield came  # signals reach the main thread alone
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _TrainingBar:
    """Progress of a training: a bar on a terminal, a line for each evaluation and its sample story everywhere.

    A terminal that is gone or cannot show a letter, or a full disk behind it, does not end the training; it then goes
    on in silence.
    """

    def __enter__(self) -> _TrainingBar:
        from tqdm import tqdm

        self.bar = tqdm(disable=None, file=sys.stderr, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}")
        self.by_time, self.heard = False, True
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.bar.close()

    def show(self, event: dict[str, Any]) -> None:
        """Print what a person wants to know of an event."""
        try:
            if self.heard:
                self._show(event)
        except (OSError, UnicodeError):
            self.heard = False

    def _show(self, event: dict[str, Any]) -> None:
        kind, step = event["kind"], event["step"]
        if kind == "start":
            self.by_time = event["budget_s"] is not None
            self.bar.reset(total=event["budget_s"] if self.by_time else event["max_steps"])
            self._say(f"{event['n_params']:,} parameters on {event['device']}, {event['dtype']}")
        elif kind == "train":
            done = event["elapsed_s"] if self.by_time else step
            speed = f"{event['tok_per_s']:,.0f} tokens/s"
            self.bar.set_postfix_str(f"step {step} loss {_loss(event['loss'])} {speed}", refresh=False)
            self.bar.update(min(done, self.bar.total or done) - self.bar.n)
        elif kind == "eval":
            losses = f"val_loss {_loss(event['val_loss'])}  val_bpb {_loss(event['val_bpb'])}"
            self._say(f"step {step}  train_loss {_loss(event['train_loss'])}  {losses}")
        elif kind == "sample":
            self._say(f"  {event['prompt']}{event['text']}".replace("\n", "\n  "))
        elif kind in ("warning", "end"):
            self._say(f"{event.get('reason', kind)}: {event['message']}")

    def _say(self, line: str) -> None:
        self.bar.write(line, file=sys.stdout)
        sys.stdout.flush()


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
