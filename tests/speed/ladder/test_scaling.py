import csv
from pathlib import Path

import pytest

from bench.speed.cnf_problem import Setting
from bench.speed.interleave import Effort
from bench.speed.ladder.rows import BY_HAND, STOCK
from bench.speed.ladder.scaling import AXES, DIM, Axis, Series, scaling
from tests.speed.ladder.helpers import CPU

pytestmark = pytest.mark.long

AXIS = Axis("width", "hidden units", (2, 4, 8, 16))


def test_the_exponent_is_that_of_the_larger_half_whatever_a_round_costs() -> None:
    # 3 n² in one round and 6 n² in another; below the larger half a price that no size changes.
    times = {2: [500.0, 500.0], 4: [500.0, 500.0], 8: [192.0, 384.0], 16: [768.0, 1536.0]}
    found = Series(BY_HAND, AXIS, times).exponent()
    assert found.mean == pytest.approx(2.0)
    assert found.half_width == pytest.approx(0.0, abs=1e-9)
    assert found.n == 2


def test_each_axis_varies_one_size_around_the_same_point() -> None:
    assert [axis.values for axis in AXES] == [
        (32, 64, 128, 256, 512, 1024, 2048), (2, 8, 32, 64, 196, 784), (32, 64, 128, 256, 512, 1024), (1, 2, 4, 8, 16)
    ]  # fmt: skip
    for axis in AXES:
        base = DIM if axis.name == "dim" else getattr(Setting(), axis.name)
        assert base in axis.values
        size = axis.size(base, CPU)
        assert (size.setting, size.dim) == (Setting(), DIM)
        other = axis.size(axis.values[0], CPU)
        assert (other.setting, other.dim) != (Setting(), DIM)


def test_a_shrunk_comparison_gives_exponents_times_and_a_picture(tmp_path: Path) -> None:
    axes = (
        Axis("batch_size", "examples", (2, 4, 8)),
        Axis("width", "units", (4, 8, 16)),
        Axis("steps", "steps", (1, 2, 3)),
    )
    figures = scaling(CPU, tmp_path, Effort(seconds=0, rounds=2), axes)
    assert [figure.what for figure in figures] == [
        "cnf_fast: exponent of examples", "FFJORD, dopri5: exponent of examples", "cnf_fast: exponent of units",
        "FFJORD, dopri5: exponent of units", "cnf_fast: exponent of steps", "cnf_fast, 8 examples: step",
        "FFJORD, dopri5, 8 examples: step", "cnf_fast, 16 units: step", "FFJORD, dopri5, 16 units: step",
        "cnf_fast, 3 steps: step",
    ]  # fmt: skip
    exponents, largest = figures[:5], figures[5:]
    assert all(figure.ours > 0 for figure in largest)
    # 16 evaluations of two layers of 8 units, forward alone: 2 x 256 x (64 x 8 + 8 x 8 + 8 x 64) operations each.
    assert largest[2].flops > 16 * 2 * 256 * (64 * 8 + 8 * 8 + 8 * 64)
    for figure in exponents:
        assert figure.ours is not None
        assert "2 rounds ±" in figure.note
    with (tmp_path / "speed" / "cpu-scaling.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == (2 * 3 + 2 * 3 + 3) * 2
    assert {row["method"] for row in rows} == {BY_HAND.key, STOCK.key}
    assert all(float(row["milliseconds"]) > 0 for row in rows)
    assert (tmp_path / "speed" / "cpu-scaling.png").read_bytes().startswith(b"\x89PNG")
