"""The training form: its fields come from the settings' own definitions, its values become a TrainSpec."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo import measuring, preparing
from demo.measuring import Speed
from demo.session import Session
from demo.views.data import compact_counts, made_at
from demo.views.size import MEASURING, forecast_html, size_html, waiting_html
from demo.views.words import compact
from slm.config import (
    PRESETS,
    ModelConfig,
    TrainConfig,
    parameter_count,
    parameter_parts,
    preset,
)
from slm.fields import field_doc, field_kinds, parse_fields
from slm.forecast import Training, flops_per_token, measured_on
from slm.forecast import forecast as foretell
from slm.gpus import usual_preset
from slm.launch import TrainSpec
from slm.processes import is_elsewhere
from slm.recorded import recorded_plan
from slm.runs import RunSummary, check_name, checkpoints_dir, data_dir, training_holder, worker

STARTER = "made here"  # the dropdown's value for stories that are made when they are needed; no data set is called so
STARTER_LABEL = "Starter stories, made here"
DEFAULT_MINUTES = 5.0
SETTLED_S = 20.0  # a training as long tells how fast its settings are, better than three seconds do
FOR_TESTS = ("golden",)  # presets that the list of sizes leaves out
GROUPS: dict[str, tuple[str, ...]] = {  # "More settings": what a person thinks of together stands together
    "Model shape": ("architecture", "n_layer", "n_head", "n_embd", "n_inner", "block_size", "dropout"),
    "Batches": ("batch_size", "grad_accum_steps", "ramp_steps"),
    "Length, in place of minutes": ("steps", "tokens"),
    "Learning rate": (
        "optimizer", "learning_rate", "muon_learning_rate", "warmup_steps", "decay_ratio", "min_lr_ratio",
    ),
    "Weights and gradients": ("weight_decay", "beta1", "beta2", "grad_clip"),
    "Looking and saving": (
        "eval_interval", "eval_interval_s", "eval_windows", "sample_prompt", "sample_tokens", "save_interval_s",
    ),
    "Machine": ("seed", "device", "dtype", "compile", "threads"),
}
LEFT_OUT: dict[str, str] = {  # settings that the form has no field for under "More settings", and why
    "minutes": "has its own field, beside Start",
    "vocab_size": "is the data set's",
    "tied": "is what models from elsewhere bring; both architectures here share the matrix",
    "norm_eps": "belongs to the architecture",
    "rope_theta": "belongs to the architecture",
    "logit_softcap": "belongs to the architecture",
}


@dataclass(frozen=True)
class FormField:
    """One setting as the form shows it: a list where there are choices, a box to tick, else a line to type in."""

    name: str
    owner: type
    doc: str
    kind: type
    optional: bool
    choices: tuple[Any, ...] | None

    @property
    def is_switch(self) -> bool:
        """Yes or no, and nothing else."""
        return self.kind is bool and not self.optional


def field_groups() -> dict[str, list[FormField]]:
    """The settings under "More settings", by the group they stand in."""
    return {group: [_form_field(name) for name in names] for group, names in GROUPS.items()}


def form_fields() -> list[FormField]:
    """The same, one after the other."""
    return [f for group in field_groups().values() for f in group]


def _form_field(name: str) -> FormField:
    owner = ModelConfig if name in field_kinds(ModelConfig) else TrainConfig
    kind, optional = field_kinds(owner)[name]
    choices = next(f.metadata["choices"] for f in dataclasses.fields(owner) if f.name == name)
    return FormField(name, owner, field_doc(owner, name), kind, optional, choices)


def preset_values(name: str) -> list[Any]:
    """What a preset puts into each of form_fields: numbers as typed, an empty line where a setting is off."""
    return [shown(f, value) for f, value in zip(form_fields(), _usual(name), strict=True)]


def _usual(name: str) -> list[Any]:
    chosen = preset(name)
    return [getattr(chosen.model if f.owner is ModelConfig else chosen.train, f.name) for f in form_fields()]


def shown(f: FormField, value: Any) -> Any:
    """A setting's value as its field of the form holds it."""
    return value if f.choices or f.is_switch else "" if value is None else str(value)


def typed(f: FormField, value: Any) -> Any:
    """A field's content as the setting's own type; ValueError for a word where a number is wanted."""
    return value if f.choices or f.is_switch else parse_fields(f.owner, {f.name: str(value or "").strip()})[f.name]


@dataclass(frozen=True)
class TrainForm:
    """The training form as a person filled it in; `more` holds the values of form_fields by name."""

    data: str
    preset: str
    minutes: float | None
    run: str
    more: Mapping[str, Any]

    @classmethod
    def from_values(cls, data: str, preset: str, minutes: float | None, run: str, more: Sequence[Any]) -> TrainForm:
        names = [f.name for f in form_fields()]
        return cls(data or STARTER, preset, minutes, (run or "").strip(), dict(zip(names, more, strict=True)))

    @property
    def stories(self) -> str:
        """What the stories are called in a run's name."""
        return "starter" if self.data == STARTER else self.data

    def settings(self) -> dict[str, Any]:
        """Every field of the form, in the settings' own types."""
        return {f.name: typed(f, self.more[f.name]) for f in form_fields()}

    def overrides(self) -> dict[str, Any]:
        """The fields that differ from the preset's, budget aside."""
        usual = dict(zip((f.name for f in form_fields()), _usual(self.preset), strict=True))
        return {k: v for k, v in self.settings().items() if v != usual[k] and k not in ("steps", "tokens")}

    def budget(self) -> dict[str, Any]:
        """One of minutes, steps and tokens; the minutes count where neither of the others is given."""
        exact = {name: self.settings()[name] for name in ("steps", "tokens") if self.more.get(name)}
        if len(exact) == 2:
            raise ValueError("both steps and tokens are filled in; empty one of them")
        if not exact and not self.minutes:
            raise ValueError("there is no end: fill in the minutes (or steps or tokens under More settings)")
        return exact or {"minutes": float(self.minutes or 0)}

    def model(self, vocab_size: int) -> ModelConfig:
        """The model's shape; ValueError where the fields do not fit each other."""
        shape = {k: v for k, v in self.overrides().items() if k in field_kinds(ModelConfig)}
        return dataclasses.replace(preset(self.preset).model, vocab_size=vocab_size, **shape)

    def train(self) -> TrainConfig:
        """The training settings; ValueError where one is out of its limits."""
        settings = {k: v for k, v in self.overrides().items() if k not in field_kinds(ModelConfig)}
        return dataclasses.replace(preset(self.preset).train, **settings, **self.budget())


def data_name(form: TrainForm) -> str:
    """The name of the data set that the form means; starter stories are kept once for each vocabulary."""
    return f"{form.stories}-{preset(form.preset).vocab}" if form.data == STARTER else check_name(form.data)


def vocab_size(session: Session, form: TrainForm) -> int:
    """The number of tokens the model will have: the data set's, or what the preset would be prepared with."""
    try:
        return int(session.manifest(data_name(form))["vocab_size"])
    except ValueError:
        return preset(form.preset).model.vocab_size


def spec(session: Session, form: TrainForm) -> TrainSpec:
    """What slm.launch starts. Raises ValueError, with the way out, for everything that could not be trained."""
    check_enough_text(session, form)
    form.train()
    name = check_name(form.run or suggest_name(session, form))
    if (session.checkpoints / name).exists():
        raise ValueError(f"there is a run or model {name} already; choose another name, or Resume that one")
    # The usual places go unsaid, so that the command line stays short.
    return TrainSpec(
        run=name, data=data_name(form), preset=form.preset, overrides=form.overrides(), **form.budget(),
        checkpoints=None if session.checkpoints == checkpoints_dir() else session.checkpoints,
        data_dir=None if session.data == data_dir() else session.data,
    )


def check_enough_text(session: Session, form: TrainForm) -> None:
    """Raise ValueError where the stories are shorter than what the model reads at once."""
    needed = form.model(vocab_size(session, form)).block_size + 1
    tokens = _manifest(session, form).get("train", {}).get("tokens")
    if tokens is not None and tokens < needed:
        raise ValueError(
            f"data set {data_name(form)} has {tokens:,} tokens to learn from, and this model reads {needed:,} at once: "
            "choose another data set, prepare more text, or take a smaller block size under More settings"
        )


def suggest_name(session: Session, form: TrainForm) -> str:
    """A free name that says what the run is: micro-starter-001."""
    stem = f"{form.preset}-{form.stories}"[:56].rstrip(".")
    numbers = (path.name[len(stem) + 1 :] for path in session.checkpoints.glob(f"{stem}-*"))
    return f"{stem}-{1 + max((int(n) for n in numbers if n.isdecimal()), default=0):03d}"


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
    manifest = _manifest(session, form)
    tokens, size_bytes = (manifest.get("train", {}).get(key) for key in ("tokens", "bytes"))
    told = foretell(
        model, train, tok_per_s=speed.tok_per_s, train_tokens=tokens, earlier=_earlier(session, form, manifest)
    )
    nats = math.log(2) * size_bytes / tokens if tokens and size_bytes else None
    return forecast_html(
        told, of=form.preset, tok_per_s=speed.tok_per_s, device=speed.place, nats_per_bpb=nats,
        measured_s_ago=time.time() - speed.measured_at,
    )


def _manifest(session: Session, form: TrainForm) -> dict[str, Any]:
    try:
        return session.manifest(data_name(form))
    except ValueError:
        return {}  # starter stories that are made when they are needed


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


def data_choices(manifests: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(label, name) of the prepared data sets, the newest first, and the starter stories, made when they are wanted."""
    newest_first = sorted(manifests, key=made_at, reverse=True)
    ready = [(f"{m['name']} \u00b7 {compact_counts(m)}", m["name"]) for m in newest_first]
    return [*ready, (STARTER_LABEL, STARTER)]


def preset_choices() -> list[tuple[str, str]]:
    """(label, name) of the presets whose stories are worth reading: the usual one, then the quickest first."""
    sizes = {name: parameter_count(chosen.model) for name, chosen in PRESETS.items() if name not in FOR_TESTS}
    order = sorted(sizes, key=lambda name: (name != usual_preset(), sizes[name]))
    return [(f"{name} \u00b7 {compact(sizes[name])} parameters", name) for name in order]
