"""The words of the command line: which commands there are, and their flags.

Flags and help texts are made from the fields in `slm.config`. What a command does is in `slm.commands`, how it answers
and how mistakes are told in `slm.answer`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from slm import __version__, commands
from slm.answer import Result, answer
from slm.config import (
    BUDGETS,
    CPU_PRESET,
    GPU_PRESET,
    PRESETS,
    ModelConfig,
    PrepareConfig,
    SampleConfig,
    TrainConfig,
)
from slm.fields import field_doc, field_kinds, parse_fields
from slm.gpus import usual_preset
from slm.launch import TrainSpec, overridable
from slm.own_sampling import KEPT
from slm.processes import is_first_process

DESCRIPTION = "Train a small language model from scratch, watch it learn, and write stories with it."


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 failed, 2 a mistake in the words, 130 interrupted."""
    words = sys.argv[1:] if words is None else list(words)
    if words[:1] == ["--"]:  # torchrun before Python 3.13 takes --run for a flag of its own, unless -- stands before
        words = words[1:]
    return answer(lambda: _run(words), as_json="--json" in words and is_first_process())


def _run(words: Sequence[str]) -> Result:
    args = parser().parse_args(words)
    return args.run_command(args)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one sentence, raised as ValueError."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; `{self.prog} --help` shows what there is")


def parser() -> Parser:
    """The whole command line; each command's function stands in `run_command`."""
    top = Parser(prog="python -m slm", description=DESCRIPTION, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"slm {__version__}")
    rooms = top.add_subparsers(metavar="COMMAND", required=True)
    adders = (_add_prepare, _add_train, _add_generate, _add_evaluate, _add_export, _add_runs, _add_finish, _add_copied)
    for add in (*adders, _add_pack):
        add(rooms)
    return top


def spec_from_args(args: argparse.Namespace) -> TrainSpec:
    """The training that the words of `train` ask for."""
    words = given_fields(args, [*overridable(), *BUDGETS])
    values: dict[str, Any] = {}
    for cls in (ModelConfig, TrainConfig):
        values |= parse_fields(cls, {name: word for name, word in words.items() if name in _names(cls)})
    budget = {name: values.pop(name) for name in BUDGETS if name in values}
    if not args.data:
        raise ValueError("--data is missing: which data set? `python -m slm prepare` makes one")
    return TrainSpec(
        run=args.run,
        data=args.data,
        preset=args.preset or usual_preset(values.get("device", "auto")),
        overrides=values,
        init_from=args.init_from,
        checkpoints=args.checkpoints,
        data_dir=args.data_dir,
        **budget,
    )


def given_fields(args: argparse.Namespace, names: Iterable[str]) -> dict[str, str]:
    """The fields that were typed, as the words they were typed in."""
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def _add_command(rooms: Any, name: str, purpose: str) -> argparse.ArgumentParser:
    room = rooms.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
    room.set_defaults(run_command=getattr(commands, name), spec=spec_from_args, given_fields=given_fields)
    places = room.add_argument_group("places and output")
    for option, content, variable, folder in (
        ("--checkpoints", "models and runs", "SLM_CHECKPOINTS", "checkpoints/"),
        ("--data-dir", "prepared data sets", "SLM_DATA", "data/"),
    ):
        words = f"Folder of {content} (default ${variable}, else {folder} in the project)."
        places.add_argument(option, metavar="DIR", type=Path, help=words)
    places.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")
    return room


def _add_prepare(rooms: Any) -> None:
    room = _add_command(rooms, "prepare", "Make a data set of stories ready for training.")
    _add_fields(room, PrepareConfig, _names(PrepareConfig))


def _add_train(rooms: Any) -> None:
    room = _add_command(rooms, "train", "Train a model, or go on with a run.")
    purposes = "; ".join(f"{name}: {p.purpose}" for name, p in PRESETS.items())
    room.add_argument("--run", metavar="NAME", required=True, help="Name of the run, a folder in checkpoints.")
    room.add_argument("--data", metavar="NAME", help="Name of the prepared data set (with --resume: the run's own).")
    usual = f"Default {CPU_PRESET}, with an NVIDIA GPU {GPU_PRESET}."
    room.add_argument("--preset", metavar="NAME", help=f"{usual} {purposes}.")
    room.add_argument(
        "--resume",
        action="store_true",
        help="Go on from the newest snapshot, with the run's own settings; a budget "
        "given again replaces the run's and counts from the run's beginning.",
    )
    room.add_argument(
        "--init-from",
        metavar="PATH",
        help="Begin with the weights and the shape of this model: a checkpoint or run folder, the name of one in "
        "checkpoints, or a Hugging Face Hub id. The data set must have its vocabulary.",
    )
    budget = room.add_argument_group("budget (one of)")
    _add_fields(budget, TrainConfig, BUDGETS)
    model = room.add_argument_group("the model's shape")
    _add_fields(model, ModelConfig, [n for n in overridable() if n in _names(ModelConfig)])
    model.description = f"The vocabulary is the data set's. ({field_doc(ModelConfig, 'vocab_size')})"
    training = room.add_argument_group("how it is trained")
    _add_fields(training, TrainConfig, [n for n in overridable() if n in _names(TrainConfig)])


def _add_generate(rooms: Any) -> None:
    room = _add_command(rooms, "generate", "Write stories with a model.")
    _add_checkpoint(room)
    room.add_argument("--prompt", metavar="TEXT", default="", help="How the story begins; nothing begins a new one.")
    room.add_argument("--num-stories", metavar="N", default="1", help="How many stories to write (default 1).")
    _add_device(room)
    _add_precision(room, "auto")
    _add_fields(room, SampleConfig, _names(SampleConfig))


def _add_evaluate(rooms: Any) -> None:
    room = _add_command(rooms, "evaluate", "Measure a model's loss and bits per byte on stories.")
    _add_checkpoint(room)
    stories = room.add_mutually_exclusive_group(required=True)
    stories.add_argument("--data", metavar="NAME", help="The validation stories of a prepared data set.")
    stories.add_argument("--text", metavar="FILE", help="All stories of a .txt, .jsonl, .json or .parquet file.")
    room.add_argument(
        "--overlap",
        action="store_true",
        help="With --data: also tell which of these stories stand in the training stories, and the loss without them; "
        "a report card keeps the numbers.",
    )
    report = room.add_argument_group("report card")
    report.add_argument(
        "--report",
        action="store_true",
        help="With --data: also let the model write, measure its stories beside those of people, and keep report.json "
        "in the checkpoint's folder.",
    )
    report.add_argument("--prompts", metavar="FILE", help="JSON list of beginnings (default: the project's own).")
    report.add_argument("--seeds", metavar="N", type=int, default=4, help="Stories drawn for each prompt (default 4).")
    _add_device(room)
    _add_precision(room, "float32")


def _add_export(rooms: Any) -> None:
    room = _add_command(rooms, "export", "Write a model for other programs: a GGUF file or a Hub repository.")
    _add_checkpoint(room)
    room.add_argument("--to", choices=("gguf", "hub"), required=True, help="gguf: llama.cpp; hub: Hugging Face.")
    room.add_argument("target", metavar="TARGET", help="The file to write, or the Hub id (owner/name) to upload to.")
    room.add_argument("--dry-run", action="store_true", help="hub: only list what would be sent, with sizes in MB.")
    room.add_argument("--private", action="store_true", help="hub: a new repository is for its owner's eyes only.")


def _add_runs(rooms: Any) -> None:
    room = _add_command(rooms, "runs", "List the runs and models, or tell all about one.")
    room.add_argument("name", metavar="NAME", nargs="?", help="The run to tell about (default: list them all).")


def _add_finish(rooms: Any) -> None:
    room = _add_command(rooms, "finish", "Bring a running training to a quick good end.")
    room.add_argument("--run", metavar="NAME", required=True, help="Name of the run that trains now.")


def _add_copied(rooms: Any) -> None:
    room = _add_command(rooms, "copied", "Tell which stretches of a story stand in the training stories too.")
    stories = room.add_mutually_exclusive_group(required=True)
    stories.add_argument("--data", metavar="NAME", help="The prepared data set to look in.")
    stories.add_argument("--checkpoint", metavar="PATH", help="A run or checkpoint: the data set that it learnt from.")
    room.add_argument("--text", metavar="FILE", help="The story; - reads what is typed or piped in.")
    room.add_argument("--rebuild", action="store_true", help="Make the index anew (one is made where there is none).")


def _add_pack(rooms: Any) -> None:
    room = _add_command(rooms, "pack", "Put a run into one .zip that another machine shows without training.")
    room.add_argument("run", metavar="RUN", help="Name of the run.")
    room.add_argument("target", metavar="FILE", help="The .zip to write.")
    weights = "Whose weights go along: nobody's, the best model's (default) or every snapshot's."
    room.add_argument("--weights", choices=("none", "best", "all"), default="best", help=weights)
    room = _add_command(rooms, "unpack", "Put the run of such a .zip among the runs here.")
    room.add_argument("file", metavar="FILE", help="The .zip.")
    room.add_argument("--name", metavar="NAME", help="What to call the run (default: its own name).")


def _add_checkpoint(room: argparse.ArgumentParser) -> None:
    room.add_argument(
        "--checkpoint",
        metavar="PATH",
        required=True,
        help="A checkpoint or run folder, the name of one in checkpoints, or a Hugging Face Hub id.",
    )


def _add_device(room: argparse.ArgumentParser) -> None:
    room.add_argument("--device", default="auto", help=f"{field_doc(TrainConfig, 'device')} (default auto)")


def _add_precision(room: argparse.ArgumentParser, default: str) -> None:
    room.add_argument(
        "--precision",
        default=default,
        choices=("auto", "float32", "int8"),
        help="Weights to draw stories with: int8 is quicker on a CPU and nearly as good, auto takes it where that "
        f"holds; temperature 0 and beams always use float32 (default {default}).",
    )


def _names(cls: type) -> list[str]:
    return [f.name for f in dataclasses.fields(cls)]


def _add_fields(room: Any, cls: type, names: Iterable[str]) -> None:
    """A flag for each field. Only typed ones appear in the result, as words that `parse_fields` reads."""
    for f in dataclasses.fields(cls):
        if f.name not in names:
            continue
        doc = f"{f.metadata['doc']} {_default_words(cls, f)}".replace("%", "%%")
        if f.metadata["choices"]:
            doc += f" One of {', '.join(map(str, f.metadata['choices']))}."
        # A yes-or-no setting may be typed without its word.
        lone = {"nargs": "?", "const": "yes"} if field_kinds(cls)[f.name][0] is bool else {}
        room.add_argument(f"--{f.name.replace('_', '-')}", metavar="VALUE", default=argparse.SUPPRESS, help=doc, **lone)


def _default_words(cls: type, f: dataclasses.Field[Any]) -> str:
    """The default as the help shows it: presets may each have their own."""
    room = {ModelConfig: "model", TrainConfig: "train"}.get(cls)
    own = {name: getattr(getattr(p, room), f.name) for name, p in PRESETS.items()} if room else {"": f.default}
    if len(set(own.values())) == 1:
        value = next(iter(own.values()))
        if cls is SampleConfig and f.name in KEPT:
            return f"(default the model's own, else {_word(value)})"
        return "" if f.name in BUDGETS else f"(default {_word(value)})"
    return f"(default by preset: {', '.join(f'{name} {_word(value)}' for name, value in own.items())})"


def _word(value: Any) -> str:
    return "none" if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)
