"""Which errors of the machine a training can live with."""

from __future__ import annotations

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory is full. CUDA has a class for it, the other allocators only words."""
    words = ("out of memory", "not enough memory", "can't allocate memory", "cublas_status_alloc_failed")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    )


def is_compile_failure(error: BaseException) -> bool:
    """Whether an error came from torch's compiler: no C++ compiler, a system or a model that it cannot do."""
    modules = tuple(kind.__module__ for kind in type(error).__mro__)
    return any(module.startswith(("torch._dynamo", "torch._inductor")) for module in modules)
