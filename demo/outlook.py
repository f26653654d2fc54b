"""What the training that a form means takes and comes to: its size, and a forecast from this machine's speed."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from typing import Any

from demo import measuring, preparing
from demo.forms import TrainForm, data_name, manifest_of, vocab_size
from demo.measuring import Speed
from demo.session import Session
from demo.views.size import MEASURING, forecast_html, size_html, waiting_html
from slm.config import ModelConfig, TrainConfig, parameter_count, parameter_parts, preset
from slm.forecast import Training, flops_per_token, measured_on
from slm.forecast import forecast as foretell
from slm.processes import is_elsewhere
from slm.recorded import recorded_plan
from slm.runs import RunSummary, training_holder, worker

SETTLED_S = 20.0  # a training as long tells how fast its settings are, better than three seconds do


def size(session: Session, form: TrainForm) -> str:
    """The size meter of the model that the form means: parameters, memory and arithmetic."""
    model, train = form.model(vocab_size(session, form)), form.train()
    measured = session.speeds.known(model, train)
    memory = measured.memory_mb if measured and measured.memory_mb else memory_mb(model, train)
    purpose = f"{form.preset}: {preset(form.preset).purpose}."
    return size_html(
        parameter_parts(model), memory_mb=memory, flops_per_token=flops_per_token(model), note=purpose
    )


def memory_mb(model: ModelConfig, train: TrainConfig) -> dict[str, float]:
    """A rough count of what stands in memory while training: fp32 weights, gradients and two moments, activations."""
    weights = 4 * parameter_count(model) / 1e6
    moments = 2 if train.optimizer == "adamw" else 1.3
    tokens = train.batch_size * model.block_size
    inside = model.n_layer * (10 * model.n_embd + 2 * model.mlp_size) + 3 * model.vocab_size
    return {
        "weights": weights, "gradients": weights, "optimizer": moments * weights, "activations": 4e-6 * tokens * inside,
    }


def forecast(session: Session, form: TrainForm, *, measure: bool = False, unknown: str = MEASURING) -> str:
    """The forecast of what the form means; with `measure`, after measuring a speed that is not known yet.

    `unknown` is what stands there while the speed is not known.
    """
    model, train = form.model(vocab_size(session, form)), form.train()
    speed = _ended_here(session, model, train) or session.speeds.known(model, train)
    if speed is None:
        if session.zero:
            return waiting_html("How fast the lent GPU trains shows when it does.")
        if holder := training_holder(session.checkpoints):
            return waiting_html(f"Run {holder['run']} trains now: this machine is measured when it has ended.")
        if not measure:
            return waiting_html(unknown)
        speed = session.speeds.measure(model, train, busy=lambda: _others_at_work(session))
    manifest = manifest_of(session, form)
    tokens, size_bytes = (manifest.get("train", {}).get(key) for key in ("tokens", "bytes"))
    told = foretell(
        model, train, tok_per_s=speed.tok_per_s, train_tokens=tokens, earlier=_earlier(session, form, manifest)
    )
    nats = math.log(2) * size_bytes / tokens if tokens and size_bytes else None
    return forecast_html(
        told, of=form.preset, tok_per_s=speed.tok_per_s, device=speed.place, nats_per_bpb=nats,
        measured_s_ago=time.time() - speed.measured_at,
    )


def _others_at_work(session: Session) -> bool:
    """Whether a training or a preparation is under way."""
    return bool(training_holder(session.checkpoints) or preparing.running_job(session.data))


def _ended_here(session: Session, model: ModelConfig, train: TrainConfig) -> Speed | None:
    """The speed of the newest run that ended on this machine with these settings; None where there is none.

    One that was compiled is left out, since whether the next one is depends on its length.
    """
    wanted = measuring.settings(model, train)
    for run in session.runs():
        if run.status not in ("finished", "stopped") or (run.elapsed_s or 0) < SETTLED_S or not _is_ours(run):
            continue
        try:
            plan = recorded_plan(run.path)
        except ValueError:
            continue  # of another version
        if measuring.settings(plan["model"], plan["train"]) != wanted:
            continue
        events = session.events.read(run.path)[0]
        speeds = [e["tok_per_s"] for e in events if e["kind"] == "train" and e.get("tok_per_s")]
        if speeds and not any(e.get("code") == "compiling" for e in events):
            return Speed(statistics.median(speeds), None, run.device or "", run.updated or 0.0, f"in run {run.name}")
    return None


def _is_ours(run: RunSummary) -> bool:
    """Whether this machine trained a run; one that was unpacked here names no process."""
    process = worker(run.path)
    return bool(process) and not is_elsewhere(process)


def _earlier(session: Session, form: TrainForm, manifest: Mapping[str, Any]) -> tuple[Training, ...]:
    """What is known of trainings on these stories: what was measured on such, and those that finished here."""
    own = (
        Training(run.n_params, run.tokens, run.step, run.val_bpb)
        for run in session.runs()
        if run.data == data_name(form) and run.status == "finished"
        and run.n_params and run.tokens and run.step and run.val_bpb
        and _began_with(session.record(run.name), manifest)
    )
    return (*measured_on(str(manifest.get("source", form.stories))), *own)


def _began_with(record: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    """Whether a run began from nothing and with this very data set; another one may have had its name."""
    data = record.get("data")
    same = isinstance(data, dict) and data.get("fingerprint") == manifest.get("fingerprint")
    return same and not record.get("init_from")
