"""The case that times `cnf` along a grid beside its adaptive solver, on a short training."""

import torch

from bench.setup import build
from bench.setup.compose import compose
from bench.speed.cases.cnf_grid import DIGITS, TARGET, TOY, training_seconds
from bench.speed.interleave import Effort

BRIEF = ["budget.steps=4", "train.batch_size=32"]


def test_the_grid_is_timed_beside_the_adaptive_solver() -> None:
    both, grid = TOY
    ours, theirs = compose([*both, *grid, *BRIEF]), compose([*both, *BRIEF])
    assert (ours.model["solver"], theirs.model["solver"]) == ("rk4", "dopri5")
    figure = training_seconds(ours, theirs, build.dataset(ours), torch.device("cpu"), Effort(seconds=0, rounds=2))
    assert figure.what == "cnf on 8gaussians, steps of 0.25: 4 training steps"
    assert figure.note == "theirs: dopri5 at 0.0001"
    assert figure.target == TARGET
    assert figure.ratio is not None
    assert figure.ratio.low > 0


def test_the_grids_are_those_of_quick() -> None:
    quick = compose(["study=quick"])
    for (both, grid), data in ((DIGITS, "digits"), (TOY, "8gaussians")):
        config = compose([*both, *grid])
        rows = [row for row in quick.grid if row.get("model") == ["cnf"] and data in row["data"]]
        assert rows
        assert {row["model.step_size"][0] for row in rows} == {config.model["step_size"]}
        assert config.budget.steps == quick.budget.steps
