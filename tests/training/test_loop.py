import math
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, Diverged, TimedOut
from bench.machine.deadline import Deadline
from bench.models.entry import Entry
from bench.setup import build
from bench.training.checkpoint import load_state, save_state
from bench.training.history import History
from bench.training.loop import train
from bench.training.validation import Validation
from tests.helpers import tiny


class Killed(Exception):
    """Stands for a kill between a validation and the next one."""


def trained(
    config: Config, checkpoint: Path, report=lambda history, share: None, deadline: Deadline | None = None
) -> tuple[Entry, Dataset, History]:
    dataset = build.dataset(config)
    torch.manual_seed(config.seed)
    entry = build.entry_of_width(config, dataset.spec, None)
    history = History()
    train(entry, dataset, config, history, checkpoint, deadline or Deadline(None), report)
    return entry, dataset, history


def weights(entry: Entry) -> list[Tensor]:
    return list(entry.state_dict().values())


def without_clocks(history: History) -> dict:
    rows = [(step, loss, value) for step, _, loss, value, *_ in history.rows]
    counted = {"step", "flops", "field_evaluations", "best_step", "best_value", "best_at", "ended", "selected_by"}
    return {"rows": rows, **{name: getattr(history, name) for name in counted}}


def test_steps_are_met_exactly_and_each_validation_leaves_a_row(own_conf, tmp_path) -> None:
    shares = []
    _, _, history = trained(
        tiny(own_conf, "model=noisy", "budget.steps=23"), tmp_path / "c", lambda _, share: shares.append(share)
    )
    assert history.step == 23
    assert [row[0] for row in history.rows] == [5, 10, 15, 20, 23]
    assert shares == pytest.approx([5 / 23, 10 / 23, 15 / 23, 20 / 23, 1])
    assert all(earlier[1] < later[1] for earlier, later in zip(history.rows, history.rows[1:], strict=False))
    assert 0 < history.step_milliseconds < 1e3 * history.seconds


def test_training_lowers_the_loss(own_conf, tmp_path) -> None:
    _, _, history = trained(tiny(own_conf, "model=affine", "budget.steps=100"), tmp_path / "c")
    assert history.rows[-1][2] < history.rows[0][2] - 0.1
    assert history.best_value < history.rows[0][3] - 0.1


def test_the_weights_that_validated_best_are_kept(own_conf, tmp_path) -> None:
    """At this learning rate the validation value goes up and down."""
    rate = ["train.optimiser.learning_rate=3", "train.optimiser.final=1"]
    config = tiny(own_conf, "model=affine", "budget.steps=60", *rate)
    entry, dataset, history = trained(config, tmp_path / "c")
    values = {row[0]: row[3] for row in history.rows}
    assert history.best_value == min(values.values()) == values[history.best_step]
    assert history.best_step != history.step
    assert Validation(dataset, config).value(entry, Deadline(None))[0] == history.best_value


def test_the_grid_of_the_best_weights_is_kept_with_them(own_conf, tmp_path) -> None:
    """Of steps 1 to 5, validated one by one, the first validates best: a loss this steep only gets worse."""
    options = ("model=cnf_fast", "model.width=8", "model.regrid_every=1", "model.rtol=1e-6", "model.atol=1e-6")
    config = tiny(own_conf, *options, "budget.steps=5", "train.validate_every=1", "train.optimiser.learning_rate=3")
    grids = []
    dataset = build.dataset(config)
    torch.manual_seed(config.seed)
    entry = build.entry_of_width(config, dataset.spec, None)
    history = History()
    train(entry, dataset, config, history, tmp_path / "c", Deadline(None), lambda *_: grids.append(list(entry.grid)))
    assert history.best_step < history.step
    assert grids[history.best_step - 1] != grids[-1]
    assert entry.grid == grids[history.best_step - 1]
    again = build.entry_of_width(config, dataset.spec, None)
    train(again, dataset, config, History(), tmp_path / "c", Deadline(None), lambda *_: None)
    assert again.grid == entry.grid


def test_patience_stops_early(own_conf, tmp_path) -> None:
    config = tiny(
        own_conf,
        "model=affine",
        "budget.steps=1000",
        "train.patience=0.01",
        "train.optimiser.learning_rate=3",
        "train.optimiser.warmup=0",
    )
    _, _, history = trained(config, tmp_path / "c")
    assert history.step < 1000
    assert history.step == history.best_step + 2 * config.train.validate_every
    config.train.patience = None
    assert trained(config, tmp_path / "d")[2].step == 1000


def test_the_flops_of_a_step_equal_a_hand_count_and_their_budget_is_met_within_one(own_conf, tmp_path) -> None:
    """loss = |U D x - x|^2 on 32 examples of 3 coordinates at width 10: products U, D, and three of their gradients."""
    product = 2 * 32 * 3 * 10
    step = 2 * product + (1 + 2) * product
    flops = 12.5 * step
    config = tiny(own_conf, "model=linear", "model.width=10", "budget.steps=null", f"budget.flops={flops}")
    _, _, history = trained(config, tmp_path / "c")
    assert history.flops == history.step * step
    assert flops <= history.flops < flops + step


def test_the_flops_of_steps_are_a_hand_count_too(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=linear", "model.width=10", "budget.steps=11")
    assert trained(config, tmp_path / "c")[2].flops == 11 * 5 * 2 * 32 * 3 * 10


def test_seconds_are_respected(own_conf, tmp_path) -> None:
    """Steps of 20 ms within 0.5 s: no more than a step over on the training clock, whatever the machine does."""
    config = tiny(
        own_conf, "model=slow", "model.seconds=0.02", "budget.steps=null", "budget.seconds=0.5", "train.patience=null"
    )
    _, _, history = trained(config, tmp_path / "c")
    longest = 4 * history.step_milliseconds / 1000
    assert 0.5 <= history.seconds < 0.5 + longest
    assert 2 <= history.step <= 25


def test_validation_is_on_a_clock_of_its_own(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=affine")
    began = time.perf_counter()
    history = trained(config, tmp_path / "c")[2]
    elapsed = time.perf_counter() - began
    assert 0 < history.seconds < elapsed
    assert 0 < history.validation_seconds < elapsed


@pytest.mark.parametrize(("model", "killed_at"), [("noisy", 1), ("noisy", 2), ("noisy", 4), ("vae", 2), ("realnvp", 2)])
def test_a_killed_run_ends_as_if_it_had_not_been(model: str, killed_at: int, own_conf, tmp_path) -> None:
    config = tiny(own_conf, f"model={model}", "model.width=6", "train.checkpoint_seconds=1e-9")
    whole, _, expected = trained(config, tmp_path / "whole")

    def report(history: History, share: float) -> None:
        if len(history.rows) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        trained(config, tmp_path / "c", report)
    state = load_state(tmp_path / "c")
    assert state is not None
    assert state["history"]["step"] == 5 * (killed_at - 1)
    torch.manual_seed(12345)
    resumed, _, history = trained(config, tmp_path / "c")
    assert without_clocks(history) == without_clocks(expected)
    assert all(torch.equal(a, b) for a, b in zip(weights(resumed), weights(whole), strict=True))


def test_a_run_killed_at_every_validation_ends_all_the_same(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=noisy", "train.checkpoint_seconds=1e-9")
    whole, _, expected = trained(config, tmp_path / "whole")
    reached = 0

    def report(history: History, share: float) -> None:
        nonlocal reached
        if history.step > reached + 5:
            reached = history.step - 5
            raise Killed

    kills = 0
    while True:
        try:
            resumed, _, history = trained(config, tmp_path / "c", report)
            break
        except Killed:
            kills += 1
    assert kills == 3
    assert without_clocks(history) == without_clocks(expected)
    assert all(torch.equal(a, b) for a, b in zip(weights(resumed), weights(whole), strict=True))


def test_an_ended_training_is_not_gone_on_with(own_conf, tmp_path) -> None:
    """A kill during the evaluation costs the evaluation alone."""
    config = tiny(own_conf, "model=noisy")
    whole, _, history = trained(config, tmp_path / "c")
    reports = []
    again, _, same = trained(config, tmp_path / "c", lambda *words: reports.append(words))
    assert reports == []
    assert same == history
    assert all(torch.equal(a, b) for a, b in zip(weights(again), weights(whole), strict=True))


def test_a_broken_checkpoint_is_no_checkpoint(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=noisy")
    expected = trained(config, tmp_path / "whole")[2]
    (tmp_path / "c").write_bytes((tmp_path / "whole").read_bytes()[:-10])
    assert without_clocks(trained(config, tmp_path / "c")[2]) == without_clocks(expected)


@pytest.mark.parametrize("part", ["trainer", "entry", "history"])
def test_a_checkpoint_of_other_code_is_one_line_that_names_it(part: str, own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=noisy")
    trained(config, tmp_path / "c")
    state = load_state(tmp_path / "c")
    assert state is not None
    save_state(tmp_path / "c", {name: value for name, value in state.items() if name != part})
    with pytest.raises(BenchError, match=rf"{tmp_path}/c is of other code \('{part}'\); remove it to train anew"):
        trained(config, tmp_path / "c")


def test_checkpoints_wait_for_their_seconds(own_conf, tmp_path) -> None:
    found = []
    config = tiny(own_conf, "model=noisy", "train.checkpoint_seconds=1000")

    def last_step() -> int:
        state = load_state(tmp_path / "c")
        assert state is not None
        return state["history"]["step"]

    trained(config, tmp_path / "c", lambda *_: found.append(last_step()))
    assert found == [0] * 4
    assert last_step() == 20


def test_seeds_decide_the_training_and_nothing_else_does(own_conf, tmp_path) -> None:
    one, _, history = trained(tiny(own_conf, "model=noisy"), tmp_path / "a")
    same, _, same_history = trained(tiny(own_conf, "model=noisy"), tmp_path / "b")
    other, _, _ = trained(tiny(own_conf, "model=noisy", "seed=1"), tmp_path / "c")
    assert without_clocks(history) == without_clocks(same_history)
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(same), strict=True))
    assert not torch.equal(one.shifts, other.shifts)


@pytest.mark.parametrize("step", [1, 5, 6, 13])
def test_a_loss_that_is_not_a_number_names_its_step(step: int, own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=diverging", f"model.at_step={step}")
    with pytest.raises(Diverged, match=rf"the training loss is nan at step {step}$"):
        trained(config, tmp_path / "c")


def test_the_deadline_leaves_the_last_validations_checkpoint(own_conf, tmp_path) -> None:
    """A deadline that passes during the third interval, whatever the speed of the machine."""
    config = tiny(own_conf, "model=noisy", "budget.timeout_seconds=3600")
    deadline = Deadline(3600)

    def pass_it(history: History, share: float) -> None:
        if len(history.rows) == 2:
            deadline.end = 0.0

    with pytest.raises(TimedOut, match=r"budget\.timeout_seconds=3600 passed"):
        trained(config, tmp_path / "c", pass_it, deadline=deadline)
    state = load_state(tmp_path / "c")
    assert state is not None
    assert state["history"]["step"] == 2 * config.train.validate_every
    resumed, whole = trained(config, tmp_path / "c")[2], trained(config, tmp_path / "whole")[2]
    assert without_clocks(resumed) == without_clocks(whole)


def test_field_evaluations_are_counted_over_a_kill(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=cnf", "model.width=6", "budget.steps=10", "train.checkpoint_seconds=1e-9")
    expected = trained(config, tmp_path / "whole")[2]

    def report(history: History, share: float) -> None:
        if len(history.rows) == 2:
            raise Killed

    with pytest.raises(Killed):
        trained(config, tmp_path / "c", report)
    resumed = trained(config, tmp_path / "c")[2]
    assert expected.field_evaluations > 10 * 6
    assert resumed.field_evaluations == expected.field_evaluations


@pytest.mark.parametrize(("selected_by", "cell"), [("nll(exact)", "2.5"), ("mmd2", ""), ("loss", "")])
def test_a_history_holds_only_likelihoods_as_likelihoods(selected_by: str, cell: str) -> None:
    history = History(selected_by=selected_by, rows=[(10, 0.5, 3.0, 2.5, 1.0)])
    assert history.csv_text() == f"step,train_seconds,train_loss_nats,val_nll_nats\n10,0.5,3.0,{cell}\n"


def test_half_a_hundred_validations_share_a_budget_of_steps(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=noisy", "budget.steps=130", "train.validate_every=null")
    _, _, history = trained(config, tmp_path / "c")
    steps = [row[0] for row in history.rows]
    assert steps == [math.ceil(130 * share / 50) for share in range(1, 51)]
    assert history.best_at == history.best_step / 130


def test_a_short_budget_is_validated_after_every_step(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=noisy", "budget.steps=31", "train.validate_every=null")
    assert [row[0] for row in trained(config, tmp_path / "c")[2].rows] == list(range(1, 32))


def test_half_a_hundred_validations_share_a_budget_of_flops(own_conf, tmp_path) -> None:
    step = 5 * 2 * 32 * 3 * 10  # as counted by hand above
    words = ["model=linear", "model.width=10", "budget.steps=null", "train.validate_every=null"]
    history = trained(tiny(own_conf, *words, f"budget.flops={100 * step}"), tmp_path / "c")[2]
    assert [row[0] for row in history.rows] == list(range(2, 101, 2))


def test_validations_share_a_budget_of_seconds(own_conf, tmp_path) -> None:
    """Of a budget of 100 steps of 5 ms; one that takes longer makes the next validation late, none is early."""
    words = [
        "model=slow",
        "model.seconds=0.005",
        "budget.steps=null",
        "budget.seconds=0.5",
        "train.validate_every=null",
    ]
    history = trained(tiny(own_conf, *words), tmp_path / "c")[2]
    shares = [row[1] / 0.5 for row in history.rows]
    assert all(int(50 * later) > int(50 * earlier) for earlier, later in pairwise(shares))
    assert 10 <= len(shares) <= 50


def test_a_run_killed_between_validations_at_shares_goes_on_to_the_same_end(own_conf, tmp_path) -> None:
    words = ["model=noisy", "budget.steps=70", "train.validate_every=null", "train.checkpoint_seconds=1e-9"]
    config = tiny(own_conf, *words)
    whole = trained(config, tmp_path / "whole")[2]

    def report(history: History, share: float) -> None:
        if len(history.rows) == 13:
            raise Killed

    with pytest.raises(Killed):
        trained(config, tmp_path / "c", report)
    assert without_clocks(trained(config, tmp_path / "c")[2]) == without_clocks(whole)
