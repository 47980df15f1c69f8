"""Hours of a command, said before its first run."""

import pytest

from bench.trials.hours import Due, Price

PRICE = Price(step=0.01, validation=0.1, evaluation=3.0)


def test_a_training_costs_its_steps_and_its_validations() -> None:
    assert PRICE.training(1000) == pytest.approx(10 + 50 * 0.1)
    assert Price(0.0, 0.0, 3.0).training(1) == 0.0  # fitted


def test_trials_are_trained_and_runs_are_evaluated_too() -> None:
    due = Due(trials=8, trial_steps=250, default=3, tuned=3, run_steps=1000)
    assert str(due) == "8 trials of 250 steps, 6 runs of 1,000 steps"
    assert due.seconds(PRICE) == pytest.approx(8 * (2.5 + 5) + 6 * (15 + 3))


def test_a_fitted_entry_has_no_trials_and_is_run_once_for_both_settings() -> None:
    due = Due(trials=8, trial_steps=1, default=3, tuned=3, run_steps=1).of_fitted()
    assert str(due) == "3 runs"
