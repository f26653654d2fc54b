"""What each command of the command line does. What is slow to import is imported when the command runs.

A command takes the parsed words and returns what `--json` prints, and the exit code.
"""

from __future__ import annotations

import argparse
import dataclasses
import secrets
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from slm.answer import Result
from slm.config import PrepareConfig, SampleConfig
from slm.copied_command import copied
from slm.data.clean import REASONS
from slm.doctor import examine
from slm.evaluate_command import evaluate, named_model
from slm.fields import field_kinds, parse_fields
from slm.folders import find_run
from slm.launch import finish as request_good_end
from slm.pack_command import pack, unpack
from slm.runs import RunSummary, checkpoints_dir, data_dir, list_runs, summarize
from slm.texts import check_characters
from slm.train_command import train

if TYPE_CHECKING:
    from slm.generate import Written

__all__ = ["copied", "evaluate", "export", "finish", "generate", "pack", "prepare", "runs", "train", "unpack"]

MOST_TOGETHER = 8  # stories written at once; more would take more memory and be hardly faster


def prepare(args: argparse.Namespace) -> Result:
    """`prepare`: stories to a data set."""
    from tqdm import tqdm

    from slm.data.prepare import prepare as prepare_data

    words = args.given_fields(args, field_kinds(PrepareConfig))
    config = PrepareConfig(**parse_fields(PrepareConfig, words))
    manifest: dict[str, Any] = {}
    stage = ""
    with tqdm(disable=None, file=sys.stderr) as bar:
        for progress in prepare_data(config, data_dir(args.data_dir)):
            if progress["stage"] != stage:
                stage = progress["stage"]
                bar.reset(total=progress.get("total"))
                bar.set_description(stage)
            bar.update((progress.get("done") or bar.n) - bar.n)
            manifest = progress.get("manifest", manifest)
    sizes = ", ".join(
        f"{part}: {manifest[part]['stories']:,} stories, {manifest[part]['tokens']:,} tokens"
        for part in ("train", "validation")
    )
    print(f"Data set {manifest['name']}, {manifest['vocab_size']:,} different tokens. {sizes}.")
    print(_left_out(manifest))
    return manifest, 0


def _left_out(manifest: dict[str, Any]) -> str:
    """How many stories were dropped, for which reasons, and how many were mended."""
    dropped = {reason: n for reason, n in manifest["dropped"].items() if n}
    told = "No story was left out."
    if dropped:
        reasons = ", ".join(f"{REASONS.get(reason, reason)} ({n:,})" for reason, n in dropped.items())
        told = f"Left out, {_stories(sum(dropped.values()))}: {reasons}."
    mended = manifest["repaired"]
    return told + (f" {_stories(mended)} had broken characters mended." if mended else "")


def _stories(count: int) -> str:
    return f"{count:,} {'story' if count == 1 else 'stories'}"


def generate(args: argparse.Namespace) -> Result:
    """`generate`: stories, printed as they are written."""
    words = args.given_fields(args, field_kinds(SampleConfig))
    settings = parse_fields(SampleConfig, words)
    SampleConfig(**settings)  # a mistake is told before anything is loaded
    check_characters(args.prompt, "--prompt")
    if not args.num_stories.isdecimal() or int(args.num_stories) < 1:
        raise ValueError(f"num_stories is a whole number from 1, not {args.num_stories!r}")
    import slm

    lm = slm.load(named_model(args), device=args.device, precision=args.precision)
    config = lm.sample_config(**settings)
    if args.precision == "auto" and lm.weights_used(config) != "float32":
        print(f"slm: {lm.weights_used(config)}; --precision float32 takes the exact weights", file=sys.stderr)
    # Story i is the one that seed + i gives alone, as in LanguageModel.write_many.
    seed, count = secrets.randbits(31) if config.seed is None else config.seed, int(args.num_stories)
    stories: list[str] = []
    for first in range(0, count, MOST_TOGETHER):
        print("\n" * 2 * (first > 0), end="")
        some = min(MOST_TOGETHER, count - first)
        stories += _print_stories(
            lm.write_many(args.prompt, some, **{**settings, "seed": seed + first}), args.prompt, some
        )
    print()
    return {"prompt": args.prompt, "seed": seed, "weights": lm.weights_used(config), "stories": stories}, 0


def _print_stories(columns: Iterable[list[Written | None]], prompt: str, count: int) -> list[str]:
    """Print stories that are written at once one after the other: the first as it grows, then what the next has become.

    Returns them whole.
    """
    stories, shown, printed = [prompt] * count, 0, 0
    for column in columns:
        stories = [story + (new.text if new else "") for story, new in zip(stories, column, strict=True)]
        while column[shown] is None and shown + 1 < count:
            print(stories[shown][printed:] + "\n\n", end="")
            shown, printed = shown + 1, 0
        print(stories[shown][printed:], end="", flush=True)
        printed = len(stories[shown])
    print("\n\n".join([stories[shown][printed:], *stories[shown + 1 :]]), end="", flush=True)
    return stories


def export(args: argparse.Namespace) -> Result:
    """`export`: a model for other programs."""
    from slm.export import to_gguf
    from slm.hub import check_target, hub_files, to_hub

    model = named_model(args)
    facts = {"checkpoint": model, "to": args.to, "target": args.target, "dry_run": args.dry_run}
    if args.to == "gguf" and (args.dry_run or args.private):
        raise ValueError("--dry-run and --private are for --to hub")
    if args.to == "hub":
        check_target(args.target)  # as the upload itself does, so that a dry run tells it too
    if args.dry_run:
        sizes = {file.name: round(file.size_mb, 6) for file in hub_files(model)}
        for name, size_mb in sizes.items():
            print(f"{size_mb:10.3f} MB  {name}")
        print(f"{sum(sizes.values()):10.3f} MB  would go to https://huggingface.co/{args.target}; nothing was sent.")
        return {**facts, "files_mb": sizes}, 0
    place = to_gguf(model, args.target) if args.to == "gguf" else to_hub(model, args.target, private=args.private)
    print(f"{args.checkpoint} is at {place}.")
    return {**facts, "target": str(place)}, 0


def finish(args: argparse.Namespace) -> Result:
    """`finish`: a quick good end for a training that runs."""
    request_good_end(find_run(checkpoints_dir(args.checkpoints), args.run))
    print(f"{args.run} comes to a quick good end; what it learnt is saved then.")
    return {"run": args.run}, 0


def runs(args: argparse.Namespace) -> Result:
    """`runs`: a table of all, or all about one."""
    folder = checkpoints_dir(args.checkpoints)
    if args.name is not None:
        run_dir = find_run(folder, args.name)
        facts = dataclasses.asdict(summarize(run_dir))
        for name, value in facts.items():
            print(f"{name:<12} {_fact(value)}")
        found = examine(run_dir, data_dir(args.data_dir))
        for finding in found:
            print(f"{finding.title} {finding.advice}")
        return {**facts, "doctor": [dataclasses.asdict(finding) for finding in found]}, 0
    if args.checkpoints is not None and not folder.is_dir():  # where none is named, the first run makes the folder
        raise ValueError(f"there is no folder {folder}")
    summaries = list_runs(folder)
    print(_table(summaries) if summaries else f"There are no runs in {folder} yet.")
    return {"runs": [dataclasses.asdict(s) for s in summaries]}, 0


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{v:g} {k}" for k, v in value.items()) or "-"
    return "-" if value is None else f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(summaries: list[RunSummary]) -> str:
    head = ("name", "status", "preset", "data", "step", "val_loss", "val_bpb", "minutes", "size_mb")
    rows = [head] + [
        (
            s.name,
            s.status,
            s.preset or "-",
            s.data or "-",
            f"{s.step:,}",
            _number(s.val_loss),
            _number(s.val_bpb),
            "-" if s.elapsed_s is None else f"{s.elapsed_s / 60:.1f}",
            f"{s.size_mb:.1f}",
        )
        for s in summaries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
