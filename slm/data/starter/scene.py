"""One story in the making: the dice it is thrown with and the characters met so far."""
from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from slm.data.starter.cast import CHILD_HOMES, ELDERS, SPECIES, Character
from slm.data.starter.grammar import plural
from slm.data.starter.words import ANIMAL_NAMES, BAKED, BOYS, COLORS, GIRLS, SURNAMES, TRADES, Thing

T = TypeVar("T")


def _sound_alike(name: str, other: str) -> bool:
    return name[:2] == other[:2] or name[-3:] == other[-3:]


class Scene:
    """The dice and the cast of one story.

    Only `random.random()` is drawn from, because Python promises its sequence for every version.
    `genders` limits whom the story may meet ("he", "she").
    """

    def __init__(self, rng: random.Random, genders: Sequence[str] = ("he", "she")) -> None:
        self._random = rng.random
        self.genders = tuple(genders)
        self.cast: list[Character] = []

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._random() < probability

    def pick(self, bank: Sequence[T]) -> T:
        """Return one item, all equally likely."""
        return bank[int(self._random() * len(bank))]

    def some(self, bank: Sequence[T], count: int) -> list[T]:
        """Return `count` different items in random order."""
        chosen: list[T] = []
        while len(chosen) < count:
            item = self.pick(bank)
            if item not in chosen:
                chosen.append(item)
        return chosen

    def one(self, *options: str) -> str:
        """Return one of several ways to tell the same beat."""
        return self.pick(options)

    def maybe(self, sentence: str, probability: float = 0.5) -> str:
        """Return the sentence or nothing."""
        return sentence if self.chance(probability) else ""

    def describe(self, thing: Thing) -> str:
        """Return the thing with one or two adjectives that suit it, without an article."""
        look = self.pick(thing.looks)
        if not thing.colored:
            return f"{look} {thing.name}"
        color = self.pick(COLORS)
        return self.one(f"{look} {thing.name}", f"{color} {thing.name}", f"{look} {color} {thing.name}")

    def child(self) -> Character:
        """Cast a girl or a boy whose name is new to the story."""
        he = self.pick(self.genders)
        names, kind = (BOYS, "boy") if he == "he" else (GIRLS, "girl")
        return self._enter(Character(self._new(names), kind, he, self.pick(CHILD_HOMES),
                treat=plural(self.pick(BAKED))))

    def animal(self) -> Character:
        """Cast an animal of a kind and a name that are new to the story."""
        met = [character.kind for character in self.cast]
        species = self.pick([each for each in SPECIES if each.name not in met])
        he = self.pick(self.genders)
        return self._enter(Character(self._new(ANIMAL_NAMES[he]), species.name, he, species.home, "paw",
                species.moved, species.treat, animal=True))

    def hero(self) -> Character:
        """Cast a child or, a little less often, an animal."""
        return self.child() if self.chance(0.6) else self.animal()

    def friend(self, hero: Character) -> Character:
        """Cast somebody of the hero's own world: a child for a child, an animal for an animal."""
        return self.animal() if hero.animal else self.child()

    def elder(self) -> Character:
        """Cast one of the hero's family: `name` is what the hero says, `kind` is mother, grandfather, ..."""
        he = self.pick(self.genders)
        name, kind = self.pick(ELDERS[he])
        return self._enter(Character(name, kind, he))

    def neighbor(self, trades: Sequence[str] = TRADES) -> Character:
        """Cast a grown-up from the village; the kind is the trade, one of `trades`."""
        he = self.pick(self.genders)
        title = "Mr." if he == "he" else self.one("Mrs.", "Miss")
        return self._enter(Character(f"{title} {self.pick(SURNAMES)}", self.pick(trades), he))

    def _new(self, names: Sequence[str]) -> str:
        taken = [character.name for character in self.cast]
        told_apart = [name for name in names if not any(_sound_alike(name, other) for other in taken)]
        return self.pick(told_apart or [name for name in names if name not in taken])

    def _enter(self, character: Character) -> Character:
        self.cast.append(character)
        return character
