"""The `copied` command: which stretches of a story stand in the stories that a model learnt from."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.folders import find_model
from slm.refusals import shown
from slm.runs import check_name, checkpoints_dir, data_dir, trained_on
from slm.texts import check_length

if TYPE_CHECKING:
    from slm.data.copies import Copied


def copied(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """`copied`: the longest stretches that a story shares with the training stories."""
    from slm.data.copies import CopyIndex, has_index, index_mb

    folder = _data_folder(args)
    text = None if args.text is None else _story(args.text)
    if args.rebuild or not has_index(folder):
        _build(folder)
    if text is None:
        return {"data": folder.name, "index_mb": index_mb(folder)}, 0
    found = CopyIndex(folder).find(text)
    print(told(found))
    return {"data": folder.name, **dataclasses.asdict(found)}, 0


def _story(name: str) -> str:
    """The text of the file of this name, or of what is typed; what is wrong with it is told before an index is made."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no UTF-8 text") from None
    check_length(text, name, advice="look for a part of it at a time")
    return text


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
    if not os.path.isdir(model):
        raise ValueError(f"there is no run or model {shown(args.checkpoint)!r} here; --data names a data set itself")
    data = trained_on(model)
    return find_dataset(places, fingerprint=data["fingerprint"], name=data["name"])


def _build(folder: Path) -> None:
    from tqdm import tqdm

    from slm.data.batches import Corpus
    from slm.data.copies import build_index

    with tqdm(disable=None, file=sys.stderr, desc="index", total=len(Corpus(folder).train)) as bar:
        for done in build_index(folder):
            bar.update(done - bar.n)
