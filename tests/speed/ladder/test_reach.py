import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.speed.figure import Target
from bench.speed.interleave import Spread
from bench.speed.ladder import race as races
from bench.speed.ladder import reach as story
from bench.speed.ladder.race import Limits, Race
from bench.speed.ladder.racers import Racer
from bench.speed.ladder.reach import Summary, reach
from bench.speed.ladder.rows import BY_HAND, STOCK
from tests.speed.ladder.helpers import CPU, tiny

pytestmark = pytest.mark.long

LIMITS = Limits(every=2, patience=2, most_seconds=1.0, slack=20.0, stale=3)
STOCK_CURVE = [[1.0, 5, 9.0], [2.0, 10, 7.0], [3.0, 15, 8.0]]


def race(curve: list[list[float]], compile_seconds: float | None = None, ended: str = "reached") -> Race:
    return Race({}, curve, compile_seconds, ended)


def test_the_time_is_that_of_the_first_measurement_as_good_as_ffjords_best_of_the_same_seed() -> None:
    stock = [race(STOCK_CURVE), race([[4.0, 5, 6.0]])]
    ours = [race([[0.1, 5, 7.5], [0.2, 10, 6.9], [0.3, 15, 6.5]], 10.0), race([[0.5, 5, 6.0]], 20.0)]
    summary = Summary(Racer(BY_HAND), ours, stock, {STOCK.key: stock}, step_flops=100.0)
    assert summary.seconds(ours) == [0.2, 0.5]
    alone, whole, near, near_whole = summary.figures(tiny().setting)
    assert alone.ours == pytest.approx(0.35)
    assert alone.theirs == pytest.approx(3.0)
    assert alone.ratio == Spread.of([0.2 / 2.0, 0.5 / 4.0])
    assert alone.compile_seconds == pytest.approx(15.0)
    assert alone.flops == 100.0 * (10 + 5) / 2
    assert whole.ours == pytest.approx((10.2 + 20.5) / 2)
    assert whole.what == f"{alone.what}, compiling included"
    assert near.what == f"{alone.what} + 0.1"
    assert near.ours == pytest.approx(0.35)  # 7.1 and 6.1 are reached no sooner
    assert (near_whole.what, near_whole.ours) == (f"{near.what}, compiling included", whole.ours)
    dot = summary.dot()
    assert dot is not None  # of the times to 0.1 nats above
    assert (dot.value, dot.ring) == (pytest.approx(0.35), pytest.approx(15.35))


def test_a_seed_that_falls_short_leaves_the_figure_empty_and_says_so() -> None:
    stock = [race(STOCK_CURVE), race(STOCK_CURVE)]
    ours = [race([[0.1, 5, 6.0]]), race([[9.0, 5, 7.05]], ended="gave up")]
    summary = Summary(Racer(BY_HAND, times=2.0), ours, stock, {STOCK.key: stock})
    figure, near = summary.figures(tiny().setting)
    assert (figure.target, figure.met) == (Target(0.5), "no")
    assert near.ours == pytest.approx((0.1 + 9.0) / 2)
    assert figure.ours is None
    assert "1 of 2 seeds" in figure.note
    assert "gave up at 7.05" in figure.note
    dot = summary.dot()
    assert dot is not None
    assert dot.value == near.ours
    assert Summary(Racer(BY_HAND), [ours[0], race([[9.0, 5, 7.2]])], stock, {STOCK.key: stock}).dot() is None


def test_a_row_is_set_beside_the_first_to_arrive_of_those_that_it_names() -> None:
    stock, ours = [race(STOCK_CURVE)] * 2, [race([[0.5, 5, 7.0]])] * 2
    fast = [race([[1.0, 5, 7.0]]), race([[1.5, 5, 7.0]])]
    racer = Racer(BY_HAND, beside=(STOCK.key, "ffjord-rate-0.01"), times=4.0)
    figure, _ = Summary(racer, ours, stock, {STOCK.key: stock, "ffjord-rate-0.01": fast}).figures(tiny().setting)
    assert figure.ratio == Spread.of([0.5, 0.5 / 1.5])
    assert (figure.theirs, figure.target, figure.met) == (1.25, Target(0.25), "no")
    assert "beside ffjord-rate-0.01;" in figure.note
    short = [race([[1.0, 5, 7.0]]), race([[1.0, 5, 7.5]])]  # one of them never does
    figure, _ = Summary(racer, ours, stock, {STOCK.key: stock, "ffjord-rate-0.01": short}).figures(tiny().setting)
    assert figure.theirs == 2.0
    assert "beside ffjord;" in figure.note


def test_one_seed_has_no_ratio_to_hold_against_a_target() -> None:
    stock, ours = [race(STOCK_CURVE)], [race([[0.01, 5, 7.0]])]
    figure, _ = Summary(Racer(BY_HAND, times=4.0), ours, stock, {STOCK.key: stock}).figures(tiny().setting)
    assert (figure.ours, figure.ratio, figure.met) == (0.01, None, "")


@pytest.mark.parametrize("off", [0.02, math.nan])
def test_an_evaluator_that_is_too_coarse_voids_the_row(off: float) -> None:
    stock = [race(STOCK_CURVE)] * 2
    ours = [race([[0.5, 5, 6.0]]), replace(race([[0.5, 5, 6.0]]), evaluator_error=off)]
    figures = Summary(Racer(BY_HAND), ours, stock, {STOCK.key: stock}).figures(tiny().setting)
    assert [figure.ours for figure in figures] == [None, None]
    assert all(figure.note.startswith("void: the evaluator is") for figure in figures)


def fails(size):
    raise RuntimeError("no such solver")


def test_trainings_are_kept_and_only_missing_ones_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = replace(BY_HAND, key="absent", name="absent", needs=("bench_absent",))
    broken = replace(BY_HAND, key="broken", name="broken", start=fails)
    rows = (Racer(STOCK), Racer(BY_HAND), Racer(absent), Racer(broken))
    setting = tiny().setting
    figures = {figure.what: figure for figure in reach(CPU, tmp_path, setting, LIMITS, rows, seeds=(0, 1))}
    assert (tmp_path / "speed" / "cpu-reach.png").read_bytes().startswith(b"\x89PNG")
    stock = figures[story.what(STOCK)]
    assert stock.ratio == Spread(1.0, 1.0, 1.0)
    assert stock.flops is not None
    assert stock.flops > 0
    assert figures[story.what(absent)].note.startswith("skipped: bench_absent is not installed")
    assert "RuntimeError: no such solver" in figures[story.what(broken)].note
    folder = tmp_path / "speed" / "reach"
    files = sorted(path.name for path in folder.iterdir())
    assert files == [f"cpu-{key}-s{seed}.json" for key in ("broken", "by-hand", "ffjord") for seed in (0, 1)]
    ours = json.loads((folder / "cpu-by-hand-s0.json").read_text())
    best = min(nll for *_, nll in json.loads((folder / "cpu-ffjord-s0.json").read_text())["curve"])
    assert ours["of"]["target"] == best
    assert (ours["curve"][-1][-1] <= best) == (ours["ended"] == "reached")
    assert ours["evaluator_error"] < 1e-4
    *lines, uncounted = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert uncounted == "reach: broken: no share of the peak: RuntimeError: no such solver"

    (folder / "cpu-by-hand-s1.json").unlink()
    made = []
    race = races.race
    monkeypatch.setattr(races, "race", lambda row, *rest: made.append(row.key) or race(row, *rest))
    reach(CPU, tmp_path, setting, LIMITS, (Racer(STOCK), Racer(BY_HAND)), seeds=(0, 1))
    assert made == ["by-hand"]
    reach(CPU, tmp_path, replace(setting, steps=3), LIMITS, (Racer(STOCK), Racer(BY_HAND)), seeds=(0,))
    assert made == ["by-hand", "ffjord", "by-hand"]
