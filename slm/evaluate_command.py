"""The `evaluate` command: loss and bits per byte, what of the stories stands in training, and the report card."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slm.config import END_OF_TEXT
from slm.folders import find_model
from slm.refusals import shown
from slm.report import Prompts, as_text, load_prompts, write_report
from slm.runs import check_name, checkpoints_dir, data_dir, resolve
from slm.texts import check_length

if TYPE_CHECKING:
    from slm.data.batches import Corpus
    from slm.evaluate import StoryLosses
    from slm.generate import LanguageModel

MOST_LISTED = 10


def named_model(args: argparse.Namespace) -> str:
    """The folder or Hub id that --checkpoint means."""
    return find_model(args.checkpoint, checkpoints_dir(args.checkpoints))


def evaluate(args: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """`evaluate`: loss and bits per byte on stories; the report card where it is asked for."""
    for asked, flag in ((args.report, "--report"), (args.overlap, "--overlap")):
        if asked and args.data is None:
            raise ValueError(f"{flag} compares with the training stories: it needs --data")
    if args.report and args.seeds < 1:  # told now, and not after the loss was measured
        raise ValueError(f"--seeds is {args.seeds}, the least possible is 1")
    corpus = _corpus(args) if args.data is not None else None
    prompts = load_prompts(args.prompts) if args.report else None
    stories = validation_stories(corpus) if corpus is not None else list(_file_stories(Path(args.text)))

    from tqdm import tqdm

    import slm
    from slm.evaluate import StoryLosses

    path = named_model(args)
    lm = slm.load(path, device=args.device, precision=args.precision)
    losses = StoryLosses(lm, tqdm(stories, disable=None, file=sys.stderr, desc="stories"))
    result = _losses(lm, losses)
    overlap = None
    if args.overlap and corpus is not None:
        overlap, result["overlap"] = _overlap(corpus, losses)
    if prompts is not None and corpus is not None:
        report = _report(lm, corpus, prompts, losses.summary(), overlap=overlap, num_seeds=args.seeds)
        place = write_report(resolve(path), report) if os.path.isdir(path) else None
        print(f"It is kept in {place}." if place else "The model is no folder here: the report is not kept.")
        result["report"] = report
    return result, 0


def _losses(lm: LanguageModel, losses: StoryLosses) -> dict[str, Any]:
    """Measure and tell the loss, with int8 weights too where the model has them."""
    from tqdm import tqdm

    from slm.evaluate import evaluate as measure

    with tqdm(disable=None, file=sys.stderr, desc="loss", total=int(losses.tokens.sum())) as bar:
        for done in losses.measure():
            bar.update(done - bar.n)
    result = losses.summary()
    print(
        f"val_loss {result['val_loss']:.4f} ± {result['val_loss_stderr']:.4f} nats a token, val_bpb "
        f"{result['val_bpb']:.4f} ± {result['val_bpb_stderr']:.4f} bits a byte, perplexity "
        f"{result['perplexity']:.2f}, over {result['tokens']:,} tokens and {result['bytes']:,} bytes."
    )
    rounded = None
    if lm.int8:
        rounded = measure(lm, losses.stories, model=lm.int8.model)["val_loss"]
        print(f"With int8 weights val_loss {rounded:.4f}, {100 * (rounded / result['val_loss'] - 1):+.2f} %.")
    return {**result, "val_loss_int8": rounded}


def _report(
    lm: LanguageModel,
    corpus: Corpus,
    prompts: Prompts,
    losses: dict[str, Any],
    *,
    overlap: dict[str, float] | None,
    num_seeds: int,
) -> dict[str, Any]:
    """Make and tell the report card."""
    from tqdm import tqdm

    from slm.reporting import make_report

    if (lm.about.get("data") or {}).get("fingerprint") != corpus.fingerprint:
        name = corpus.folder.name
        warnings.warn(f"this model learnt from other stories: copies are looked for in {name}", stacklevel=1)
    report: dict[str, Any] = {}
    stage = ""
    with tqdm(disable=None, file=sys.stderr) as bar:
        for progress in make_report(lm, corpus, prompts, losses=losses, overlap=overlap, num_seeds=num_seeds):
            if progress["stage"] != stage:
                stage = progress["stage"]
                bar.reset(total=progress["total"])
                bar.set_description(stage)
            bar.update(progress["done"] - bar.n)
            report = progress.get("report", report)
    print(as_text(report))
    return report


def _overlap(corpus: Corpus, losses: StoryLosses) -> tuple[dict[str, float], dict[str, Any]]:
    """Tell how many of the stories stand in the training stories, and the loss without them: the counts, and all."""
    from tqdm import tqdm

    from slm.data.overlap import CONTAMINATED, RUN_WORDS, Overlap

    overlap = Overlap(corpus, losses.stories)
    with tqdm(disable=None, file=sys.stderr, desc="training stories", total=len(corpus.train)) as bar:
        for done in overlap.search():
            bar.update(done - bar.n)
    bad, facts = overlap.contaminated, overlap.facts()
    print(
        f"Of {len(bad):,} stories {int(bad.sum()):,} have more than {100 * CONTAMINATED:.0f} % of their runs of "
        f"{RUN_WORDS} words in the training stories; {int(overlap.exact.sum()):,} stand there whole. A story shares "
        f"{100 * facts['mean_share']:.2f} % on average, {100 * facts['highest_share']:.1f} % at most."
    )
    for n in sorted(facts["contaminated"], key=lambda n: -overlap.shares[n])[:MOST_LISTED]:
        print(f"  {100 * overlap.shares[n]:3.0f} %  {losses.stories[n][:90]!r}")
    clean = losses.summary(~bad) if bad.any() and not bad.all() else None
    if clean is not None:
        print(f"Without them: val_loss {clean['val_loss']:.4f}, val_bpb {clean['val_bpb']:.4f}.")
    return overlap.counts(), {**facts, "without": clean}


def _corpus(args: argparse.Namespace) -> Corpus:
    from slm.data.batches import Corpus

    return Corpus(data_dir(args.data_dir) / check_name(args.data))


def validation_stories(corpus: Corpus) -> list[str]:
    """The validation stories of a data set."""
    from slm.data.known import stories_of

    return list(stories_of(corpus.validation, corpus.tokenizer))


def _file_stories(path: Path) -> Iterator[str]:
    """The stories of a file, treated as those of a data set are."""
    from slm.data.clean import clean_story
    from slm.data.readers import SUFFIXES, read_stories

    if not os.path.isfile(path) or path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{shown(path)} is no file of stories that can be read ({', '.join(SUFFIXES)})")
    advice = f"part the stories in it by lines of {END_OF_TEXT}"
    for number, story in enumerate(read_stories(path), start=1):
        check_length(story, f"story {number:,} of {path}", advice=advice)
        yield clean_story(story)[0]
