"""Make a run's best model the one that comes with the project: python docs/bundle.py RUN_FOLDER [--name NAME] ...

Writes checkpoints/NAME in bfloat16, half the size, with a card that tells the run's losses and every training before
it. What only this machine knows (folders, the name of its data set) is replaced by what the flags say.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slm.beginning import trainings_before
from slm.card import events_of, model_card
from slm.checkpoint import load_folder, save
from slm.runs import read_json, resolve

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--name", default="tinystories-5m")
    parser.add_argument("--source", default="tinystories", help="where a user gets the stories")
    parser.add_argument("--description", required=True, help="which stories these were")
    parser.add_argument("--hardware", required=True, help="what it was trained on")
    parser.add_argument("--command", required=True, help="what a user types to train it so")
    args = parser.parse_args()

    snapshot = resolve(args.run)
    model, tokenizer, about = load_folder(snapshot)
    record = read_json(args.run / "run.json")
    before = record.get("begun_from") or trainings_before(record["init_from"])
    about |= {
        "run": args.name,
        "data": {**about["data"], "name": args.source, "source": args.source, "description": args.description},
        "hardware": args.hardware,
        "command": args.command,
        "begun_from": before,
        "init_from": before[-1]["run"] if before else None,
    }
    target = ROOT / "checkpoints" / args.name
    save(target, model, tokenizer, about=about, dtype=torch.bfloat16)
    card = model_card(about, model.config, events_of(snapshot, about["step"]))
    (target / "README.md").write_text(card, encoding="utf-8")
    size_mb = sum(file.stat().st_size for file in target.iterdir()) / 1e6
    print(f"{target}: {size_mb:.1f} MB, step {about['step']:,}, {about['val_bpb']:.4f} bits/byte on fixed windows")


if __name__ == "__main__":
    main()
