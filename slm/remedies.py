"""What a training does when the machine cannot do a step as it was asked for: the same in a simpler way."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from slm.errors import is_compile_failure, is_out_of_memory
from slm.updates import Updater

Result = TypeVar("Result")


def with_remedies(
    compute: Callable[[], Result], updater: Updater
) -> Generator[tuple[str, dict[str, Any]], None, Result]:
    """What `compute` gives, tried again in a simpler way where the machine could not do it; yields the warnings.

    Full memory halves the micro-batch, as often as it is full. A model that cannot be compiled runs as it is written.
    """
    while True:
        try:
            return compute()
        except (RuntimeError, MemoryError) as error:
            if is_compile_failure(error):
                remedy = _uncompiled
            elif not is_out_of_memory(error):
                raise
            elif updater.team.size > 1:  # the others would wait for this one's gradients
                raise ValueError("the memory of a device is full; give a smaller batch_size") from error
            else:
                remedy = _halved
        # Only here are the failed try's tensors free: the error held them.
        yield "warning", remedy(updater)


def _uncompiled(updater: Updater) -> dict[str, Any]:
    updater.give_up_compiling()
    message = (
        "The model could not be compiled on this machine (a C++ compiler or Triton may be missing); the training goes "
        "on without, slower."
    )
    return {"code": "compile-failed", "message": message}


def _halved(updater: Updater) -> dict[str, Any]:
    updater.halve()
    message = (
        f"The memory is full: from now on {updater.batch_size} sequences are taken at a time, as many as before for "
        "each update."
    )
    if not updater.model.config.dropout:  # which drops other numbers in other micro-batches
        message += " Losses stay the same."
    return {"code": "out-of-memory", "message": message}
