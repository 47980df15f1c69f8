"""The likelihood of many examples in no more memory than that of a few."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

PROGRAM = """
import ctypes
from pathlib import Path
import torch
from bench.metrics.likelihood import estimate
from bench.models.vae import VAE
from bench.spec import DataSpec

M_MMAP_THRESHOLD = -3
ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 25)  # as after any long run: large tensors come from the heap
torch.set_num_threads(1)
entry, x = VAE(DataSpec((400,), kind="binary"), width=40), (torch.rand(400, 400) > 0.5).float()

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

estimate(entry, x[:40], importance_samples=3000, batch_rows=2048)
before = resident()
estimate(entry, x, importance_samples=3000, batch_rows=2048)
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc and C library")
def test_memory_does_not_grow_with_the_number_of_examples() -> None:
    """Small tensors kept between large ones once took 2 MB an example: 20 GB on the test split of MNIST."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20_000  # kilobytes
