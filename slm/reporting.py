"""Making a report card: a model writes, people's stories are cut in the same way, and both are measured."""

from __future__ import annotations

import dataclasses
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from slm import __version__
from slm.data.batches import Corpus
from slm.data.copies import CopyIndex, has_index
from slm.data.known import Runs, Vocabulary, stories_of, training_text
from slm.measures import RUN_WORDS, Known, Story, words
from slm.report import VERSION, Prompts
from slm.scores import scores

if TYPE_CHECKING:
    from slm.generate import LanguageModel

FIRST_SEED = 1
MOST_TOKENS = 400  # of a continuation, so that nearly every story by people would have come to its end
HUMAN_STORIES = 100
LEAST_WORDS = 20  # that people's stories must go on for after the cut
SHOWN_STORIES = 5

Progress = Iterator[dict[str, Any]]


def make_report(
    lm: LanguageModel,
    corpus: Corpus,
    prompts: Prompts,
    *,
    losses: Mapping[str, Any],
    overlap: Mapping[str, float] | None = None,
    num_seeds: int = 4,
) -> Progress:
    """Let the model write and measure it, yielding {"stage", "done", "total"}; last also "report".

    `losses` is what `slm.evaluate.evaluate` says of the validation stories, `overlap` what `Overlap.counts` does.
    Raises ValueError where `num_seeds` is below 1 and where no validation story is long enough to be cut.
    """
    if num_seeds < 1:
        raise ValueError(f"num_seeds is {num_seeds}, the least possible is 1")
    seeds = list(range(FIRST_SEED, FIRST_SEED + num_seeds))
    human = human_stories(corpus, prompts.texts)
    told: dict[str, list[Story]] = {"greedy": [], "sampled": [], "human": human}
    sides: dict[str, dict[str, Any]] = {
        # With a penalty of the model's own it would not always be the likeliest token.
        "greedy": {"temperature": 0.0, "repetition_penalty": None, "max_new_tokens": MOST_TOKENS},
        "sampled": {"max_new_tokens": MOST_TOKENS},
    }
    for n, prompt in enumerate(prompts.texts):
        yield {"stage": "write", "done": n, "total": len(prompts.texts)}
        told["greedy"] += write_stories(lm, prompt, seeds[:1], **sides["greedy"])
        told["sampled"] += write_stories(lm, prompt, seeds, **sides["sampled"])
    known = Known()
    for progress in learn(corpus, [story.text for stories in told.values() for story in stories]):
        known = progress.pop("known", known)
        yield progress
    found = {side: scores(stories, known) for side, stories in told.items()}
    shown = range(min(SHOWN_STORIES, len(prompts.texts)))
    report = {
        "v": VERSION,
        "created": time.time(),
        "slm_version": __version__,
        "torch_version": str(torch.__version__),
        "model": lm.about.get("run"),
        "data": {"name": _data_name(lm, corpus), "fingerprint": corpus.fingerprint},
        "prompts": {"name": prompts.name, "sha256": prompts.sha256, "count": len(prompts.texts)},
        "seeds": seeds,
        "settings": {side: dataclasses.asdict(lm.sample_config(**settings)) for side, settings in sides.items()},
        "precision": "int8" if lm.int8 else "float32",
        "losses": dict(losses),
        **({"overlap": dict(overlap)} if overlap else {}),
        "human_stories": len(human),
        "measures": {key: {side: dataclasses.asdict(found[side][key]) for side in found} for key in found["human"]},
        "stories": [_shown(told["sampled"], n, seeds) for n in shown],
    }
    yield {"stage": "done", "done": 1, "total": 1, "report": report}


def _data_name(lm: LanguageModel, corpus: Corpus) -> str:
    """What the model calls the stories that it learnt from; others go by the name of their folder."""
    own = lm.about.get("data") or {}
    same = own.get("fingerprint") == corpus.fingerprint
    return str(own["name"]) if same and own.get("name") else corpus.folder.name


def _shown(sampled: Sequence[Story], n: int, seeds: Sequence[int]) -> dict[str, Any]:
    """The story of prompt n with the next of the seeds in turn."""
    turn = n % len(seeds)
    return {**dataclasses.asdict(sampled[n * len(seeds) + turn]), "seed": seeds[turn]}


def write_stories(lm: LanguageModel, prompt: str, seeds: Sequence[int], **settings: Any) -> list[Story]:
    """The model's continuations of a prompt, one a seed; the seeds follow each other."""
    limit = lm.sample_config(**settings).max_new_tokens
    texts, tokens = [""] * len(seeds), [0] * len(seeds)
    for column in lm.write_many(prompt, len(seeds), **settings, seed=seeds[0]):
        for n, new in enumerate(column):
            if new is not None:
                texts[n] += new.text
                tokens[n] += new.id is not None
    return [Story(prompt, text, count < limit) for text, count in zip(texts, tokens, strict=True)]


def human_stories(corpus: Corpus, prompts: Sequence[str], *, count: int = HUMAN_STORIES) -> list[Story]:
    """Validation stories from all over the data set, cut after as many words as the prompts have, in turn.

    What goes on for fewer than LEAST_WORDS words after the cut is left out, and MOST_TOKENS cut it as they cut a
    model's. Raises ValueError where nothing is left.
    """
    whole = list(stories_of(corpus.validation, corpus.tokenizer))
    step = max(1, -(-len(whole) // count))
    cut: list[Story] = []
    # Every so many stories one; those after them stand in for the ones that are too short.
    for story in (story for begin in range(step) for story in whole[begin::step]):
        given = len(words(prompts[len(cut) % len(prompts)]))
        places = list(re.finditer(r"\S+", story))
        if len(places) >= given + LEAST_WORDS:
            place = places[given - 1].end() if given else 0
            ids = corpus.tokenizer.encode(story[place:])
            text = corpus.tokenizer.decode(ids[:MOST_TOKENS])
            cut.append(Story(story[:place], text, len(ids) < MOST_TOKENS))
        if len(cut) == count:
            break
    if not cut:
        raise ValueError(f"no validation story of {corpus.folder.name} is long enough to be cut as the prompts are")
    return cut


def learn(corpus: Corpus, texts: Sequence[str]) -> Progress:
    """What the training stories hold of these texts; the last progress has it as "known"."""
    runs, vocabulary, total = Runs(texts, RUN_WORDS), Vocabulary(), len(corpus.train)
    yield {"stage": "training stories", "done": 0, "total": total}
    for text, done in training_text(corpus):
        told = words(text)
        runs.look_in(told)
        vocabulary.look_in(text, told)
        yield {"stage": "training stories", "done": done, "total": total}
    longest: dict[str, int] = {}
    if index := _copy_index(corpus):
        for n, text in enumerate(texts):
            yield {"stage": "copies", "done": n, "total": len(texts)}
            match = index.find(text).longest
            longest[text] = match.words if match else 0
    known = Known(frozenset(vocabulary.words), vocabulary.names(), vocabulary.sexes(), runs.copied(), longest)
    yield {"stage": "copies", "done": len(texts), "total": len(texts), "known": known}


def _copy_index(corpus: Corpus) -> CopyIndex | None:
    """The index of the training stories; None, with a warning, where the one that is there cannot be read."""
    if not has_index(corpus.folder):
        return None
    try:
        return CopyIndex(corpus.folder)
    except ValueError as error:
        warnings.warn(f"no longest copies are told: {error}", stacklevel=2)
        return None
