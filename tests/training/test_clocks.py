from types import SimpleNamespace
from typing import cast

import pytest
import torch

from bench.training import clocks
from bench.training.clocks import CompileClock, IntervalClock
from bench.training.compile_step import Compiled
from bench.training.history import History

CPU = torch.device("cpu")


@pytest.fixture
def wall(monkeypatch) -> SimpleNamespace:
    """A wall clock that only the test moves."""
    clock = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(clocks.time, "perf_counter", lambda: clock.seconds)
    return clock


def compiled() -> Compiled:
    return cast(Compiled, SimpleNamespace(seconds=0.0))


def test_a_counted_step_is_charged_at_the_median_of_the_others(wall) -> None:
    clock = IntervalClock(CPU, None)
    with clock.aside():
        wall.seconds += 50
    for seconds in (1, 2, 9):
        wall.seconds += seconds
        clock.lap()
    assert clock.elapsed == 12
    assert clock.stop() == (12 + 2, 2)


def test_a_counted_step_alone_is_charged_as_it_was(wall) -> None:
    clock = IntervalClock(CPU, None)
    with clock.aside():
        wall.seconds += 50
    assert clock.stop() == (50, 50)
    assert clock.stop(before=4) == (4, 4)


def test_seconds_of_compiling_are_on_a_clock_of_their_own(wall) -> None:
    part, history = compiled(), History(compile_seconds=3.0)
    compile_clock, clock = CompileClock(history, part), IntervalClock(CPU, part)
    for compiling in (0, 7, 0):
        part.seconds += compiling
        wall.seconds += 1 + compiling
        clock.lap()
        compile_clock.charge()
    assert clock.stop() == (3, 1)
    assert history.compile_seconds == 10
