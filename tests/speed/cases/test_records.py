"""Commands over records alone, as many as are asked for."""

from pathlib import Path

import pytest

from bench.cells.dry_run import records_of_study
from bench.speed.cases.records import Grid, records


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
