"""Importing gradio without what only its developers need, which is a third of the time that the page takes to start."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any


def import_gradio() -> None:
    """Import gradio once, quickly, in a process that is no notebook."""
    # Wherever IPython is installed gradio imports it, to ask whether this is a notebook. It is none.
    sys.modules.setdefault("IPython", None)  # type: ignore[arg-type]
    with _no_type_stubs():
        import gradio  # noqa: F401


@contextlib.contextmanager
def _no_type_stubs() -> Iterator[None]:
    """Spare gradio the type stubs that it writes for editors at each import, parsing its own sources for them.

    It leaves out components that have no source file (`create_or_modify_pyi` in gradio/component_meta.py).
    """
    find = inspect.getfile

    def find_others(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith("gradio."):
            raise OSError("no type stubs are wanted")
        return find(thing)

    inspect.getfile = find_others  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = find
