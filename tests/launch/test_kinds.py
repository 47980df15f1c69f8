"""Words of a command that no launcher could do, and options held against the kinds of a constructor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.launch.launcher import launcher_of
from tests.helpers import TINY, records

WHOLE, FINITE = "give a whole number", "give a finite number"


@pytest.mark.parametrize(
    ("launcher", "option", "value", "said"),
    [
        ("workers.Workers", "processes", "two", f"processes=two: {WHOLE}"),
        ("workers.Workers", "processes", None, f"processes=null: {WHOLE}"),
        ("workers.Workers", "processes", 1.5, f"processes=1.5: {WHOLE}"),
        ("workers.Workers", "processes", True, f"processes=true: {WHOLE}"),
        ("workers.Workers", "processes", "1\n2", f"processes=1 2: {WHOLE}"),
        ("workers.Workers", "gpus", "x", f"gpus=x: {FINITE} or null"),
        ("workers.Workers", "exclusive", 1, "exclusive=1: give true or false"),
        ("slurm.Slurm", "minutes", "abc", f"minutes=abc: {WHOLE}"),
        ("slurm.Slurm", "memory_gb", float("inf"), f"memory_gb=Infinity: {FINITE}"),
        pytest.param("slurm.Slurm", "memory_gb", 10**400, f"characters): {FINITE}", id="huge"),
        ("slurm.Slurm", "options", "abc", "options=abc: give a mapping such as {name: value} or null"),
        ("ray.Ray", "cpus", "x", f"cpus=x: {FINITE} or null"),
        ("ray.Ray", "cpus", float("nan"), f"cpus=NaN: {FINITE} or null"),
        ("ray.Ray", "retries", 1.5, f"retries=1.5: {WHOLE}"),
        ("ray.Ray", "address", None, "address=null: give a text"),
    ],
)
def test_an_option_of_a_wrong_kind_is_one_line(launcher: str, option: str, value: Any, said: str) -> None:
    with pytest.raises(BenchError) as caught:
        launcher_of({"_target_": f"bench.launch.{launcher}", option: value})
    assert str(caught.value).startswith(f"launch.{option}=")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("job_name", "leave it out"),
        ("job-name", "leave it out"),
        ("array", "leave it out"),
        ("no_requeue", "a job goes on when it is put back, so leave it out"),
        ("signal", "give launch.signal_seconds"),
        ("time", "give launch.minutes"),
    ],
)
def test_an_option_of_sbatch_that_the_launcher_sets_is_refused(name: str, instead: str) -> None:
    """`bench cancel` ends jobs by their name, and says that they have ended."""
    with pytest.raises(BenchError) as caught:
        launcher_of({"_target_": "bench.launch.slurm.Slurm", "options": {"qos": "low", name: "x"}})
    assert str(caught.value) == f"launch.options: {name} is set by the launcher itself; {instead}"


@pytest.mark.cluster
def test_what_fits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit.SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    options = {"memory_gb": 2, "account": 2024, "partition": None, "options": {"qos": "low"}, "detach": True}
    made: Any = launcher_of({"_target_": "bench.launch.slurm.Slurm", **options})
    assert (made.parameters["mem"], made.parameters["account"], made.parameters["partition"]) == ("2048M", "2024", None)


def test_a_command_with_such_an_option_begins_nothing(bench_call: Callable, tmp_path: Path) -> None:
    answer = bench_call("run", *TINY, "model=gaussian", "launch=workers", "launch.processes=two")
    assert (answer.code, answer.err) == (2, f"bench: launch.processes=two: {WHOLE}\n")
    assert not records(tmp_path / "results/scratch")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["workers=0"], "workers=0: must be more than zero"),
        (["launch=wrkers"], "unknown launch 'wrkers' in conf/launch; did you mean workers or here?"),
        (["launch=workers", "launch.proceses=2"], "unknown option 'proceses' in launch; did you mean processes?"),
    ],
)
def test_a_command_that_no_launcher_could_do_is_one_line(words: list[str], said: str, bench_call: Callable) -> None:
    answer = bench_call("run", *TINY, "model=gaussian", *words)
    assert (answer.code, answer.err, answer.out) == (2, f"bench: {said}\n", "")
    assert not Path("results").exists()


@pytest.mark.cluster
def test_a_machine_without_slurm_is_one_line(
    bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit", reason="submitit is an extra: pip install -e '.[slurm]'")
    monkeypatch.setenv("PATH", str(tmp_path))
    answer = bench_call("run", *TINY, "model=gaussian", "launch=slurm")
    said = "bench: launch=slurm: there is no srun on this machine; run the command on a login node\n"
    assert (answer.code, answer.err) == (2, said)
    assert not (tmp_path / "results").exists()
