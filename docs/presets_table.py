"""What the presets came to: python docs/presets_table.py RUN_OR_CHECKPOINT_FOLDER ... [--hardware TEXT]

Each folder's best model tells one story with seed 1, whatever it is, and its slm.json says the rest. Both go into
demo/static/presets.json, where they replace what stood there of the same preset; the table between the marks in
README.md and the help in the Train tab are made from that file. Without a folder only the table is made anew.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from demo.views.presets import MEASURED_FILE, measured  # noqa: E402
from demo.views.words import compact, duration  # noqa: E402
from slm.config import PRESETS  # noqa: E402
from slm.files import read_json, replacing, write_json  # noqa: E402
from slm.runs import resolve  # noqa: E402

MARKS = ("<!-- presets: docs/presets_table.py -->", "<!-- end of presets -->")
PROMPT, SEED = "Once upon a time", 1
SENTENCES = re.compile(r"(?:.+?[.!?…][\"'”’)]*(?=\s|$)\s*){1,2}", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--hardware", help="what they were trained on, in place of what their slm.json says")
    args = parser.parse_args()
    known = dict(measured())
    for folder in args.folders:
        name, facts = result(folder, hardware=args.hardware)
        known[name] = facts
        print(f"{name}: {facts['val_bpb']:.3f} bits a byte after {duration(facts['elapsed_s'])}")
    known = {name: known[name] for name in PRESETS if name in known}
    write_json(MEASURED_FILE, known)
    readme = ROOT / "README.md"
    text = with_table(readme.read_text(encoding="utf-8"), table(known))
    with replacing(readme) as part:
        part.write_text(text, encoding="utf-8")


def result(folder: Path, *, hardware: str | None = None) -> tuple[str, dict[str, Any]]:
    """The preset of a folder's best model, and what it came to. ValueError where its slm.json does not say."""
    import slm

    place = resolve(folder)
    about = read_json(place / "slm.json")
    if about.get("preset") not in PRESETS or about.get("val_bpb") is None:
        raise ValueError(f"{place / 'slm.json'} names no preset and no loss")
    trainings = [*(about.get("begun_from") or []), about]
    lm = slm.load(place, device="cpu", precision="float32")
    told = lm.generate(PROMPT, seed=SEED)
    return about["preset"], {
        "parameters": sum(p.numel() for p in lm.model.parameters()),
        "elapsed_s": sum(one.get("elapsed_s") or 0.0 for one in trainings),
        "tokens": sum(one.get("tokens") or 0 for one in trainings),
        "hardware": hardware or about.get("hardware"),
        "val_bpb": about["val_bpb"],
        "seed": SEED,
        "story": first_sentences(told),
    }


def first_sentences(story: str) -> str:
    """The first two sentences of a story in one line; all of it where it has no more."""
    found = SENTENCES.match(story)
    return " ".join((found[0] if found else story).split())


def table(known: Mapping[str, Mapping[str, Any]]) -> str:
    """The presets that were measured as a Markdown table."""
    head = ["preset", "parameters", "time", "hardware", "bits a byte", "how its story with seed 1 begins"]
    rows = [
        [
            f"`{name}`", compact(m["parameters"]), duration(m["elapsed_s"]), m["hardware"] or "",
            f"{m['val_bpb']:.3f}", m["story"],
        ]
        for name, m in known.items()
    ]  # fmt: skip
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def with_table(readme: str, made: str) -> str:
    """The README with the table between its marks. ValueError where the marks are not there."""
    begin, end = MARKS
    if begin not in readme or end not in readme:
        raise ValueError(f"README.md lacks the marks {begin} and {end}")
    before, _, rest = readme.partition(begin)
    return f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    main()
