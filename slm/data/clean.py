"""Repair and tidy stories, and leave out those that are empty or were seen before; each is counted by its reason."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from slm.config import END_OF_TEXT

# Which byte a character stands for where UTF-8 was read as Windows-1252, or as Latin-1, whose bytes
# 80 to 9F are control characters. The five bytes that Windows-1252 leaves free read as such controls as well.
_BYTE_OF = {chr(byte): byte for byte in range(0x80, 0x100)}
_BYTE_OF.update({bytes([b]).decode("cp1252"): b for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)})
_FOLLOWING = "[" + "".join(re.escape(char) for char, byte in _BYTE_OF.items() if byte < 0xC0) + "]"

# No language writes these: dashes and quotes (E2 80 ..), emoji (F0 9F .. ..), a byte order mark; and
# an E2 80 whose third byte got lost on the way, as the 9D of a closing quote does.
_SURE = re.compile(f"â[€\x80]{_FOLLOWING}|ð[Ÿ\x9f]{_FOLLOWING}{{2}}|ï»¿|â€")
# These may be right where they end a word in capitals before a closing mark, as in MANHÃ”: left alone there.
_ENDS_CAPITALS = "(?<=[A-ZÀ-Þ])[Â-ß][”“’‘»›…–—®™°ªº\xa0](?![^\\W\\d_])"
_LIKELY = re.compile(f"(?!{_ENDS_CAPITALS})[Â-ß]{_FOLLOWING}|[à-ï]{_FOLLOWING}{{2}}")
_EITHER = re.compile(f"{_SURE.pattern}|{_LIKELY.pattern}")
# What English and its neighbours are written with: the characters of Windows-1252.
_PLAUSIBLE = set(_BYTE_OF)

REASONS = {  # why a story is left out, as a person reads it
    "duplicates": "the same story again",
    "empty": "nothing in it",
    "overlap": "also among the validation stories",
}
_CONTROLS = re.compile("[\x80-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Cleaning:
    """Cleans a stream of stories and keeps count; one object serves a whole data set.

    `dropped` counts stories by reason: empty, duplicates (seen before in the same part), overlap (a training
    story that is a validation story too; give the validation stories first). `repairs` counts stories by
    what was repaired: misread (UTF-8 read as Windows-1252), surrogates, blanks; `repaired` those
    whose characters changed, and `read` all that came in. Memory: about 100 bytes a story kept.
    """

    def __init__(self) -> None:
        self.read = 0
        self.repaired = 0
        self.dropped = Counter(duplicates=0, empty=0, overlap=0)
        self.repairs = Counter(misread=0, surrogates=0, blanks=0)
        self._validation: set[int] = set()
        self._train: set[int] = set()

    def validation(self, stories: Iterable[str]) -> Iterator[str]:
        """The validation stories, clean, each once."""
        return self._clean(stories, self._validation, held_out=set())

    def train(self, stories: Iterable[str]) -> Iterator[str]:
        """The training stories, clean, each once, without those that `validation` gave."""
        return self._clean(stories, self._train, held_out=self._validation)

    def _clean(self, stories: Iterable[str], seen: set[int], held_out: set[int]) -> Iterator[str]:
        for raw in stories:
            self.read += 1
            story, repairs = clean_story(raw)
            key = digest(story)
            reason = (
                "empty" if not story else "overlap" if key in held_out else "duplicates" if key in seen else None
            )
            if reason:
                self.dropped[reason] += 1
                continue
            seen.add(key)
            self.repairs.update(repairs)
            self.repaired += "misread" in repairs or "surrogates" in repairs
            yield story


def clean_story(text: str) -> tuple[str, list[str]]:
    """The story as it is trained on, and what had to be repaired.

    Mis-decoded characters are repaired, halves of surrogate pairs become U+FFFD, line ends become newlines,
    blanks at line ends go and so do end-of-text marks around the story; paragraphs stay apart as they are,
    by at most one blank line.
    """
    repairs = []
    whole = text
    if not text.isascii():
        whole = _SURROGATE.sub("\ufffd", text)
        if whole != text:
            repairs.append("surrogates")
        repaired = repair_misread(whole)
        if repaired != whole:
            repairs.append("misread")
        whole = repaired
    tidy = _tidy(whole.strip("\ufeff"))
    while tidy.startswith(END_OF_TEXT) or tidy.endswith(END_OF_TEXT):
        tidy = tidy.removeprefix(END_OF_TEXT).removesuffix(END_OF_TEXT).strip()
    if tidy != whole:
        repairs.append("blanks")
    return tidy, repairs


def repair_misread(text: str) -> str:
    """Text whose UTF-8 was read as Windows-1252 or Latin-1, once or more often, as it was written.

    Sequences that no language writes are repaired wherever they stand (`â€œ` is a quote mark). Others, such as
    `Ã©`, only where every character beyond ASCII in the text belongs to one, so that right text stays as it is.
    """
    step = best = text
    for _ in range(3):
        step = _repair_once(step)
        # Control characters are no text, but what was misread twice goes through them.
        if len(_CONTROLS.findall(step)) <= len(_CONTROLS.findall(best)):
            best = step
    return best


def digest(text: str, *, seed: int | None = None) -> int:
    """64 bits that stand for a text (blake2b, keyed by the seed where there is one)."""
    key = b"" if seed is None else str(seed).encode()
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest(), "little")


def _repair_once(text: str) -> str:
    if text.isascii():
        return text
    sure = _SURE.sub(" ", text)
    all_misread = _LIKELY.sub(lambda found: " " if _reread(found) in _PLAUSIBLE else found[0], sure).isascii()
    return (_EITHER if all_misread else _SURE).sub(_reread, text)


def _reread(found: re.Match[str]) -> str:
    """The sequence as UTF-8; as it is where it is none."""
    if found[0] == "â€":
        return "”"
    try:
        return bytes(_BYTE_OF[char] for char in found[0]).decode()
    except UnicodeDecodeError:
        return found[0]


def _tidy(text: str) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "\n".join([line.rstrip() for line in text.split("\n")])
    return re.sub(r"\n{3,}", "\n\n", text).strip()
