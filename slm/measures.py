"""How good is a story? Each measure is a pure function of one story and of what the training stories hold.

The first sentence of a docstring is what people are shown, the rest defines the measure. A number means something only
beside what stories by people score, cut in two and measured in the same way (`slm.report` does so).
"""

from __future__ import annotations

import inspect
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slm.word_lists import COMMON, CREATURES, FEMALE_NOUNS, FEMALE_PRONOUNS, MALE_NOUNS, MALE_PRONOUNS

RUN_WORDS = 8  # of a run that counts as copied
DISTINCT_WORDS = 100  # looked at for variety, so that a longer story is not the less varied for it
LOOP_WORDS, LOOP_TIMES = 12, 3
LOOP_SENTENCE_WORDS = 6  # shorter ones, such as who says what, return in good stories too

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ENDS = re.compile(r"[.!?…]['\"”’)*]*$")
_SENTENCE = re.compile(r"[.!?…]+['\"”’)]*\s+|\n+")
_CAPITAL = re.compile(r"\b[A-Z][a-z]+\b")
_INSIDE = re.compile(r"[a-z,] $")  # before a word in the middle of a sentence
# Words that bring a newcomer into a story when they stand before the first mention of the name.
_INTRODUCES = re.compile(
    r"(?:\b(?:named|called|name|is|was|am|i'm|friends?|brother|sister|cousin|boy|girl|man|woman|lady|dog|cat|bear|"
    r"bunny|rabbit|bird|mouse|fox|frog|fish|duck|puppy|kitten|doll|uncle|aunt|teacher|neighbou?r)|\bmr\.?|\bmrs\.?|"
    r"\bmiss)[\s:,\"“']*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Story:
    """How a story begins, how it goes on, and whether it came to its end by itself."""

    prompt: str
    text: str
    ended: bool


@dataclass(frozen=True)
class Known:
    """What the training stories hold.

    `words` are theirs in lower case, `names` the names of people in them, `sexes` maps names to "female" or "male";
    `copied` holds the runs of RUN_WORDS words that they share with the stories that are measured, `longest_copies` the
    words of each measured text's longest stretch that stands in a training story (`slm.data.copies`).
    """

    words: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    sexes: Mapping[str, str] = field(default_factory=dict)
    copied: frozenset[tuple[str, ...]] = frozenset()
    longest_copies: Mapping[str, int] = field(default_factory=dict)


def words(text: str) -> list[str]:
    """The words of a text in lower case; a word is letters, apostrophes between them included."""
    return WORD.findall(text.lower().replace("’", "'"))


def runs(text: str, size: int = RUN_WORDS) -> list[tuple[str, ...]]:
    """Every run of `size` neighbouring words, punctuation apart."""
    told = words(text)
    return [tuple(told[i : i + size]) for i in range(len(told) - size + 1)]


def ends_properly(story: Story, known: Known) -> float | None:
    """The story comes to an end by itself, with a whole last sentence.

    1 where the model wrote end-of-text before its tokens ran out and the last character before it ends a sentence (a
    closing quote may follow), else 0.
    """
    return float(story.ended and bool(_ENDS.search(story.text.rstrip())))


def real_words(story: Story, known: Known) -> float | None:
    """The share of its words that exist: they stand somewhere in the training stories.

    Words as `words` gives them; None without one.
    """
    told = words(story.text)
    return _share(word in known.words for word in told)


def distinct_2(story: Story, known: Known) -> float | None:
    """The share of different pairs among its pairs of neighbouring words: low where it says the same again.

    Distinct-2 (Li et al. 2016, section 5), over the first DISTINCT_WORDS words; None for fewer than half of them.
    """
    told = words(story.text)[:DISTINCT_WORDS]
    if len(told) < DISTINCT_WORDS // 2:
        return None
    pairs = list(itertools.pairwise(told))
    return len(set(pairs)) / len(pairs)


def loops(story: Story, known: Known) -> float | None:
    """The story runs in circles: it says a sentence three times over, or repeats some words again and again.

    1 where a sentence of LOOP_SENTENCE_WORDS or more stands LOOP_TIMES times in it, or where LOOP_WORDS words or more
    in a row are a shorter group of words said LOOP_TIMES times or oftener; else 0.
    """
    sentences = [tuple(words(part)) for part in _SENTENCE.split(story.text)]
    long = [sentence for sentence in sentences if len(sentence) >= LOOP_SENTENCE_WORDS]
    if any(long.count(sentence) >= LOOP_TIMES for sentence in set(long)):
        return 1.0
    told = words(story.text)
    return float(any(_longest_period(told, n) >= max(LOOP_WORDS, LOOP_TIMES * n) for n in range(1, 30)))


def _longest_period(told: Sequence[str], n: int) -> int:
    """Words of the longest stretch in which every word is the one `n` places before it."""
    best = length = 0
    for word, before in zip(told[n:], told, strict=False):
        length = length + 1 if word == before else 0
        best = max(best, length)
    return best + n if best else 0


def names_stay(story: Story, known: Known) -> float | None:
    """The share of names in the continuation whose bearers are known: nobody is renamed, nobody comes from nowhere.

    Of all mentions of names (`known.names`, and capitals in the middle of a sentence that are no word of the training
    stories), those whose name stands in the prompt, or was introduced when it first came: after "named", "friend",
    "Mr." and their like (_INTRODUCES). None where no name is mentioned or the prompt has none.
    """
    whole, begin = story.prompt + story.text, len(story.prompt)
    mentions = _names(whole, known)
    there = {name for place, name in mentions if place < begin}
    strangers: set[str] = set()
    if not there:
        return None
    for place, name in mentions:
        if name not in there | strangers:
            (there if _INTRODUCES.search(whole, max(0, place - 20), place) else strangers).add(name)
    return _share(name in there for place, name in mentions if place >= begin)


def _names(text: str, known: Known) -> list[tuple[int, str]]:
    """Where names stand in a text: known ones, and unknown words with a capital inside a sentence somewhere."""
    capitals = list(_CAPITAL.finditer(text))
    names = {
        found[0]
        for found in capitals
        if found[0] in known.names
        or (_INSIDE.search(text, max(0, found.start() - 2), found.start()) and found[0].lower() not in known.words)
    }
    return [(found.start(), found[0]) for found in capitals if found[0] in names]


def prompt_words(story: Story, known: Known) -> float | None:
    """The share of the prompt's words of meaning that the continuation takes up again.

    Different words of three letters or more that are neither COMMON nor names (as in `names_stay`). They are compared
    without 's, without one ending (ing, ed, es, s, y, e) and with one of two equal letters at the end. None where the
    prompt has none.
    """
    names = {name.lower() for _, name in _names(story.prompt, known)}
    told = (w for w in words(story.prompt) if len(w) > 2 and w.removesuffix("'s") not in names)
    asked = {_stem(w) for w in told if w not in COMMON}
    given = {_stem(w) for w in words(story.text)}
    return _share(word in given for word in asked)


def _stem(word: str) -> str:
    stem = word.removesuffix("'s")
    for ending in ("ing", "ed", "es", "s", "y", "e"):
        if stem.endswith(ending) and len(stem) - len(ending) >= 3:
            stem = stem.removesuffix(ending)
            break
    return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem


def pronouns_agree(story: Story, known: Known) -> float | None:
    """The share of "he" and "she" that suits the people of the story, where all of them are girls or all are boys.

    The people are FEMALE_NOUNS, MALE_NOUNS and names of known sex in prompt and continuation. None where there are
    both or neither, where CREATURES or names of unknown sex may be meant, or where no such pronoun comes.
    """
    whole = story.prompt + story.text
    told = set(words(whole))
    people = {known.sexes.get(name) for _, name in _names(whole, known)}
    if None in people or CREATURES & {word.removesuffix("'s").removesuffix("s") for word in told}:
        return None
    female, male = "female" in people or FEMALE_NOUNS & told, "male" in people or MALE_NOUNS & told
    if bool(female) == bool(male):
        return None
    right = FEMALE_PRONOUNS if female else MALE_PRONOUNS
    return _share(word in right for word in words(story.text) if word in FEMALE_PRONOUNS | MALE_PRONOUNS)


def own_runs(story: Story, known: Known) -> float | None:
    """The share of its runs of eight words that stand in no training story: what it did not copy.

    n-gram novelty (McCoy et al. 2023, section 4) at RUN_WORDS words, over the continuation, punctuation and capitals
    left out; None where it is shorter.
    """
    return _share(run not in known.copied for run in runs(story.text))


def longest_copy(story: Story, known: Known) -> float | None:
    """The words of the longest stretch that stands, letter for letter, in one training story.

    As `python -m slm copied` finds it, in the continuation alone; None without an index of the training stories.
    """
    return float(known.longest_copies[story.text]) if story.text in known.longest_copies else None


def _share(hits: Iterable[bool]) -> float | None:
    hits = list(hits)
    return sum(hits) / len(hits) if hits else None


@dataclass(frozen=True)
class Measure:
    """A measure with its name for people; `is_share` tells a share from a number of words."""

    title: str
    of: Callable[[Story, Known], float | None]
    is_share: bool = True
    low_is_good: bool = False

    @property
    def meaning(self) -> str:
        """What it measures, in one sentence."""
        return " ".join((inspect.getdoc(self.of) or "").partition("\n\n")[0].split())

    def words(self, value: float | None) -> str:
        """A value as people read it."""
        if value is None or not math.isfinite(value):
            return "–"
        return f"{100 * value:.1f} %" if self.is_share else f"{value:.1f} words"

    def error_words(self, stderr: float) -> str:
        """A standard error, in the unit of `words`."""
        return f"{100 * stderr if self.is_share else stderr:.1f}"


MEASURES: dict[str, Measure] = {
    "ends_properly": Measure("ends properly", ends_properly),
    "real_words": Measure("real words", real_words),
    "distinct_2": Measure("different word pairs", distinct_2),
    "loops": Measure("runs in circles", loops, low_is_good=True),
    "names_stay": Measure("names stay", names_stay),
    "prompt_words": Measure("takes the prompt up", prompt_words),
    "pronouns_agree": Measure("he and she agree", pronouns_agree),
    "own_runs": Measure("eight words of its own", own_runs),
    "longest_copy": Measure("longest copy", longest_copy, is_share=False, low_is_good=True),
}
