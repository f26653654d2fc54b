"""Which texts can be read at all: whole characters, and not too many of them."""

from __future__ import annotations

MAX_CHARACTERS = 1_000_000  # a second of tokenising


def check_length(text: str, name: str, *, advice: str) -> None:
    """Raise ValueError, with the `advice`, where a text is longer than anything that is read at once."""
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"{name} has {len(text):,} characters, the most possible is {MAX_CHARACTERS:,}; {advice}")


def check_characters(text: str, name: str = "the text") -> None:
    """Raise ValueError where a text holds half of a surrogate pair, as bytes do that were no UTF-8 and read anyway."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of {name} is {text[error.start]!r}, half of a surrogate pair and no "
            "character: read the text as UTF-8 with errors='replace', or remove it"
        ) from None
