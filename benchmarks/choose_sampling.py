"""Which sampling settings make a model write most like people? The report card decides.

    python benchmarks/choose_sampling.py CHECKPOINT DATA_SET_FOLDER [--write]

Each setting of a grid writes a story for each prompt and seed. The rule: the finalists are the settings whose scores
have the smallest distance from people's (`slm.measures.distance`: the mean over the measures of the difference, in
standard deviations of stories by people); they write again with more seeds, and the smallest distance wins. --write
puts the winner into the model's generation_config.json. The data set is the one that the model learnt from. Prompts
that a report card is made with are better not used here, lest the card be chosen along with the settings.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import slm
from slm.data.batches import Corpus
from slm.generate import LanguageModel
from slm.measures import MEASURES, Known, Story
from slm.own_sampling import save_sampling
from slm.report import load_prompts
from slm.reporting import MOST_TOKENS, human_stories, learn, write_stories
from slm.runs import resolve
from slm.scores import LEAST_DEVIATION, Score, distance, scores

GRID: list[dict[str, Any]] = [
    *({"temperature": temperature, "top_p": 0.95} for temperature in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
    *({"temperature": temperature, "top_p": 0.9} for temperature in (0.6, 0.8, 0.9, 1.0)),
    *({"temperature": temperature, "min_p": 0.1} for temperature in (0.6, 0.8, 1.0)),
    {"temperature": 0.8, "top_k": 40},
    {"temperature": 0.6, "top_p": 0.95, "repetition_penalty": 1.1},
]
LIMITS = ("top_k", "top_p", "min_p", "repetition_penalty")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--prompts", type=Path, help="JSON list of beginnings (default: the project's own)")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--finalists", type=int, default=3)
    parser.add_argument("--final-seeds", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    folder, corpus, prompts = resolve(args.checkpoint), Corpus(args.data), load_prompts(args.prompts)
    lm = slm.load(folder, device="cpu", precision="float32")
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}; {folder}, "
    )
    print(f"{len(prompts.texts)} prompts ({prompts.name}), at most {MOST_TOKENS} tokens")
    first = trial(lm, corpus, prompts.texts, GRID, seeds=range(1, args.seeds + 1))
    best = [settings for settings, _, _ in first[: args.finalists]]
    seeds = range(args.seeds + 1, args.seeds + 1 + args.final_seeds)  # others: the first ones chose the finalists
    print(f"\nThe finalists again, with {args.final_seeds} other seeds")
    winner = trial(lm, corpus, prompts.texts, best, seeds=seeds)[0][0]
    print(f"\nChosen: {words(winner)}")
    if args.write:
        chosen = lm.sample_config(**{**dict.fromkeys(LIMITS), **winner})
        save_sampling(folder, chosen, eot_id=lm.tokenizer.eot_id)
        print(f"written to {folder / 'generation_config.json'}")


def trial(
    lm: LanguageModel, corpus: Corpus, prompts: Sequence[str], grid: Sequence[dict[str, Any]], *, seeds: range
) -> list[tuple[dict[str, Any], dict[str, Score], float]]:
    """(settings, scores, distance) of each of the grid, the nearest to people first; printed as a table."""
    told: list[list[Story]] = []
    for settings in tqdm(grid, desc="write", file=sys.stderr, disable=None):
        full = {**dict.fromkeys(LIMITS), **settings, "max_new_tokens": MOST_TOKENS}
        told.append([story for prompt in prompts for story in write_stories(lm, prompt, list(seeds), **full)])
    human = human_stories(corpus, prompts)
    known = Known()
    for progress in learn(corpus, [story.text for stories in (*told, human) for story in stories]):
        known = progress.get("known", known)
    people = scores(human, known)
    found = [(settings, scores(stories, known)) for settings, stories in zip(grid, told, strict=True)]
    ranked = sorted(((s, f, distance(f, people)) for s, f in found), key=lambda row: row[2])
    width = max(len(words(settings)) for settings in grid)
    print(" " * width, "distance     ", *(m.title for m in MEASURES.values()), sep="  ")
    for settings, card, far in ranked:
        off = distance_stderr(card, people)
        print(words(settings).ljust(width), f"{far:.3f} ± {off:.3f}", *cells(card), sep="  ", flush=True)
    print("people".ljust(width), f"{0:.3f}".ljust(13), *cells(people), sep="  ", flush=True)
    return ranked


def distance_stderr(found: Mapping[str, Score], human: Mapping[str, Score]) -> float:
    """The standard error that the model's stories leave in `slm.measures.distance`; people's are the same for all."""
    pairs = [(found[key], human[key]) for key in MEASURES if None not in (found[key].mean, human[key].mean)]
    errors = [(ours.stderr or 0.0) / max(theirs.deviation or 0.0, LEAST_DEVIATION) for ours, theirs in pairs]
    return math.hypot(*errors) / len(errors)


def cells(card: Mapping[str, Score]) -> list[str]:
    return [m.words(card[key].mean).ljust(len(m.title)) for key, m in MEASURES.items()]


def words(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{name} {value:g}" for name, value in settings.items())


if __name__ == "__main__":
    main()
