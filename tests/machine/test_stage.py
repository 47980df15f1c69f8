"""Stages of a run, as they are told."""

import pytest

from bench.errors import TimedOut
from bench.machine.deadline import Deadline
from bench.machine.stage import Parts, Stage, unwatched


def test_parts_and_chunks_say_how_far_an_evaluation_is() -> None:
    told: list[Stage] = []
    parts = Parts(4, Deadline(None), told.append)
    tick = parts.chunks("likelihood", 2)
    tick()
    tick()
    tick()  # one more than was counted
    parts.begin("sampling")
    unknown = parts.chunks("annealing", None)
    unknown()
    assert [(stage.share, stage.value) for stage in told] == [
        (0.0, "likelihood"),
        (0.0, "likelihood 1/2"),
        (0.125, "likelihood 2/2"),
        (0.25, "likelihood 3/2"),
        (0.25, "sampling"),
        (0.5, "annealing"),
        (0.5, "annealing 1"),
    ]
    assert {stage.phase for stage in told} == {"evaluate"}


def test_each_part_and_each_chunk_looks_at_the_clock() -> None:
    late = Parts(2, Deadline(1e-9), unwatched)
    with pytest.raises(TimedOut):
        late.begin("sampling")
    parts = Parts(2, Deadline(None), unwatched)
    tick = parts.chunks("likelihood", 3)
    parts.deadline = Deadline(1e-9)
    with pytest.raises(TimedOut):
        tick()
