"""The NVIDIA GPUs of this machine, told without torch, whose import takes seconds."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import shutil
import subprocess
from pathlib import Path

from slm.config import CPU_PRESET, GPU_PRESET


def usual_preset(device: str = "auto") -> str:
    """The preset of a training on this device where nobody has chosen one."""
    return GPU_PRESET if device != "cpu" and gpu_count() else CPU_PRESET


@functools.cache
def gpu_count() -> int:
    """How many NVIDIA GPUs this process may use: 0 where torch was built without CUDA, else what their driver says."""
    if not _torch_has_cuda():
        return 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        named = itertools.takewhile(lambda name: name != "-1", map(str.strip, visible.split(",")))  # CUDA ends at a -1
        return sum(bool(name) for name in named)
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError):  # it cannot be run, or hangs
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _torch_has_cuda() -> bool:
    """Whether the torch that is installed brings its CUDA library, as on Windows pip's does not."""
    torch = importlib.util.find_spec("torch")
    return torch is not None and any(Path(str(torch.origin)).parent.glob("lib/*torch_cuda.*"))
