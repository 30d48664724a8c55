"""Preparing a process for training."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import torch
from perceiver_rl.agents.cpu import prepare_cpu

def minibatch():
    return [torch.ones(1 << 18) for _ in range(16)]  # 16 tensors of 1 MiB, freed together

if sys.argv[1] == "prepared":
    prepare_cpu(1)
else:
    torch.set_num_threads(1)
minibatch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    minibatch()
print(torch.get_num_threads(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_a_prepared_process_keeps_the_memory_of_a_minibatch() -> None:
    faults = {}
    # glibc's own threshold moves with what was freed, so whether it gives memory back is chance.
    eager = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(64 << 10)}
    for name in ("prepared", "plain"):
        run = [sys.executable, "-c", COUNT_FAULTS, name]
        threads, count = subprocess.run(
            run, capture_output=True, text=True, check=True, env=eager
        ).stdout.split()
        assert threads == "1"
        faults[name] = int(count)
    assert faults["plain"] > 1000  # with pages of 4 KiB, 256 per tensor
    assert faults["prepared"] < faults["plain"] / 10
