"""The `copied` command: which stretches of a story stand in the stories that a model learnt from."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.folders import find_model
from slm.runs import check_name, checkpoints_dir, data_dir, trained_on

if TYPE_CHECKING:
    from slm.data.copies import Copied


def copied(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """`copied`: the longest stretches that a story shares with the training stories."""
    from slm.data.copies import CopyIndex, has_index, index_mb

    folder = _data_folder(args)
    if args.rebuild or not has_index(folder):
        _build(folder)
    if args.text is None:
        return {"data": folder.name, "index_mb": index_mb(folder)}, 0
    file = Path(args.text)
    try:
        text = sys.stdin.read() if args.text == "-" else file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"there is no file {file}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is no UTF-8 text") from None
    found = CopyIndex(folder).find(text)
    print(told(found))
    return {"data": folder.name, **dataclasses.asdict(found)}, 0


def told(found: Copied) -> str:
    """What was found, in sentences."""
    from slm.data.copies import LEAST_TOKENS

    if found.longest is None:
        return "Nothing of this text stands in the training stories."
    lines = [
        f"The longest stretch that also stands in a training story has {found.longest.words} words "
        f"(a story the model has never seen shares {found.usual_words:g}):",
        f"  {found.longest.text.strip()!r}",
        f"{100 * found.share:.0f} % of the text stands in such stretches of at least {LEAST_TOKENS} tokens, "
        f"{len(found.matches)} in all.",
    ]
    others = [match for match in found.matches if match != found.longest]
    lines += [f"  {match.words:>3} words: {match.text.strip()!r}" for match in others]
    return "\n".join(lines)


def _data_folder(args: argparse.Namespace) -> Path:
    from slm.data.batches import Corpus
    from slm.data.prepare import find_dataset

    places = data_dir(args.data_dir)
    if args.data is not None:
        return Corpus(places / check_name(args.data)).folder
    model = Path(find_model(args.checkpoint, checkpoints_dir(args.checkpoints)))
    if not model.is_dir():
        raise ValueError(f"there is no run or model {args.checkpoint!r} here; --data names a data set itself")
    data = trained_on(model)
    return find_dataset(places, fingerprint=data["fingerprint"], name=data["name"])


def _build(folder: Path) -> None:
    from tqdm import tqdm

    from slm.data.batches import Corpus
    from slm.data.copies import build_index

    with tqdm(disable=None, file=sys.stderr, desc="index", total=len(Corpus(folder).train)) as bar:
        for done in build_index(folder):
            bar.update(done - bar.n)
