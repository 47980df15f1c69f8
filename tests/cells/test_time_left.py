"""The time that a grid has left."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bench.cells.dry_run import Price
from bench.cells.time_left import TimeLeft


@dataclass
class Clock:
    time: float = 0.0

    def __call__(self) -> float:
        return self.time


@dataclass
class Cell:
    """What the clock reads of an order."""

    run_id: str
    model: str = "vae"
    steps: int = 100
    setting: Any = field(init=False)

    def __post_init__(self) -> None:
        config = {"budget": {"steps": self.steps}}
        self.setting = SimpleNamespace(place={"data": "digits", "model": self.model}, config=config)


def left(*cells: Cell, workers: int = 1, **prices: Price) -> tuple[TimeLeft, Clock]:
    clock = Clock()
    known = {("digits", model): price for model, price in prices.items()}
    return TimeLeft({cell.run_id: cell for cell in cells}, workers, known, clock), clock  # type: ignore[misc]


def record(seconds: float, steps: int = 100) -> dict[str, Any]:
    return {"status": "ok", "data": "digits", "model": "vae", "steps": steps, "train_seconds": seconds}


def test_nothing_is_said_where_nothing_is_known() -> None:
    clock, _ = left(Cell("a"), Cell("b"))
    assert clock.seconds() is None


def test_earlier_runs_say_how_long_and_what_is_under_way_counts() -> None:
    clock, now = left(Cell("a"), Cell("b"), Cell("c"), workers=2, vae=Price(10, 0.1))
    assert clock.seconds() == pytest.approx(3 * 20 / 2)
    clock.begin(["a"])
    now.time = 5
    assert clock.seconds() == pytest.approx((15 + 20 + 20) / 2)


def test_the_pace_here_sets_earlier_runs_right() -> None:
    clock, now = left(Cell("a"), Cell("b"), Cell("c", "cnf"), vae=Price(10, 0.1), cnf=Price(40, 0))
    clock.begin(["a"])
    now.time = 40
    clock.end("a", record(20))
    assert clock.seconds() == pytest.approx(2 * (20 + 40))


def test_a_model_of_which_nothing_is_known_takes_as_long_as_others() -> None:
    clock, now = left(Cell("a"), Cell("b", "new"))
    clock.begin(["a"])
    now.time = 30
    clock.end("a", record(25))
    assert clock.seconds() == pytest.approx(30)


def test_what_failed_or_was_finished_says_nothing_of_the_rest() -> None:
    clock, now = left(Cell("a"), Cell("b"), Cell("c"), vae=Price(10, 0.1))
    clock.end("a")
    clock.begin(["b"])
    now.time = 1
    clock.end("b", {"status": "failed"})
    assert clock.seconds() == pytest.approx(20)
    clock.end("c")
    assert clock.seconds() == 0
