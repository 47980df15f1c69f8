from itertools import pairwise

import pytest

from bench.tuning.space import beside, candidates, fold_of, middle, options_of, rates


def test_six_rates_lie_on_a_log_grid_and_one_more_beyond_an_end() -> None:
    grid = rates()
    assert len(grid) == 6
    assert (grid[0], grid[-1]) == (5e-4, 5e-2)
    ratios = [high / low for low, high in pairwise(grid)]
    assert ratios == pytest.approx([100 ** (1 / 5)] * 5, rel=5e-3)  # three digits of each rate
    assert rates(below=True) == [0.000199, *grid]
    assert rates(above=True) == [*grid, 0.126]


def test_rates_beside_lie_half_way_to_the_neighbours() -> None:
    grid = rates()
    assert beside(grid[2], grid) == [0.00199, 0.00499]
    low, high = beside(grid[0], grid)
    assert low < grid[0] < high < grid[1]
    assert beside(grid[-1], grid)[1] > grid[-1]


def config(knob: dict | None, **model) -> dict:
    return {"model": model, "train": {"optimiser": {"weight_decay": 0.0}}, "tune": {"knob": knob}}


def test_values_of_a_knob_are_those_that_the_entry_does_not_have() -> None:
    assert candidates(config({"gain": [1.0, 2.0, 4.0]}, gain=1.0)) == ("gain", ["2.0", "4.0"])
    assert candidates(config({"gain": [1.0, 2.0, 4.0]}, gain=4.0)) == ("gain", ["1.0", "2.0"])
    assert candidates(config({"field": ["plain", "gated"]}, field="gated")) == ("field", ["plain"])
    decay = "train.optimiser.weight_decay"
    assert candidates(config({decay: [0.0, 0.1, 1.0]})) == (decay, ["0.1", "1.0"])
    assert candidates(config(None)) == ("", [])


def test_the_middle_rung_is_the_lower_of_two() -> None:
    assert middle([1.0, 1 / 16, 0.25]) == 0.25
    assert middle([1.0]) == 1.0
    assert middle([0.25, 1.0, 0.25]) == 0.25


def test_a_fold_is_the_one_given_or_that_of_the_seed() -> None:
    assert fold_of({"name": "moons"}, 7) is None
    assert fold_of({"fold": None}, 7) == 2
    assert fold_of({"fold": 4}, 7) == 4


def test_options_are_what_tells_entries_of_a_study_apart() -> None:
    words = ["study=x", "data=moons", "model=cnf", "model.layers=3", "seed=1", "budget.rung=0.25", "tune=yes",
             "train.optimiser.learning_rate=0.1", "budget.steps=5", "workers=2", "eval.trees=5"]  # fmt: skip
    assert options_of(words) == "budget.steps=5 model.layers=3"
    assert options_of([*words, "model.gain=2.0"], "gain") == "budget.steps=5 model.layers=3"
