"""Hours of a command, said before its first run."""

import math

import pytest

from bench.cells.planning import Orders, Untuned
from bench.commands import above
from bench.trials.hours import (
    NO_TRAINING,
    Due,
    Price,
    Training,
    crowding,
    mean_of,
    training_of,
    trial_share,
    trials_due,
    validations,
)
from bench.tuning.space import BESIDE, COUNT

PRICE = Price(step=0.01, validation=0.1, evaluation=3.0)
LONG, SHORT = Training(1000, math.inf, 50), Training(250, math.inf, 50)


def config(steps: int | None = 1000, seconds: float | None = None, every: int | None = None, ladder=None) -> dict:
    return {
        "budget": {"steps": steps, "seconds": seconds, "rung": 1.0, "ladder": ladder},
        "train": {"validate_every": every},
    }


def test_a_training_costs_its_steps_and_its_validations() -> None:
    assert PRICE.training(LONG) == pytest.approx(10 + 50 * 0.1)
    assert Price(0.0, 0.0, 3.0).training(NO_TRAINING) == 0.0  # fitted


@pytest.mark.parametrize(
    ("steps", "every", "count"), [(1000, None, 50), (20, None, 20), (20, 5, 4), (21, 5, 5), (0, None, 50)]
)
def test_validations_are_those_of_the_loop(steps: int, every: int | None, count: int) -> None:
    assert validations(steps, every) == count


def test_a_budget_of_seconds_is_a_bound() -> None:
    assert PRICE.training(training_of(config(steps=None, seconds=2.0))) == pytest.approx(2 + 5)
    assert PRICE.training(training_of(config(steps=1000, seconds=2.0))) == pytest.approx(2 + 5)


def test_trials_have_the_middle_rung_and_runs_of_several_rungs_their_mean() -> None:
    one = config(ladder=[1 / 16, 1 / 4, 1])
    assert training_of(one, trial_share(one)).steps == 250
    assert mean_of([LONG, SHORT]).steps == 625


def test_trials_are_trained_and_runs_are_evaluated_too() -> None:
    due = Due(trials=8, default=3, tuned=3, trial=SHORT, run=LONG)
    assert str(due) == "8 trials of 250 steps, 6 runs of 1,000 steps"
    assert due.seconds(PRICE) == pytest.approx(8 * (2.5 + 5) + 6 * (15 + 3))
    assert due.seconds(PRICE._replace(start=0.5)) == pytest.approx(8 * (2.5 + 5) + 6 * (15 + 3) + 14 * 0.5)


def test_a_fitted_entry_has_no_trials_and_is_run_once_for_both_settings() -> None:
    due = Due(trials=8, default=3, tuned=3, trial=LONG, run=LONG).of_fitted()
    assert str(due) == "3 runs"
    assert due.seconds(Price(0.0, 0.0, 2.0)) == 6.0


def test_workers_share_the_cores_that_others_leave() -> None:
    assert crowding(0.0, workers=2, cores=2) == 1.0
    assert crowding(0.0, workers=4, cores=2) == 2.0
    assert crowding(2.0, workers=2, cores=2) == pytest.approx(4 / 3)


def test_every_fold_has_trials_of_its_own_and_data_that_are_not_tuned_on_have_none(tmp_path) -> None:
    def asked(data: dict, seeds: range, tuned_on: list[str] | None = None) -> Untuned:
        plain = {"data": data, "model": {"name": "vae"}, "budget": {"rung": 1.0, "ladder": None}}
        tune = {"knob": None, "data": tuned_on, "seed": 1000}
        train = {"optimiser": {"learning_rate": 0.01}}
        words = ["model=vae", f"data={data['name']}"]
        return Untuned({**plain, "tune": tune, "train": train}, [([*words, f"seed={seed}"], seed) for seed in seeds])

    digits, moons = {"name": "digits", "fold": None}, {"name": "moons"}
    each = COUNT + BESIDE
    due = trials_due(Orders(untuned=[asked(digits, range(3)), asked(moons, range(3))]), tmp_path)
    assert due == {("digits", "vae"): 3 * each, ("moons", "vae"): each}
    named = ["moons"]
    due = trials_due(Orders(untuned=[asked(digits, range(3), named), asked(moons, range(3), named)]), tmp_path)
    assert due == {("moons", "vae"): each}


def test_a_forecast_above_the_hours_says_what_to_do() -> None:
    assert above(None, 1e6, config()) == ""
    assert above(1.0, 3600.0, config()) == ""
    line = above(1.0, 9000.0, config())
    assert line == (
        "about 2.5 h is above hours=1: give it hours=2.5, or fewer steps, such as budget.steps=400, or fewer models"
    )
