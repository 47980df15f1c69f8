import platform
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
import torch
from bench.machine.heap import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, keep_freed_memory
for name in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
    assert ctypes.CDLL(None).mallopt(name, 2**17)  # where glibc begins; from there on it follows what it happens to see
if sys.argv[1] == "kept":
    assert keep_freed_memory()
torch.set_num_threads(1)
def work():
    made = [torch.zeros(2**18) for _ in range(40)]  # a MiB each, as a step has them
for _ in range(5):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", FAULTS, how], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_what_is_freed_is_used_again_without_a_fault_of_a_page() -> None:
    """20 rounds of 40 MiB are 204,800 pages."""
    assert faults("kept") < 2_000 < faults("given back")
