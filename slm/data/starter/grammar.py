"""Small English: articles, plurals, capitals and lists."""
from __future__ import annotations

from collections.abc import Sequence

_SOUNDS_LIKE_YOU_OR_ONE = ("uni", "use", "one", "eu")
_IRREGULAR = {"mouse": "mice", "dormouse": "dormice", "wolf": "wolves"}
_SILENT_H = ("hour", "honest", "heir")


def an(phrase: str) -> str:
    """Return the phrase after its indefinite article: "an apple", "a unicorn"."""
    word = phrase.lower()
    vowel = word[0] in "aeiou" and not word.startswith(_SOUNDS_LIKE_YOU_OR_ONE)
    return f"{'an' if vowel or word.startswith(_SILENT_H) else 'a'} {phrase}"


def plural(noun: str) -> str:
    """Return the plural of a noun; of a noun of several words, the last one changes."""
    head, _, last = noun.rpartition(" ")
    if last in _IRREGULAR:
        ending = _IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        ending = last + "es"
    elif last.endswith("y") and last[-2] not in "aeiou":
        ending = last[:-1] + "ies"
    else:
        ending = last + "s"
    return f"{head} {ending}" if head else ending


def capital(text: str) -> str:
    """Return the text with its first letter in upper case and the rest as it is."""
    return text[0].upper() + text[1:]


def listed(items: Sequence[str]) -> str:
    """Return the items joined as a person says them: "a, b and c"."""
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + " and " + items[-1]


def text(*sentences: str) -> str:
    """Join sentences into a paragraph; empty ones are left out."""
    return " ".join(sentence for sentence in sentences if sentence)
