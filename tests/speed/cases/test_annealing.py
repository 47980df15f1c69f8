"""The case that holds short trajectories of annealing against long ones, on a short training."""

import torch

from bench.setup import build
from bench.setup.compose import compose
from bench.speed.cases.annealing import TARGET, short_trajectories
from bench.speed.cases.bounds import DIGITS
from bench.speed.interleave import Effort


def test_short_trajectories_cost_less_and_lose_little():
    config = compose([*DIGITS, "budget.steps=60", "eval.ais_steps=300", "eval.ais_chains=4"])
    bound, seconds = short_trajectories(config, build.dataset(config), torch.device("cpu"), Effort(seconds=0, rounds=2))
    assert bound.what == "digits: bound of leapfrogs a step, 3 against 10"
    assert bound.ours is not None
    assert abs(bound.ours) < 0.5
    # 6 chains of 3 gradients a step against 8 of 10 are 0.23 of the work; beside other work times wander.
    assert seconds.ratio is not None
    assert seconds.ratio.median < 0.6
    assert seconds.target == TARGET
    assert "100 test examples, ais-4x300" in seconds.note
