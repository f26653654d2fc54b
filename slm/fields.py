"""Settings as documented fields: a default, one sentence of what it means and its limits, each written once.

A dataclass that derives from Checked holds every field to its own type and limits; help texts and forms read the rest.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TYPE_WORDS = {int: "a whole number", float: "a number", bool: "yes or no", str: "text"}  # as a person says them


def option(
    default: Any,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """A dataclass field with its documentation and limits, both inclusive."""
    meta = {"doc": doc, "minimum": minimum, "maximum": maximum, "choices": choices}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Checked:
    """Base of the settings: every field is held to its own type and limits when an object is made."""

    def __post_init__(self) -> None:
        kinds = field_kinds(type(self))
        for f in dataclasses.fields(self):
            object.__setattr__(self, f.name, _checked(f, kinds[f.name], getattr(self, f.name)))
        self.check()

    def check(self) -> None:
        """Raise ValueError where fields do not fit each other."""


def _checked(f: dataclasses.Field, kind: tuple[type, bool], value: Any) -> Any:
    """The value as its field's own type, or ValueError naming the field, the value and the limit."""
    base, optional = kind
    low, high, choices = (f.metadata.get(key) for key in ("minimum", "maximum", "choices"))
    if value is None:
        if optional:
            return None
        raise ValueError(f"{f.name} needs a value: {f.metadata['doc']}")
    if base is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if base is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, base) or (base is int and isinstance(value, bool)):
        raise ValueError(f"{f.name} must be {TYPE_WORDS[base]}, not {value!r}")
    if isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{f.name} is not a number")
    if low is not None and value < low:
        raise ValueError(f"{f.name} is {value}, the least possible is {low}")
    if high is not None and value > high:
        raise ValueError(f"{f.name} is {value}, the most possible is {high}")
    if isinstance(value, float) and math.isinf(value):  # JSON, in which a run keeps its settings, has no such number
        raise ValueError(f"{f.name} is {value}; it must be a finite number")
    if choices and value not in choices:
        raise ValueError(f"{f.name} is {value!r}; choose one of {', '.join(map(str, choices))}")
    return value


def field_kinds(cls: type) -> dict[str, tuple[type, bool]]:
    """Each field's type and whether None is allowed, as {name: (type, optional)}."""
    kinds = {}
    for name, hint in typing.get_type_hints(cls).items():
        members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds[name] = (next(m for m in members if m is not type(None)), type(None) in members)
    return kinds


def field_doc(cls: type, name: str) -> str:
    """The one sentence that explains a field, for help texts and forms."""
    return next(f.metadata["doc"] for f in dataclasses.fields(cls) if f.name == name)


def parse_fields(cls: type, words: Mapping[str, str]) -> dict[str, Any]:
    """Values typed by a person, as the types of the fields they name; "none" and "" mean off.

    Raises ValueError for a name that is no field of `cls` and for a word that is no number where one is wanted.
    """
    kinds = field_kinds(cls)
    values: dict[str, Any] = {}
    for name, word in words.items():
        if name not in kinds:
            raise ValueError(f"there is no setting {name!r}; there are {', '.join(sorted(kinds))}")
        values[name] = _parsed(name, kinds[name], str(word))
    return values


def _parsed(name: str, kind: tuple[type, bool], word: str) -> Any:
    """The word as a value of this kind, or ValueError naming the field, the word and what is wanted."""
    base, optional = kind
    if optional and word.lower() in ("none", ""):
        return None
    if base is bool:
        if word.lower() not in ("true", "false", "1", "0", "yes", "no"):
            raise ValueError(f"{name} must be {TYPE_WORDS[bool]}, not {word!r}")
        return word.lower() in ("true", "1", "yes")
    try:
        return base(word)
    except ValueError:
        raise ValueError(f"{name} must be {TYPE_WORDS[base]}, not {word!r}") from None
