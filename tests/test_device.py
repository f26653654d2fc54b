"""What the device module sets and measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slm.device import choose_device, choose_dtype

FAULTS = """
import resource, sys, torch
from slm.device import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(12):
    torch.ones(16 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(12):
    torch.ones(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_kept_memory_is_not_asked_for_again():
    def faults(mode: str) -> int:
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run([sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, env=env, check=True)
        return int(done.stdout)

    assert 2 * faults("keep") < faults("plain")


def test_a_device_that_is_not_there_is_told_with_the_number_there_is():
    for name in ("toaster", "xpu", "hpu", "meta", "vulkan", "cpu:3", "mps:1"):
        with pytest.raises(ValueError, match=f"no device '{name}'; choose auto, cpu"):
            choose_device(name)
    assert choose_device("cpu").type == choose_device("cpu:0").type == "cpu"
    with pytest.raises(ValueError, match=f"has {torch.cuda.device_count()} CUDA devices"):
        choose_device(f"cuda:{torch.cuda.device_count()}")


def test_a_named_dtype_is_taken_and_auto_is_one_that_this_cpu_multiplies_fast():
    cpu = torch.device("cpu")
    assert choose_dtype("bfloat16", cpu) == torch.bfloat16
    assert choose_dtype("auto", cpu) in (torch.float32, torch.bfloat16)
