"""The stopwatch against sleeps, the neighbours against a process that is really busy."""

import subprocess
import sys
import time

import pytest
import torch

from bench.machine.clock import Neighbours, Reading, Stopwatch, busy_ticks, cores_of_others, either

CPU = torch.device("cpu")
BUSY = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"


def test_the_stopwatch_adds_up_what_is_inside_and_only_that() -> None:
    watch = Stopwatch(CPU, seconds=100.0)
    for _ in range(3):
        with watch:
            time.sleep(0.02)
        time.sleep(0.2)
    # a sleep is never short; running late by half a second in all would need a stalled machine
    assert 100.06 <= watch.seconds < 100.55


def test_the_stopwatch_counts_what_an_error_ends() -> None:
    watch = Stopwatch(CPU)

    def interrupted() -> None:
        with watch:
            time.sleep(0.02)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        interrupted()
    assert watch.seconds >= 0.02


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_stopwatch_waits_for_the_device() -> None:
    x = torch.randn(8192, 8192, device="cuda")
    with Stopwatch(torch.device("cuda")) as watch:
        for _ in range(20):
            x @ x
    # 22 TFLOP take at least 10 ms on any device; launching them takes less than one
    assert watch.seconds > 0.01


def test_cores_of_others_is_busy_time_that_is_not_ours() -> None:
    before = Reading(wall=10.0, busy=500.0, own=3.0)
    # in 20 s all processors were busy for 34 s, 30 of them ours
    assert cores_of_others(before, Reading(wall=30.0, busy=534.0, own=33.0)) == pytest.approx(0.2)
    assert cores_of_others(before, Reading(wall=30.0, busy=530.0, own=33.0)) == 0


def test_busy_is_user_nice_system_and_steal() -> None:
    assert busy_ticks("cpu  1 20 300 4000 50000 600000 7000000 80000000 900000000 0\n") == 80000321


def test_a_busy_neighbour_is_seen() -> None:
    neighbour = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        neighbours = Neighbours()
        time.sleep(1)
        shared = neighbours.shared()
    finally:
        neighbour.kill()
        neighbour.wait()
    if shared is None:
        pytest.skip("there is no /proc/stat")
    assert shared


def test_an_interval_shorter_than_the_kernels_ticks_tells_nothing() -> None:
    assert Neighbours().shared() is None


@pytest.mark.parametrize(
    ("a", "b", "both"),
    [(None, None, None), (None, False, False), (True, None, True), (False, True, True), (False, False, False)],
)
def test_two_witnesses_know_what_one_of_them_knows(a: bool | None, b: bool | None, both: bool | None) -> None:
    assert either(a, b) is both
