"""What is understood of a run from elsewhere: its record, its events and its report cards, each made anew.

Their files may come from a stranger. What is kept are the fields that this version knows, where they hold words and
numbers of a sensible size.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from typing import IO, Any

from slm.config import ModelConfig, TrainConfig
from slm.events import END_REASONS, EVENT_KINDS, EVENTS_FILE
from slm.folders import RUN_FILE
from slm.measures import MEASURES
from slm.report import SIDES, is_report

MOST_EVENTS_BYTES = 500_000_000
MOST_LINE_BYTES = 1_000_000
MOST_WORD_CHARACTERS = 2_000
MOST_STORY_CHARACTERS = 20_000
MOST_STORIES = 50
MOST_SEEDS = 1_000
LARGEST_NUMBER = 1e18
_TEXTS = {"kind", "path", "prompt", "text", "code", "message", "reason", "device", "dtype"}
_NUMBERS = {"v", "t", "step", "loss", "lr", "grad_norm", "tokens", "elapsed_s", "tok_per_s", "val_loss", "val_bpb",
            "train_loss", "n_params", "threads", "tokens_per_step", "max_steps", "budget_s", "resumed_from_step",
            "seed", "temperature"}  # fmt: skip
# Of a report card: the fields of its parts, and which of them are words.
_REPORT = ("v", "created", "slm_version", "torch_version", "model", "precision", "human_stories")
_DATA = ("name", "fingerprint")
_PROMPTS = ("name", "sha256", "count")
_LOSSES = ("val_loss", "val_loss_stderr", "val_bpb", "val_bpb_stderr", "perplexity", "tokens", "bytes", "stories")
_OVERLAP = ("run_words", "seen_above", "stories", "contaminated", "exact", "mean_share", "highest_share")
_SETTINGS = ("max_new_tokens", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "num_beams", "seed")
_SCORE = ("mean", "stderr", "deviation", "count")
_STORY = ("prompt", "seed", "text", "ended")
_WORDS = {"slm_version", "torch_version", "model", "precision", "name", "fingerprint", "sha256"}


def run_record(record: dict[str, Any]) -> dict[str, Any]:
    """What is understood of a run.json: the configs' own fields within their limits, words and numbers of our own."""
    checks: dict[str, Callable[[Any], bool]] = {
        "run": _is_word, "preset": _is_word, "slm_version": _is_word, "created": is_number, "seed": is_number,
        "n_params": is_number,
        "command": lambda c: isinstance(c, list) and len(c) <= 500 and all(map(_is_word, c)),
    }  # fmt: skip
    kept = {name: record[name] for name, fits in checks.items() if name in record and fits(record[name])}
    data = record.get("data")
    if isinstance(data, dict):
        names = ("name", "source", "description", "fingerprint", "vocab", "vocab_size")
        kept["data"] = {k: v for k, v in data.items() if k in names and (_is_word(v) or is_number(v))}
    for room, config in (("model", ModelConfig), ("train", TrainConfig)):
        given = record.get(room)
        if not isinstance(given, dict):
            raise ValueError(f"{RUN_FILE} in the zip says nothing of the {room} settings")
        fields = {f.name for f in dataclasses.fields(config)}
        try:
            kept[room] = dataclasses.asdict(config(**{k: v for k, v in given.items() if k in fields}))
        except TypeError as error:
            raise ValueError(f"{RUN_FILE} in the zip has {room} settings that do not fit: {error}") from None
    return kept


def events(source: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The events of a log, each checked; kinds that this version does not know are left out."""
    size = number = 0
    # The line is cut where it is too long: a file may be one line without an end.
    while line := source.readline(MOST_LINE_BYTES + 1):
        size, number = size + len(line), number + 1
        if len(line) > MOST_LINE_BYTES or size > MOST_EVENTS_BYTES:
            raise ValueError(f"{EVENTS_FILE} in the zip is too large at line {number:,}")
        if not line.endswith(b"\n"):
            return  # the torn tail of a killed writer
        event = parsed(line, f"line {number:,} of {EVENTS_FILE}")
        if not _is_event(event):
            raise ValueError(f"line {number:,} of {EVENTS_FILE} in the zip is no event of a training")
        if event["kind"] in EVENT_KINDS:
            yield {key: value for key, value in event.items() if _is_plain(value)}


def report_card(card: dict[str, Any]) -> dict[str, Any] | None:
    """What is understood of a report.json, as slm/report.py describes it; None where that is no report card."""
    parts = {"data": _DATA, "prompts": _PROMPTS, "losses": _LOSSES, "overlap": _OVERLAP}
    kept = {**_plain_fields(card, _REPORT), **_each(card, parts)}
    kept["seeds"] = [seed for seed in _most(card.get("seeds"), MOST_SEEDS) if is_number(seed)]
    kept["settings"] = _each(card.get("settings"), {"greedy": _SETTINGS, "sampled": _SETTINGS})
    measures = card.get("measures")
    found = {key: measures[key] for key in MEASURES if key in measures} if isinstance(measures, dict) else {}
    kept["measures"] = {key: _each(sides, dict.fromkeys(SIDES, _SCORE)) for key, sides in found.items()}
    stories = [story for story in _most(card.get("stories"), MOST_STORIES) if _is_story(story)]
    kept["stories"] = [{name: story[name] for name in _STORY} for story in stories]
    return kept if is_report(kept) else None


def _each(parts: Any, fields: dict[str, tuple[str, ...]]) -> dict[str, dict[str, Any]]:
    known = parts if isinstance(parts, dict) else {}
    return {part: _plain_fields(known[part], names) for part, names in fields.items() if part in known}


def _plain_fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields of these names that hold a word, where it is one of _WORDS, else a number or nothing."""
    found = {name: value[name] for name in names if name in value} if isinstance(value, dict) else {}
    return {n: v for n, v in found.items() if (_is_word(v) if n in _WORDS else v is None or is_number(v))}


def _most(values: Any, most: int) -> list[Any]:
    return values[:most] if isinstance(values, list) else []


def _is_story(story: Any) -> bool:
    if not isinstance(story, dict) or not is_number(story.get("seed")) or not isinstance(story.get("ended"), bool):
        return False
    texts = [story.get("prompt"), story.get("text")]
    return all(isinstance(text, str) and len(text) <= MOST_STORY_CHARACTERS for text in texts)


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str) or not is_number(event.get("t")):
        return False
    if not isinstance(event.get("step"), int) or not is_number(event["step"]) or event["step"] < 0:
        return False
    if event["kind"] == "end" and event.get("reason") not in END_REASONS:
        return False
    texts = all(isinstance(event.get(key), (str, type(None))) for key in _TEXTS)
    return texts and all(event.get(key) is None or is_number(event[key]) for key in _NUMBERS)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool)) or is_number(value)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_WORD_CHARACTERS


def is_number(value: Any) -> bool:
    """Whether it is a finite number of a sensible size, and no truth value."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= LARGEST_NUMBER and math.isfinite(value)


def parsed(data: bytes, place: str) -> Any:
    """The JSON in some bytes, non-finite numbers as None; ValueError names the place in the zip."""
    try:
        return json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place} in the zip is not JSON: {str(error)[:100]}") from None
