"""A stand-in for Hugging Face's package `spaces`: what it decorates runs in a fresh process, as on ZeroGPU.

Arguments and results are pickled, and nothing else is shared; of a generator each piece is sent as it comes.
"""

from __future__ import annotations

import functools
import inspect
import multiprocessing
from collections.abc import Callable
from typing import Any

LONGEST_S = 60.0
_context = multiprocessing.get_context("spawn")


def GPU(task: Callable[..., Any] | None = None, *, duration: float = 60.0) -> Callable[..., Any]:
    """Run a function, or each turn of a generator, in a process of its own."""
    if task is None:
        return functools.partial(GPU, duration=duration)
    assert duration <= LONGEST_S

    if inspect.isgeneratorfunction(task):

        @functools.wraps(task)
        def pieces(*args: Any, **kwargs: Any) -> Any:
            yield from _pieces(task, args, kwargs)

        return pieces

    @functools.wraps(task)
    def once(*args: Any, **kwargs: Any) -> Any:
        (result,) = _pieces(task, args, kwargs)
        return result

    return once


def _pieces(task: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    there, here = _context.Pipe(duplex=False)
    process = _context.Process(target=_work, args=(task.__module__, task.__qualname__, args, kwargs, here), daemon=True)
    process.start()
    here.close()
    try:
        while True:
            try:
                kind, value = there.recv()
            except EOFError:
                raise RuntimeError("GPU task aborted") from None
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        process.kill()
        process.join()


def _work(module: str, name: str, args: Any, kwargs: Any, out: Any) -> None:
    import importlib

    task = getattr(importlib.import_module(module), name)
    try:
        if inspect.isgeneratorfunction(task):
            for piece in task(*args, **kwargs):
                out.send(("piece", piece))
        else:
            out.send(("piece", task(*args, **kwargs)))
        out.send(("end", None))
    except Exception as error:
        out.send(("error", error))
