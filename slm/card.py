"""The model card: what a checkpoint folder says of itself on the Hub, filled from slm.json and the run's events."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slm.config import TINYSTORIES_HUB_IDS, ModelConfig, parameter_count
from slm.runs import after_resume, read_events

MOST_ROWS = 10  # of the table of losses
REPORT_MARKS = ("<!-- report card -->", "<!-- end of the report card -->")
Event = Mapping[str, Any]


def events_of(folder: Path, step: int | None) -> list[dict[str, Any]]:
    """The events up to `step` of the run that this folder is a snapshot of; none where it is no run's snapshot."""
    if folder.parent.name != "snapshots" or step is None:
        return []
    events, _ = read_events(folder.parent.parent)
    return [event for event in after_resume(events) if event["step"] <= step]


def model_card(about: Mapping[str, Any], config: ModelConfig, events: Sequence[Event] = ()) -> str:
    """README.md of a checkpoint: YAML front matter for the Hub, then what a reader wants to know.

    `about` is slm.json; what it does not say is left out, and so are losses and story where `events` has none.
    """
    parts = [
        _front_matter(about, config),
        f"# {_line(about.get('run') or 'A small language model')}",
        "A small language model that writes stories, trained from scratch.",
        _facts(about, config),
        _trainings(about),
        _story([event for event in events if event["kind"] == "sample"]),
        _losses(events),
        _use(about),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def data_licence(source: str) -> str:
    """The licence of the stories of a source, as far as it is known."""
    if "tinystories" in source.lower().replace(" ", ""):
        return "CDLA-Sharing-1.0 (TinyStories, Eldan and Li 2023)"
    if source == "starter":
        return "MIT (made up by this project)"
    if hub_id := data_hub_id(source):
        return f"the one that https://huggingface.co/datasets/{hub_id} states"
    return "that of the texts it was given"


def data_hub_id(source: str) -> str | None:
    """The Hub's id of a source; None for stories from elsewhere. A relative path of two words counts as its file."""
    if source in TINYSTORIES_HUB_IDS:
        return TINYSTORIES_HUB_IDS[source]
    return source if re.fullmatch(r"\w[\w.-]*/[\w.-]+", source) and not Path(source).exists() else None


def _front_matter(about: Mapping[str, Any], config: ModelConfig) -> str:
    hub_id = data_hub_id(_source(about))
    datasets = f"\ndatasets: [{hub_id}]" if hub_id else ""
    return f"""---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [slm, {config.architecture}]{datasets}
---"""


def _facts(about: Mapping[str, Any], config: ModelConfig) -> str:
    data = about.get("data") or {}
    val_loss, val_bpb, elapsed_s = about.get("val_loss"), about.get("val_bpb"), about.get("elapsed_s")
    windows = (about.get("train") or {}).get("eval_windows")
    looked_at = f", on {windows:,} pieces of held-out stories" if isinstance(windows, int) else ""
    rows = {
        "architecture": f"{config.architecture}, {config.n_layer} x {config.n_embd}, context {config.block_size}",
        "parameters": f"{parameter_count(config):,}",
        "vocabulary": f"{config.vocab_size:,} tokens",
        "data": _description(about) if data else "unknown",
        "licence of the data": data_licence(_source(about)) if data else "unknown",
        "begun from": Path(about["init_from"]).name if about.get("init_from") else None,
        "tokens seen": f"{about['tokens']:,}" if about.get("tokens") is not None else None,
        "updates": f"{about['step']:,}" if about.get("step") is not None else None,
        "time": f"{elapsed_s / 60:.1f} minutes" if elapsed_s is not None else None,
        "hardware": about.get("hardware"),
        "validation loss": f"{val_loss:.4f} nats a token{looked_at}" if val_loss is not None else None,
        "bits per byte": f"{val_bpb:.4f}" if val_bpb is not None else None,
        "seed": about.get("seed"),
        "command": f"`{about['command']}`" if about.get("command") else None,
    }
    return _table(["", ""], [[key, _line(value)] for key, value in rows.items() if value is not None])


def _trainings(about: Mapping[str, Any]) -> str:
    """A row for each training that made the model; nothing where this one began anew."""
    if not about.get("begun_from"):
        return ""
    told = [*about["begun_from"], about]
    rows = [
        [
            _line(one.get("run", "")),
            _line("" if one.get("seed") is None else one["seed"]),
            *("" if one.get(name) is None else f"{one[name]:,}" for name in ("step", "tokens")),
            "" if one.get("elapsed_s") is None else f"{one['elapsed_s'] / 60:.1f}",
            _number(one.get("val_bpb")),
            f"`{_line(one['command'])}`" if one.get("command") else "",
        ]
        for one in told
    ]
    tokens, seconds = (sum(one.get(name) or 0 for one in told) for name in ("tokens", "elapsed_s"))
    lead = f"It was trained {len(told)} times, each time on from the weights of the last: "
    lead += f"{tokens:,} tokens in {seconds / 60:.1f} minutes together."
    head = ["training", "seed", "updates", "tokens", "minutes", "bits per byte", "command"]
    return f"## Trainings\n\n{lead}\n\n{_table(head, rows)}"


def _source(about: Mapping[str, Any]) -> str:
    data = about.get("data") or {}
    return str(data.get("source") or data.get("description") or "")


def _description(about: Mapping[str, Any]) -> str:
    """What the data set says of itself, without the folders of the machine it was made on."""
    data = about["data"]
    text, source = str(data.get("description") or data.get("name")), str(data.get("source") or "")
    return text.replace(source, Path(source).name) if Path(source).is_absolute() else text


def _story(samples: Sequence[Event]) -> str:
    """The last story told while training."""
    if not samples:
        return ""
    last = samples[-1]
    told = quoted_story(last["prompt"], last["text"])
    return f"## A story\n\nThe beginning of one, written at step {last['step']:,}, seed {last['seed']}:\n\n{told}"


def _losses(events: Sequence[Event]) -> str:
    """A table of the evaluations: all where they are few, else some at growing distances, the last one always."""
    tokens = {event["step"]: event["tokens"] for event in events if event["kind"] == "train"}
    rows = [event for event in events if event["kind"] == "eval"]
    if not rows:
        return ""
    if len(rows) > MOST_ROWS:
        ratio = (len(rows) - 1) ** (1 / (MOST_ROWS - 1))
        chosen = {0, len(rows) - 1, *(round(ratio**i) for i in range(1, MOST_ROWS - 1))}
        rows = [rows[i] for i in sorted(chosen)]
    cells = [
        [
            f"{e['step']:,}",
            f"{tokens[e['step']]:,}" if e["step"] in tokens else "",
            *(_number(e.get(name)) for name in ("train_loss", "val_loss", "val_bpb")),
        ]
        for e in rows
    ]
    head = ["updates", "tokens", "training loss", "validation loss", "bits per byte"]
    return "## Losses\n\nIn nats a token, and in bits per byte of the stories.\n\n" + _table(head, cells)


def _use(about: Mapping[str, Any]) -> str:
    version = f" Made with slm {_line(about['slm_version'])}." if about.get("slm_version") else ""
    return f"""## Use

```python
import slm
print(slm.load("path/to/this/folder").generate("Once upon a time"))
```

It also loads with `transformers.AutoModelForCausalLM` and `AutoTokenizer`. It knows nothing but the texts it was
trained on, and invents freely.{version}"""


def with_section(card: str, section: str) -> str:
    """The card with this section between its marks, in place of an earlier one; a new one stands before "Use"."""
    begin, end = REPORT_MARKS
    marked = f"{begin}\n{section}\n{end}"
    if begin in card and end in card:
        before, _, rest = card.partition(begin)
        return before + marked + rest.partition(end)[2]
    before, use, after = card.partition("## Use\n")
    return f"{before.rstrip()}\n\n{marked}\n" + (f"\n{use}{after}" if use else "")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _line(value: Any) -> str:
    """A value as one line of a table's cell."""
    return " ".join(str(value).split()).replace("|", "\\|")


def quoted_story(prompt: str, text: str) -> str:
    """A story as a quotation, its beginning in bold; no character of it becomes markup."""
    begin = "".join(_bold(line) for line in prompt.splitlines(keepends=True))
    last, rest = prompt[-1:], plain_text(text)
    if last.strip() and not last.isalnum() and text[:1].isalnum():
        # Bold that ends with a mark ends before a space or another mark only: the letter is written as its number.
        rest = f"&#{ord(text[0])};{plain_text(text[1:])}"
    return "\n".join(f"> {line.strip()}".rstrip() for line in (begin + rest).splitlines())


def _bold(line: str) -> str:
    """A line in bold: what is bold in Markdown neither goes on in the next paragraph nor has a space at its edge."""
    told = line.strip()
    return line.replace(told, f"**{plain_text(told)}**") if told else line


def plain_text(text: str) -> str:
    """A text whose every character is shown as it is."""
    return re.sub(r"([\\`*_\[\]#|~])", r"\\\1", html.escape(text, quote=False))
