"""Numbers and times as people say them, and text made safe for HTML."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from typing import Any

from slm.config import END_OF_TEXT

NOTHING = "\u2013"
# What the page calls its measures, everywhere: tables, figures, the chart.
TRAINING_LOSS, VALIDATION_LOSS, BITS_PER_BYTE = "training loss", "validation loss", "bits per byte"
PART = "part of a character, named by its bytes"
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_VISIBLE_SPACE = {" ": "\u2423", "\n": "\u21b5", "\t": "\u21e5", "\r": "\u240d"}


def clean(text: object) -> str:
    """Text with what no page can hold (controls, half characters) as U+FFFD; not yet escaped."""
    return _UNSAFE.sub("\ufffd", str(text))


def escape(text: object) -> str:
    """Text for HTML content or a quoted attribute, clean."""
    return html.escape(clean(text), quote=True)


def visible(piece: str) -> str:
    """A token's text with its spaces and line breaks made visible; not yet escaped."""
    if piece == END_OF_TEXT:
        return "(the end)"
    return "".join(_VISIBLE_SPACE.get(character, character) for character in piece) or "\u2205"


def is_part(token: bytes) -> bool:
    """Whether a token's bytes are no whole characters."""
    try:
        token.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def by_bytes(token: bytes) -> bool:
    """Whether a token is named by its bytes: they are part of a character, or one that no page can hold."""
    return is_part(token) or clean(seen := visible(token.decode("utf-8"))) != seen


def spelt(token: bytes) -> str:
    """A token's text, or its bytes in hex digits where those name it."""
    return token.hex(" ").upper() if by_bytes(token) else token.decode("utf-8")


def get(thing: Any, name: str, default: Any = None) -> Any:
    """A field of an object or a mapping alike; `default` where it is missing or None."""
    value = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    return default if value is None else value


def finite(value: Any) -> float | None:
    """The value as a float, or None where it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def number(value: float | None, digits: int = 0) -> str:
    """1234567 as 1,234,567; a dash where there is none."""
    value = finite(value)
    return NOTHING if value is None else f"{value:,.{digits}f}"


def compact(value: float | None) -> str:
    """1234567 as 1.23 M: three digits and a unit."""
    value = finite(value)
    if value is None:
        return NOTHING
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            scaled = value / size
            return f"{scaled:.{max(0, 2 - int(math.log10(abs(scaled) * 1.0005)))}f} {unit}"
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: 38 s, 4 min 10 s, 2 h 5 min, 3 days 4 h."""
    seconds = finite(seconds)
    if seconds is None:
        return NOTHING
    seconds = max(0, round(seconds))
    for size, unit, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit} {rest} {small}" if rest else f"{seconds // size} {unit}"
    return f"{seconds} s"


def percent(share: float | None) -> str:
    """A share as a percentage with no more digits than it deserves."""
    share = finite(share)
    if share is None:
        return NOTHING
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def megabytes(size_mb: float | None) -> str:
    """A size in megabytes, in the unit that suits it."""
    size_mb = finite(size_mb)
    if size_mb is None:
        return NOTHING
    return (
        f"{size_mb / 1000:.1f} GB"
        if size_mb >= 1000
        else f"{size_mb:.0f} MB"
        if size_mb >= 10
        else f"{size_mb:.1f} MB"
    )


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """ "1 story", "2 stories"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def figure(label: str, value: str, explanation: str = "", unit: str = "") -> str:
    """One number with its name, its unit and, on hover or focus, what it means."""
    hint = f' data-tip="{escape(explanation)}" tabindex="0"' if explanation else ""
    tail = f' <span class="slm-unit">{escape(unit)}</span>' if unit else ""
    return f'<div class="slm-figure"{hint}><dt>{escape(label)}</dt><dd>{escape(value)}{tail}</dd></div>'


def bar(share: float | None, label: str, *, state: str = "") -> str:
    """A progress bar; without a share it says that the end is not known."""
    share = finite(share)
    if share is None:
        return (
            f'<div class="slm-bar slm-bar-open" role="progressbar" aria-label="{escape(label)}"><i></i></div>'
        )
    width = 100 * min(1.0, max(0.0, share))
    return (
        f'<div class="slm-bar slm-is-{escape(state)}" role="progressbar" aria-label="{escape(label)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{width:.0f}"><i style="width:{width:.1f}%"></i></div>'
    )


def note(text: str, *, kind: str = "quiet") -> str:
    """One sentence in a box of its own: `quiet` for hints and empty states, `warning`, `error`."""
    return f'<p class="slm slm-note slm-note-{escape(kind)}">{escape(text)}</p>'
