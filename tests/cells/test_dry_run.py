"""`bench run --dry-run`: what would run, what is finished, what is refused, and hours from earlier rows."""

import pytest

from bench.cells.dry_run import clock
from tests.helpers import TINY

SIZED = [*TINY, "model=realnvp", "budget.parameters=null", "model.width=8"]


def words(conf, *overrides: str) -> list[str]:
    return ["run", "--config-dir", str(conf), *TINY, *overrides]


def test_it_says_what_would_run_and_writes_nothing(own_conf, bench_call, tmp_path) -> None:
    answer = bench_call(*words(own_conf, "-m", "model=affine,linear", "seed=0,1", "budget.tolerance=0.9", "--dry-run"))
    assert answer.code == 0, answer.err
    *settings, last = answer.out.splitlines()
    assert [line.split()[:2] for line in settings] == [["linear_gaussian", "affine"], ["linear_gaussian", "linear"]]
    assert all("2 to run, no earlier row says how long" in line for line in settings)
    assert last == "4 runs: 4 to run; no earlier row says how long 4 of them take"
    assert list(tmp_path.iterdir()) == []


def test_finished_runs_are_counted_and_their_seconds_price_the_others(own_conf, bench_call, tmp_path) -> None:
    assert bench_call(*words(own_conf, "model=affine", "seed=0")).code == 0
    answer = bench_call(*words(own_conf, "-m", "model=affine", "seed=0,1,2", "--dry-run"))
    setting, last = answer.out.splitlines()
    assert "2 to run, 1 finished (1 ok), about " in setting
    assert "no earlier row" not in answer.out
    assert last.startswith("3 runs: 2 to run, 1 finished; about ")
    again = bench_call(*words(own_conf, "-m", "model=affine", "seed=0,1,2", "--dry-run", "--again"))
    assert "3 runs: 3 to run" in again.out


def test_what_is_refused_is_named_and_is_a_failure(own_conf, bench_call) -> None:
    answer = bench_call(*words(own_conf, "-m", "model=affine,unbuildable", "--dry-run"))
    assert answer.code == 2
    assert "1 refused: model=unbuildable cannot be built" in answer.out
    assert "2 runs: 1 to run, 1 refused" in answer.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("launch", "said"),
    [
        (["launch=workers", "launch.processes=0"], "launch.processes=0: give at least 1"),
        (["launch=workers", "launch.gpus=2"], "launch.gpus=2: give 1, or a whole part of one such as 0.5 or 0.25"),
        (["launch=here", "+launch.proceses=2"], "unknown option 'proceses' in launch; did you mean processes?"),
        (["launch=slurm", "launch.minutes=0"], "launch.minutes=0: give more than 0"),
        (["launch=ray", "launch.retries=x"], "launch.retries=x: give a whole number"),
        (["launch=here", "launch.exclusive=true", "pack=seeds"], "packed runs share their clock; leave out pack="),
    ],
)
def test_a_mistake_in_the_options_of_a_launcher_is_refused(launch: list[str], said: str, bench_call, tmp_path) -> None:
    """As it is where the cells are made; no cluster is asked."""
    answer = bench_call("run", "-m", *SIZED, "seed=0,1", *launch, "--dry-run")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1), answer
    assert said in answer.err
    assert list(tmp_path.iterdir()) == []


def test_trials_of_a_dry_run_have_a_launcher_too(bench_call) -> None:
    answer = bench_call("tune", "scratch", *SIZED, "launch=workers", "launch.gpus=2", "--dry-run")
    said = "bench: launch.gpus=2: give 1, or a whole part of one such as 0.5 or 0.25\n"
    assert (answer.code, answer.out, answer.err) == (2, "", said)


def test_lengths_of_time_are_in_a_unit_that_a_person_reads() -> None:
    assert [clock(seconds) for seconds in (7.4, 300, 7200, 360_000)] == ["7 s", "5 min", "2.0 h", "100.0 h"]
