"""The case that holds bounds against annealing, on short trainings."""

import torch

from bench.setup import build
from bench.setup.compose import compose
from bench.speed.cases.bounds import DIGITS, DIGITS_TARGET, gap_and_time
from bench.speed.interleave import Effort

BRIEF = ["budget.steps=60", "eval.importance_samples=100", "eval.ais_steps=200", "eval.ais_chains=4"]


def test_a_refined_bound_lies_nearer_to_annealing_than_the_encoders_own() -> None:
    config = compose([*DIGITS, *BRIEF])
    found = gap_and_time(
        "digits", config, build.dataset(config), DIGITS_TARGET, torch.device("cpu"), Effort(seconds=0, rounds=2)
    )
    refined, own, seconds = found
    assert [figure.what for figure in found] == [
        "digits: ais-4x200 - refined-100",
        "digits: ais-4x200 - iwae-100",
        "digits: refined-100 against iwae-100",
    ]
    assert refined.ours is not None
    assert own.ours is not None
    assert refined.ours < own.ours
    assert refined.target == DIGITS_TARGET
    assert "100 test examples; half the annealing lies" in refined.note
    assert seconds.ratio is not None
    assert seconds.theirs is not None
