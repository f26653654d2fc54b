"""Which hardware computes, and in which arithmetic: what the device does well, measured where that is unsure."""

from __future__ import annotations

import ctypes
import platform
import sys
import time
from collections.abc import Callable

import torch


def choose_device(name: str = "auto") -> torch.device:
    """The device of this name, or for "auto" the best there is; ValueError where it is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    # torch knows names of hardware that nothing here was ever run on.
    if device is None or device.type not in ("cpu", "mps", "cuda") or (device.type != "cuda" and device.index):
        raise ValueError(f"there is no device {name!r}; choose auto, cpu, mps, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {name} was asked for; this machine has {torch.cuda.device_count()} CUDA devices")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device mps was asked for; this machine has none")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """Arithmetic for the matrix products of training.

    CUDA: bfloat16 where the hardware has it, else float16. MPS: float32. CPU: bfloat16 where a product is measured to
    be faster than in float32; a CPU without instructions for it can be a hundred times slower.
    """
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and _product_time_s(torch.bfloat16) < 0.75 * _product_time_s(torch.float32):
        return torch.bfloat16
    return torch.float32


def _product_time_s(dtype: torch.dtype, size: int = 256) -> float:
    """Least time of a matrix product."""
    x = torch.ones(size, size, dtype=dtype)
    return least_time_s(lambda: x @ x)


def least_time_s(work: Callable[[], object], *, repeats: int = 5) -> float:
    """Least time of some work, which must be over when its call returns."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def make_ready(device: torch.device) -> None:
    """Set what training on this device gains from, for the whole process."""
    if device.type == "cpu":
        keep_freed_memory()
    elif device.type == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what autocast leaves in float32


# Numbers of mallopt's settings in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Let this process reuse what it frees instead of handing it back to the system; whether that could be set.

    glibc asks the system for each large tensor anew, which then fills it with zeros page by page: a fifth of the time
    of a training step on a CPU. Only glibc has the setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    settings = {M_TRIM_THRESHOLD: -1, M_MMAP_MAX: 0}
    return mallopt is not None and all(mallopt(name, value) == 1 for name, value in settings.items())


def describe(device: torch.device) -> str:
    """The device in words, for records and model cards."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"
