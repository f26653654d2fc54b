"""The training form: its fields come from the settings' own definitions, its values become a TrainSpec."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.session import Session
from demo.views.data import compact_counts, made_at
from demo.views.words import compact
from slm.config import (
    PRESETS,
    ModelConfig,
    TrainConfig,
    parameter_count,
    preset,
)
from slm.fields import field_doc, field_kinds, parse_fields
from slm.gpus import usual_preset
from slm.launch import TrainSpec
from slm.runs import check_name, checkpoints_dir, data_dir

STARTER = "made here"  # the dropdown's value for stories that are made when they are needed; no data set is called so
STARTER_LABEL = "Starter stories, made here"
DEFAULT_MINUTES = 5.0
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
    tokens = manifest_of(session, form).get("train", {}).get("tokens")
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


def manifest_of(session: Session, form: TrainForm) -> dict[str, Any]:
    """The manifest of the form's stories; empty for starter stories that are made when they are needed."""
    try:
        return session.manifest(data_name(form))
    except ValueError:
        return {}


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
