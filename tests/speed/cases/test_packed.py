import torch

from bench.speed.cases.packed import step_time
from bench.speed.figure import Target
from bench.speed.interleave import Effort
from bench.speed.loops import endless


def test_steps_of_a_pack_are_timed_beside_those_of_as_many_runs() -> None:
    small = ["model=realnvp", "model.layers=1", "model.width=16", "budget.parameters=null", "train.validate_every=3"]
    config = endless([*small, "data=8gaussians", "compile=auto"])
    figure = step_time(config, 2, 2, Target(1.0), torch.device("cpu"), Effort(seconds=0, rounds=2))
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ours > 0
    assert figure.theirs > 0
    assert figure.compile_seconds is not None
    assert figure.compile_seconds > 0
    assert "compile=step, 2 rounds of 3 steps" in figure.note
    assert figure.what == "realnvp of width 16: a step of 2 seeds at once, and of 2 alone"
