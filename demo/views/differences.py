"""What differs between runs: their settings side by side, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from demo.views.words import BITS_PER_BYTE, NOTHING, VALIDATION_LOSS, compact, duration, escape, get, note, number
from slm.config import ModelConfig, TrainConfig
from slm.fields import field_doc, field_kinds

GENERAL = {
    "preset": "The shape and settings that it began with.",
    "data": "The stories that it learnt from.",
    "seed": "Which chances it took: the first weights and the order of the stories.",
    "slm_version": "The version of this program.",
}
RESULTS = {
    "val_loss": (f"best {VALIDATION_LOSS}", "On stories it has not seen, in nats per token; lower is better."),
    "val_bpb": (BITS_PER_BYTE, "The same, comparable between vocabularies; lower is better."),
    "tokens": ("tokens seen", "How much it read."),
    "elapsed_s": ("time", "How long it trained."),
}


def differences(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """(name, meaning, value of each run) of every setting that is not the same in all of these run.json records."""
    rows = [(name, meaning, [_general(record, name) for record in records]) for name, meaning in GENERAL.items()]
    for room, config in (("model", ModelConfig), ("train", TrainConfig)):
        for name in field_kinds(config):
            if name != "seed":
                values = [_word((record.get(room) or {}).get(name)) for record in records]
                rows.append((name.replace("_", " "), field_doc(config, name), values))
    return [row for row in rows if len(set(row[2])) > 1]


def _general(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if isinstance(value, Mapping):  # a data set may be made anew under the same name
        value = " ".join(str(word) for word in (value.get("name"), str(value.get("fingerprint") or "")[:6]) if word)
    return _word(value)


def _word(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def differences_html(summaries: Sequence[Any], records: Sequence[Mapping[str, Any]]) -> str:
    """A table of what differs, a column a run; a hint where fewer than two are chosen."""
    if len(summaries) < 2:
        return note("Choose two runs or more under Curves, and what differs between them stands here.")
    rows = differences(records)
    head = "".join(f"<th scope='col'>{escape(get(run, 'name', ''))}</th>" for run in summaries)
    body = "".join(_row(*row) for row in rows) or (
        f"<tr><td colspan='{len(summaries) + 1}'>All their settings are the same.</td></tr>"
    )
    results = "".join(
        _row(label, meaning, [_result(name, get(run, name)) for run in summaries])
        for name, (label, meaning) in RESULTS.items()
    )
    return (
        "<section class='slm'><h3 class='slm-minor'>What differs</h3><div class='slm-scroll' tabindex='0'>"
        f"<table class='slm-table slm-differences'><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>"
        f"<tbody class='slm-results'>{results}</tbody></table></div></section>"
    )


def _result(name: str, value: Any) -> str:
    if value is None:
        return NOTHING
    return {"tokens": compact, "elapsed_s": duration}.get(name, lambda v: number(v, 3))(value)


def _row(name: str, meaning: str, values: Sequence[str]) -> str:
    cells = "".join(f"<td>{escape(value)}</td>" for value in values)
    return f"<tr><th scope='row'>{escape(name)} <small>{escape(meaning)}</small></th>{cells}</tr>"
