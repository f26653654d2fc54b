"""Which errors of the machine a training can live with, and how one that it cannot is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


class CompilerError(RuntimeError):
    """torch's compiler failed, in whatever way: what it raised is the cause."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory is full. CUDA has a class for it, the other allocators only words."""
    words = ("out of memory", "not enough memory", "can't allocate memory", "cublas_status_alloc_failed")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


def is_compile_failure(error: BaseException) -> bool:
    """Whether an error came from torch's compiler: no C++ compiler, a system or a model that it cannot do."""
    modules = tuple(kind.__module__ for kind in type(error).__mro__)
    told = any(module.startswith(("torch._dynamo", "torch._inductor")) for module in modules)
    return told or isinstance(error, CompilerError)


@contextlib.contextmanager
def full_memory_told(sentence: str) -> Iterator[None]:
    """Raise ValueError with this sentence where memory gets full in the block."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ValueError(sentence) from error
