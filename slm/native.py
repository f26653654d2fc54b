"""The step of slm/step.c: compiled once for this machine, then called in place of some hundred operations of torch.

Where there is no C compiler with OpenMP (Windows, most Macs), or anything about it fails, `library` is None and
`slm.decode` goes on in torch. The compiled file is kept in the user's cache folder, under a name that changes with the
source, the compiler and the processor.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from ctypes import POINTER, c_float, c_int, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("step.c")
INCLUDED = SOURCE.with_name("product.h")
# -ffast-math would change how the whole process rounds. The OpenMP of the process is torch's: linked against another
# one, the two would keep a core busy waiting for each other's threads.
COMPILE = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fPIC", "-c")
PATIENCE_S = 60.0


class Matrix(ctypes.Structure):
    """W x + b."""

    _fields_ = [(name, c_void_p) for name in ("weight", "scale", "sum", "bias")] + [("out", c_int64), ("in_", c_int64)]


class Norm(ctypes.Structure):
    """LayerNorm, or where it has no weights RMSNorm."""

    _fields_ = [("weight", c_void_p), ("bias", c_void_p)]


class Layer(ctypes.Structure):
    _fields_ = [("ln_1", Norm), ("ln_2", Norm)] + [(n, Matrix) for n in ("c_attn", "c_proj", "c_fc", "mlp_proj")]


class Model(ctypes.Structure):
    _fields_ = [
        *((name, c_int64) for name in ("n_layer", "n_head", "head_size", "vocab_size")),
        ("eps", c_float), ("softcap", c_float),
        *((name, c_void_p) for name in ("wte", "wpe", "cos", "sin")),
        ("layers", POINTER(Layer)), ("ln_f", Norm), ("lm_head", Matrix),
    ]  # fmt: skip


def matrix(weight: Tensor, bias: Tensor | None, *, scale: Tensor | None = None, sums: Tensor | None = None) -> Matrix:
    """W x + b as the compiled code takes it: weight (out, in) float32, or int8 with scale (out,) and sums (out,) int32.

    All must be contiguous. `sums` are those of each row's numbers.
    """
    return Matrix(place(weight), place(scale), place(sums), place(bias), *weight.shape)


def place(t: Tensor | None) -> int | None:
    """Where a tensor's numbers are; it must stay alive while that is used."""
    return None if t is None else t.data_ptr()


def multiply(m: Matrix, x: Tensor) -> Tensor:
    """W x + b, row by row: float32 (..., in) -> float32 (..., out), on as many threads as torch has."""
    code = library()
    assert code is not None and x.shape[-1] == m.in_
    x, y = x.contiguous(), torch.empty(*x.shape[:-1], m.out)
    N = x.numel() // m.in_
    memory, rounded = torch.empty(code.slm_floats(N, m.in_)), torch.empty(x.numel(), dtype=torch.uint8)
    code.slm_multiply(m, *map(place, (x, y)), N, *map(place, (memory, rounded)), torch.get_num_threads())
    return y


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled step; None where it cannot be had."""
    try:
        library = ctypes.CDLL(str(_built()))
    except (OSError, subprocess.SubprocessError):
        return None
    library.slm_step.argtypes = [
        POINTER(Model), c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int, c_int64, c_void_p, c_void_p, c_void_p,
        c_int,
    ]  # fmt: skip
    library.slm_floats.argtypes, library.slm_floats.restype = [c_int64, c_int64], c_int64
    library.slm_multiply.argtypes = [POINTER(Matrix), c_void_p, c_void_p, c_int64, c_void_p, c_void_p, c_int]
    library.slm_multiply.restype = None
    return library


def _built() -> Path:
    """The compiled file, which is made where it is not there yet; OSError or SubprocessError where it cannot be."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("there is no C compiler")
    told = (SOURCE.read_bytes(), INCLUDED.read_bytes(), compiler, *COMPILE, platform.machine(), _processor())
    name = hashlib.sha256(repr(told).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slm"
    built = folder / f"step-{name}.so"
    if not built.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as aside:
            part, whole = Path(aside) / "step.o", Path(aside) / "step.so"
            for words in ((*COMPILE, str(SOURCE), "-o", str(part)), ("-shared", str(part), "-o", str(whole), "-lm")):
                subprocess.run([compiler, *words], check=True, capture_output=True, timeout=PATIENCE_S)
            whole.replace(built)
    return built


def _processor() -> str:
    """What tells this machine's processor from another that shares the cache folder."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return "".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))
