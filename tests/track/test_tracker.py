"""A tracker is told everything once, and nothing that it does stops or changes a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.record.store import Record
from bench.track.tracker import Tracking, flat, numbers, stored_validations
from bench.training.history import History


class Told:
    """Keeps what it is told, and fails at one call."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.begun, self.steps, self.rows = fails, [], [], []  # type: ignore[var-annotated]
        self.check("build")

    def check(self, call: str) -> None:
        if call == self.fails:
            raise SystemExit("out of order") if call == "end" else RuntimeError("out of order\nmore")

    def begin(self, run_id: str, settings: Mapping[str, Any]) -> None:
        self.check("begin")
        self.begun.append((run_id, settings))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.check("log")
        self.steps.append((step, values))

    def end(self, row: Record) -> None:
        self.check("end")
        self.rows.append(row)


def history(validations: int, selected_by: str = "nll(exact)") -> History:
    rows = [(10 * n, 0.5 * n, 5.0 - n, 6.0 - n, 3.0) for n in range(1, validations + 1)]
    return History(rows=rows, selected_by=selected_by)


def test_each_validation_is_told_once() -> None:
    told = Told()
    tracking = Tracking(lambda: told, print)
    tracking.begin("a-b-s0-1", {"budget": {"steps": 20, "seconds": None}, "grid": [1], "seed": 0})
    tracking.report(history(1))
    tracking.report(history(3))
    assert told.begun == [("a-b-s0-1", {"budget.steps": 20, "seed": 0})]
    assert [step for step, _ in told.steps] == [10, 20, 30]
    assert told.steps[0][1] == {"train_seconds": 0.5, "train_loss_nats": 4.0, "val_nll_nats": 5.0}


def test_a_validation_that_is_no_likelihood_has_its_own_name() -> None:
    told = Told()
    Tracking(lambda: told, print).report(history(1, "mmd2"))
    assert told.steps[0][1]["mmd2"] == 5.0


def test_validations_of_a_pack_are_told_at_the_end(tmp_path: Path) -> None:
    told, trained = Told(), history(3)
    (tmp_path / "history.csv").write_text(trained.csv_text())
    tracking = Tracking(lambda: told, print)
    tracking.begin("a-b-s0-1", {})
    tracking.report(history(1))
    tracking.end({"status": "ok", "nll_nats": 1.0}, tmp_path)
    assert [step for step, _ in told.steps] == [10, 20, 30]
    assert told.steps == [(step, values) for step, values in stored_validations(tmp_path)]
    assert told.rows == [{"status": "ok", "nll_nats": 1.0}]


@pytest.mark.parametrize("fails", ["build", "begin", "log", "end"])
def test_a_tracker_that_fails_is_said_once_and_dropped(fails: str, tmp_path: Path) -> None:
    said: list[str] = []
    tracking = Tracking(lambda: Told(fails), said.append)
    tracking.begin("a-b-s0-1", {})
    tracking.report(history(2))
    tracking.report(history(3))
    tracking.end({"status": "ok"}, tmp_path)
    kind = "SystemExit" if fails == "end" else "RuntimeError"
    assert said == [f"warning: tracking ended, the run goes on: {kind}: out of order"]


def test_a_tracker_that_fails_at_the_end_of_a_pack_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text(history(3).csv_text())
    said: list[str] = []
    tracking = Tracking(lambda: Told("log"), said.append)
    tracking.begin("a-b-s0-1", {})
    tracking.end({"status": "ok"}, tmp_path)
    assert said == ["warning: tracking ended, the run goes on: RuntimeError: out of order"]


def test_an_interrupt_is_no_failure_of_the_tracker() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Tracking(interrupted, print)  # type: ignore[arg-type]


def test_numbers_of_a_row_are_finite() -> None:
    row = {"a": 1, "b": float("nan"), "c": "x", "d": None, "e": float("inf"), "f": 2.5}
    assert numbers(row) == {"a": 1.0, "f": 2.5}


def test_settings_are_flat() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": None}, "e": [1, 2]}) == {"a.b.c": 1, "e": [1, 2]}
