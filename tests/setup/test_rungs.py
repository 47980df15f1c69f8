"""A ladder of budgets: each rung is an ordinary run of the scaled budget, under the same key."""

import shlex
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench.errors import BenchError
from bench.run import run
from bench.setup.compose import compose
from bench.setup.plan import Plan, plan
from tests.helpers import TINY, cell_in, repeatable, tiny

LADDER = "budget.ladder=[1/4,1/2,1]"


def planned(tmp_path: Path, *words: str, conf: Path | None = None, multirun: bool = True) -> Plan:
    return plan([*TINY, f"results_dir={tmp_path}", *words], multirun, conf, lambda line: None)


def test_a_rung_is_the_ordinary_run_of_the_scaled_budget_bit_for_bit(own_conf, tmp_path) -> None:
    rung = cell_in(tiny(own_conf, "model=noisy", "budget.rung=1/4"), tmp_path / "rung")
    plain = cell_in(tiny(own_conf, "model=noisy", "budget.steps=5"), tmp_path / "plain")
    assert rung.run_id == plain.run_id
    assert rung.evaluation == plain.evaluation
    for cell in (rung, plain):
        run(cell, lambda history, share: None)
    records = [cell.folder.read() or {} for cell in (rung, plain)]
    assert [record["rung"] for record in records] == [0.25, 1.0]
    assert repeatable(records[0]) | {"rung": 1.0} == repeatable(records[1])
    weights = [load_file(cell.folder.path / "weights.safetensors") for cell in (rung, plain)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_every_limit_is_scaled() -> None:
    budget = compose(["budget.rung=0.25", "budget.steps=10", "budget.seconds=8", "budget.flops=1e9"]).budget
    assert (budget.steps, budget.seconds, budget.flops, budget.rung) == (2, 2.0, 2.5e8, 0.25)


def test_a_ladder_is_an_axis_whose_cells_are_made_alone_by_their_commands(own_conf, tmp_path) -> None:
    cells = planned(tmp_path, "model=affine", "seed=0,1", LADDER, conf=own_conf).cells
    assert sorted((cell.config.seed, cell.config.budget.steps) for cell in cells) == [
        (seed, steps) for seed in (0, 1) for steps in (5, 10, 20)
    ]
    for cell in cells:
        words = [word for word in shlex.split(cell.command)[2:] if word not in ("--config-dir", str(own_conf))]
        (again,) = plan([*words, f"results_dir={tmp_path}"], False, own_conf, lambda line: None).cells
        assert (again.run_id, again.command, again.config.budget) == (cell.run_id, cell.command, cell.config.budget)


def test_a_study_with_a_ladder_has_commands_of_one_cell(tmp_path) -> None:
    words = ["study=quick", LADDER, "model=realnvp", "data=8gaussians", f"results_dir={tmp_path}"]
    cells = plan(words, False, None, lambda line: None).cells
    for cell in cells:
        words = [*shlex.split(cell.command)[2:], f"results_dir={tmp_path}"]
        (again,) = plan(words, False, None, lambda line: None).cells
        assert again.run_id == cell.run_id


@pytest.mark.parametrize("typed", [["budget.rung=0.5"], ["-m", "budget.rung=0.5,1"]])
def test_a_rung_that_is_typed_replaces_the_ladder(own_conf, tmp_path, typed) -> None:
    cells = planned(tmp_path, "model=affine", LADDER, typed[-1], conf=own_conf, multirun="-m" in typed).cells
    assert [cell.config.budget.steps for cell in cells] == [10, 20][: len(cells)]
    assert len(cells) == len(typed)


def test_a_list_of_the_grid_with_rungs_of_its_own_keeps_them(own_conf, tmp_path) -> None:
    grid = "grid=[{model:[affine],budget.rung:[0.5]},{model:[linear]}]"
    cells = planned(tmp_path, grid, LADDER, "budget.tolerance=0.9", conf=own_conf).cells
    found = sorted((cell.config.model["name"], cell.config.budget.steps) for cell in cells)
    assert found == [("affine", 10), ("linear", 5), ("linear", 10), ("linear", 20)]


def test_an_entry_that_is_fitted_has_one_rung(tmp_path) -> None:
    asked = ["model=gaussian,realnvp", "budget.steps=20", LADDER, "budget.parameters=null", "seed=0,1"]
    result = planned(tmp_path, *asked)
    assert not result.refusals
    fitted = [cell for cell in result.cells if cell.entry_class.fitted]
    assert [(cell.config.seed, cell.config.budget.steps, cell.config.budget.rung) for cell in fitted] == [
        (0, 20, 1.0),
        (1, 20, 1.0),
    ]
    assert len(result.cells) == 2 + 6
    (alone,) = planned(tmp_path, "model=gaussian", "budget.rung=0.25", "budget.parameters=null").cells
    assert alone.run_id == fitted[0].run_id
    assert "budget.rung=1.0" in fitted[0].command


def test_rungs_that_are_equal_once_rounded_are_refused_in_one_line(own_conf, tmp_path) -> None:
    result = planned(tmp_path, "model=affine", "budget.steps=3", "budget.ladder=[0.3,0.4,1]", conf=own_conf)
    (refusal,) = result.refusals
    assert refusal.reason.startswith("budget.ladder: rungs 0.3 and 0.4 are both budget.steps=1 when rounded")
    assert "\n" not in refusal.reason


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["budget.ladder=[0.25,1/4,1]"], "give rungs that differ"),
        (["budget.ladder=[]"], "give rungs that differ"),
        (["budget.ladder=[0,1]"], "budget.ladder=0: must be more than zero"),
        (["budget.ladder=[2]"], "budget.ladder: 2 is no share of the budget"),
        (["budget.ladder=[1/0,1]"], "'1/0' is no share"),
        (["budget.ladder=[half,1]"], "'half' is no share"),
        (["grid=[{budget.ladder:[[0.5,1]]}]"], "stands for the whole study"),
    ],
)
def test_a_ladder_that_is_none_is_refused(own_conf, tmp_path, words, said) -> None:
    with pytest.raises(BenchError, match=r"no share|more than zero|differ|whole study") as raised:
        planned(tmp_path, "model=affine", *words, conf=own_conf)
    assert said in str(raised.value)


def test_a_rung_that_is_no_share_is_refused() -> None:
    with pytest.raises(BenchError, match=r"budget\.rung: 2 is no share of the budget"):
        compose(["budget.rung=2"])
