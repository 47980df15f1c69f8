"""Commands over records alone, as many as are asked for."""

import math
from pathlib import Path

import pytest

from bench.cells.dry_run import records_of_study
from bench.speed.cases.records import Grid, growth, records


def test_each_command_is_timed_and_finds_every_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    figures = list(records((20,)))
    assert [figure.what.split(":")[0] for figure in figures[::2]] == [
        "plan of 20 runs",
        "status of 20 runs",
        "report of 20 runs",
    ]
    assert all(figure.ours for figure in figures)
    assert capfd.readouterr().err == ""


def test_the_runs_of_the_grid_are_those_of_its_command(tmp_path: Path, bench_call) -> None:
    grid = Grid(tmp_path, 40)
    grid.write()
    assert len(records_of_study(tmp_path / "scratch")) == 40
    answer = bench_call("run", "-m", *grid.words)
    assert answer.code == 0
    assert answer.out.count("finished before: ok") == 40


def test_growth_has_an_exponent_of_each_command_and_a_plot(tmp_path: Path) -> None:
    figures = {figure.what: figure for figure in growth((20, 40), tmp_path)}
    for name in ("seconds", "memory"):
        for command in ("plan", "status", "report"):
            exponent = figures[f"{name} of {command}: exponent in runs, 20 to 40"]
            what = f"{command} of {{}} runs" + (": peak memory" if name == "memory" else "")
            ratio = figures[what.format(40)].ours / figures[what.format(20)].ours
            assert exponent.ours == pytest.approx(math.log2(ratio))
    assert (tmp_path / "speed/growth.png").read_bytes().startswith(b"\x89PNG")
