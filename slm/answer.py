"""How a command answers: its result as JSON, a mistake in one sentence, and what is done where nobody can read it."""

from __future__ import annotations

import errno
import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from slm.files import plain
from slm.refusals import in_words

Result = tuple[dict[str, Any], int]  # what --json prints, and the exit code


def answer(run: Callable[[], Result], *, as_json: bool) -> int:
    """Run a command and tell what came of it; the exit code of `slm.cli.main`.

    What goes wrong is one sentence on stderr; with `as_json`, its result or the sentence is an object on stdout, too.
    """
    _print_any_letter()
    code = 0
    try:
        result, code = _result(run)
        if as_json:
            print(json.dumps(plain(result), ensure_ascii=False))
        _flush()
        return code
    except OSError as error:
        return _without_output(error, code=code, as_json=as_json)


def _result(run: Callable[[], Result]) -> Result:
    """What the command gives, or its mistake; raises OSError where the output cannot be written."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return run()
    except SystemExit:  # after --help
        _flush()
        raise
    except ValueError as error:
        return _failed(f"{error}", code=2)
    except KeyboardInterrupt:
        return _failed("interrupted", code=130)
    except BrokenPipeError:
        raise
    except OSError as error:
        _flush()  # raises again where it was the output that failed, unless nothing of it is kept (PYTHONUNBUFFERED)
        return _failed(in_words(error), code=1)


def _print_any_letter() -> None:
    # Stories hold letters that a Windows code page lacks; better a question mark than the end of a training.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"slm: {message}", file=sys.stderr)


def _failed(message: str, *, code: int) -> Result:
    print(f"slm: {message}", file=sys.stderr)
    return {"error": message}, code


def _flush() -> None:
    if sys.stdout is None:  # whoever started us has closed it
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sys.stdout.flush()


def _without_output(error: OSError, *, code: int, as_json: bool) -> int:
    """The exit code where the output went nowhere; that is told unless a mistake was, or its reader has seen enough."""
    if sys.stdout is not None:  # Python would complain once more while it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if code or (isinstance(error, BrokenPipeError) and not as_json):  # `| head` has seen enough
        return code
    print(f"slm: the output could not be written ({error.strerror})", file=sys.stderr)
    return 1
