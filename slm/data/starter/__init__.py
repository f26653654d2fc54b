"""Starter stories: short tales made up on the spot, for a machine that has no network to fetch others from.

Read `cast` and `words` for who and what appears, `beats` and `details` for what plots share, then any
`plots_*`.
"""
from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from slm.data.starter import (
    plots_doing,
    plots_fears,
    plots_food,
    plots_friends,
    plots_home,
    plots_honesty,
    plots_lost,
    plots_nature,
    plots_sky,
)
from slm.data.starter.cast import Character
from slm.data.starter.flow import vary_speech, with_pronouns
from slm.data.starter.scene import Scene

__all__ = ["PLOTS", "Story", "stories", "tell"]

PLOTS: dict[str, Callable[[Scene], list[str]]] = {plot.__name__: plot for plot in (
    plots_lost.lost_toy, plots_lost.treasure_map, plots_lost.market_trip, plots_lost.lost_lamb,
    plots_friends.new_friend, plots_friends.sharing, plots_honesty.promise_kept, plots_honesty.truth_told,
    plots_friends.the_race,
    plots_fears.fear_of_the_dark, plots_fears.thunder, plots_fears.noise_in_the_night, plots_fears.first_day,
    plots_nature.planting_a_seed, plots_nature.first_snow, plots_sky.catching_the_moon,
    plots_nature.helper_in_the_rain, plots_sky.wish_to_fly,
    plots_home.birthday_surprise, plots_home.birthday_present, plots_home.new_sibling,
    plots_home.broken_thing, plots_home.rainy_day_ship,
    plots_doing.learning_a_skill, plots_food.spoiled_picnic, plots_food.baking_day, plots_doing.stuck_kite,
    plots_doing.stage_fright,
)}
LONGEST_WORDS = 220


@dataclass(frozen=True)
class Story:
    """A story with the name of its plot and everybody who has a name in it."""

    plot: str
    cast: tuple[Character, ...]
    text: str


def tell(plot: str, rng: random.Random, *, genders: Sequence[str] = ("he", "she")) -> Story:
    """Tell one story of the named plot; paragraphs are separated by a blank line.

    `genders` limits the cast: with ("she",) everybody is "she". Raises KeyError for an unknown plot.
    """
    scene = Scene(rng, genders)
    paragraphs = [vary_speech(with_pronouns(told, scene.cast), scene) for told in PLOTS[plot](scene)]
    return Story(plot, tuple(scene.cast), "\n\n".join(paragraphs))


def stories(seed: int, count: int) -> Iterator[str]:
    """Yield `count` different stories; one seed gives one sequence, and a larger count only adds to it."""
    rng = random.Random(seed)
    names = tuple(PLOTS)
    seen: set[bytes] = set()
    while len(seen) < count:
        story = tell(names[int(rng.random() * len(names))], rng).text
        if len(story.split()) > LONGEST_WORDS:
            continue
        digest = hashlib.blake2b(story.encode(), digest_size=12).digest()
        if digest not in seen:
            seen.add(digest)
            yield story
