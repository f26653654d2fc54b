"""The report card of a model: report.json beside its weights, read, told as a table, and put into the model card.

    report.json    v (1), created (unix seconds), slm_version, torch_version, model, data,
                   prompts (name, sha256, count), seeds, settings (greedy and sampled), precision (of the weights),
                   losses, overlap (where it was looked for: numbers of `slm.data.overlap`), human_stories,
                   measures ({measure: {"greedy", "sampled", "human": the fields of Score}}), stories (five of them)

How it is made stands in `slm.reporting`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slm.card import quoted_story, with_section
from slm.files import read_json, replacing, write_json
from slm.measures import MEASURES

REPORT_FILE = "report.json"
VERSION = 1
OWN_PROMPTS = Path(__file__).resolve().parent / "data" / "prompts.json"
SIDES = {"greedy": "temperature 0", "sampled": "its own sampling", "human": "people"}


@dataclass(frozen=True)
class Prompts:
    """Beginnings of stories, the name of their file and the sha256 of its content."""

    texts: tuple[str, ...]
    name: str
    sha256: str


def load_prompts(path: str | Path | None = None) -> Prompts:
    """The prompts of a JSON file that holds a list of texts; the project's own where none is named.

    Raises ValueError for a file that is missing or holds anything else.
    """
    file = OWN_PROMPTS if path is None else Path(path)
    try:
        content = file.read_bytes()
        texts = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{file} holds no prompts: {error}") from None
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t.strip() for t in texts):
        raise ValueError(f"{file} should be a JSON list of texts, the beginnings of stories")
    return Prompts(tuple(texts), file.name, hashlib.sha256(content).hexdigest())


def read_report(folder: str | Path) -> dict[str, Any] | None:
    """The report card of the model in a folder; None where there is none that this version can read."""
    try:
        report = read_json(Path(folder) / REPORT_FILE)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return report if is_report(report) else None


def is_report(report: Any) -> bool:
    """Whether this is a report card that this version can tell; it may come from anywhere."""
    if not isinstance(report, dict) or report.get("v") != VERSION:
        return False
    try:
        return bool(as_markdown(report))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return False


def write_report(folder: str | Path, report: Mapping[str, Any]) -> Path:
    """Keep the report card in the model's folder, and put it into the model card that lies there; where it is now."""
    folder = Path(folder)
    write_json(folder / REPORT_FILE, report)
    card = folder / "README.md"
    if card.is_file():
        text = with_section(card.read_text(encoding="utf-8"), as_markdown(report))
        with replacing(card) as part:
            part.write_text(text, encoding="utf-8")
    return folder / REPORT_FILE


def value(report: Mapping[str, Any], key: str, side: str, name: str = "mean") -> float | None:
    """One number of a measure: its mean, stderr, deviation or count for "greedy", "sampled" or "human"."""
    found = report["measures"].get(key)
    found = found.get(side) if isinstance(found, Mapping) else None
    number = found.get(name) if isinstance(found, Mapping) else None
    return float(number) if isinstance(number, (int, float)) and not isinstance(number, bool) else None


def rows(report: Mapping[str, Any]) -> list[list[str]]:
    """The table: a row a measure, with its title and a cell for each of SIDES."""
    return [[m.title, *(cell(report, key, side) for side in SIDES)] for key, m in MEASURES.items()]


def cell(report: Mapping[str, Any], key: str, side: str) -> str:
    """A measure of one side as people read it: with its standard error, and its stories where those are not all."""
    measure = MEASURES[key]
    mean, stderr, count = (value(report, key, side, name) for name in ("mean", "stderr", "count"))
    if mean is None:
        return "–"
    error = f" ± {measure.error_words(stderr)}" if stderr else ""
    part = f" (of {count:,.0f})" if count is not None and count < _told(report, side) else ""
    return measure.words(mean) + error + part


def _told(report: Mapping[str, Any], side: str) -> int:
    """How many stories of one side were measured."""
    count = report["prompts"]["count"]
    return {"greedy": count, "sampled": len(report["seeds"]) * count, "human": report["human_stories"]}[side]


def as_text(report: Mapping[str, Any]) -> str:
    """The report card for a terminal."""
    table = [["measure", *SIDES.values()], *rows(report)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    return "\n".join([*lines, how(report)])


def as_markdown(report: Mapping[str, Any]) -> str:
    """The report card as a section of the model card, with its stories."""
    table = [["measure", *SIDES.values()], ["---"] * (1 + len(SIDES)), *rows(report)]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    meanings = [f"- *{m.title}*: {m.meaning}" for m in MEASURES.values()]
    return "\n".join(
        ["## Report card", "", how(report), "", *lines, "", *meanings, "", "## Stories", "", _chosen(report), ""]
        + [_story(story) for story in report["stories"]]
    ).rstrip()


def _chosen(report: Mapping[str, Any]) -> str:
    """Which stories are shown, and how each comes again."""
    length = report["settings"]["sampled"].get("max_new_tokens")
    # An older card does not say its precision: float32 unless somebody asked for another.
    flags = f"--precision {report.get('precision', 'float32')} --max-new-tokens {length} --seed N"
    again = f" `generate` writes each again by the sampling above, given its prompt and `{flags}`, N being its seed."
    return (
        "Unselected: the first prompts of the report card, each with the next of its seeds. The prompt is in bold; the "
        f"rest is the model's.{again if length else ''}"
    )


def _story(story: Mapping[str, Any]) -> str:
    end = "" if story["ended"] else " (cut: its tokens ran out)"
    return f"Seed {story['seed']}{end}:\n\n{quoted_story(story['prompt'], story['text'])}\n"


def how(report: Mapping[str, Any]) -> str:
    """How the report card was made, in sentences."""
    losses, prompts, seeds = report["losses"], report["prompts"], report["seeds"]
    return (
        f"Measured on {prompts['count']} prompts ({prompts['name']}): one story each at temperature 0, "
        f"{_told(report, 'sampled')} in all with the model's own sampling ({_sampling(report['settings']['sampled'])}; "
        f"seeds {_seeds(seeds)}), beside {report['human_stories']} validation stories of {report['data']['name']} cut "
        "in two at like places; ± is one standard error, (of 7) that only 7 of the stories have a value. "
        f"Held-out loss: {losses['val_bpb']:.4f} ± {losses['val_bpb_stderr']:.4f} bits a byte."
        f"{_overlap(report.get('overlap') or {})}"
    )


def _overlap(facts: Mapping[str, float]) -> str:
    """What of the held-out stories stands in the training stories, in a sentence; nothing where nobody looked."""
    if not facts:
        return ""
    return (
        f" Of a held-out story's runs of {facts['run_words']:,} words {100 * facts['mean_share']:.2f} % on average and "
        f"{100 * facts['highest_share']:.1f} % at most stand in the training stories; {facts['contaminated']:,} of "
        f"{facts['stories']:,} stories count as seen (more than {100 * facts['seen_above']:g} %, or whole), of which "
        f"{facts['exact']:,} stand there whole."
    )


def _seeds(seeds: Sequence[int]) -> str:
    return f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else str(seeds[0])


def _sampling(settings: Mapping[str, Any]) -> str:
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
    return ", ".join(f"{name} {settings[name]:g}" for name in names if settings.get(name) is not None)
