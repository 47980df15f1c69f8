"""Jobs of SLURM that a study's folder names: its programs are scripts that answer as SLURM's own do."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.launch.files import FOLDER
from bench.launch.jobs import ENDED, UNKNOWN, Job, cancelled, jobs_of
from bench.launch.remote import JOB, TASK
from bench.record.runs import entries
from bench.upkeep import status
from bench.upkeep.clean import leftovers
from tests.helpers import TINY

Script = Callable[[str, str], None]
QUEUE = "echo 12_0 RUNNING; echo 12_2 PENDING; echo 13 PENDING"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Puts a program of SLURM in front of the path; its words are kept in a file of its name with `.words`."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place), prepend=os.pathsep)

    def write(name: str, lines: str) -> None:
        (place / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}.words\n{lines}\n')
        (place / name).chmod(0o755)

    return write


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Of four processes: three with a job, one of which is over, and one without, of a version before 256 folders."""
    folder = tmp_path / "results/scratch"
    (folder / "runs").mkdir(parents=True)
    for name, handle in (("0a/a", "12_0"), ("0a/b", "12_1"), ("0c/c", "12_2"), ("d", None)):
        (folder / FOLDER / name).mkdir(parents=True)
        if handle is not None:
            (folder / FOLDER / name / JOB).write_text(handle)
    return folder


def states(study: Path) -> dict[str, str]:
    return {job.handle: job.state for job in jobs_of(study)}


def test_states_are_those_of_the_queue(study: Path, script: Script, tmp_path: Path) -> None:
    script("squeue", QUEUE)
    assert states(study) == {"12_0": "running", "12_1": ENDED, "12_2": "pending"}
    assert (tmp_path / "squeue.words").read_text() == "-h -r -o %i %T -j 12\n"


def test_jobs_that_slurm_has_forgotten_are_over(study: Path, script: Script) -> None:
    script("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert set(states(study).values()) == {ENDED}


def test_where_slurm_gives_no_answer_nothing_is_known(study: Path, script: Script) -> None:
    script("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert set(states(study).values()) == {UNKNOWN}
    assert [leftover.path.name for leftover in leftovers(study, lambda name: None)] == ["d"]


@pytest.mark.parametrize("text", ["", "12; rm -rf /", "--user=root", "12_0\n13", "1" * 101])
def test_what_is_no_id_names_no_job(text: str, study: Path, script: Script) -> None:
    script("squeue", QUEUE)
    (study / FOLDER / "0a" / "a" / JOB).write_text(text)
    assert "12_0" not in states(study)


def test_a_link_is_not_followed(study: Path, script: Script, tmp_path: Path) -> None:
    script("squeue", QUEUE)
    (study / FOLDER).rename(tmp_path / "elsewhere")
    (study / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert jobs_of(study) == []


def test_jobs_are_ended_by_their_ids_and_only_those_of_the_bench(script: Script, tmp_path: Path) -> None:
    script("scancel", "")
    assert cancelled([Job(tmp_path, "12_0", "running"), Job(tmp_path, "13", "pending")])
    assert (tmp_path / "scancel.words").read_text() == "--name=bench 12_0 13\n"
    script("scancel", "exit 1")
    assert not cancelled([Job(tmp_path, "12_0", "running")])


ORDER = '{"setting": {"config": 1, "place": {}, "content": [], "evaluation": 2}, "seed": 0, "number": 0, "command": ""}'
TASKS = ["", "[]", "{}", '{"orders": 3}', '{"orders": [3]}', '{"orders": [{"seed": 1}]}', f'{{"orders": [{ORDER}]}}']


@pytest.mark.parametrize("text", TASKS)
def test_a_task_that_is_none_names_no_run(text: str, tmp_path: Path) -> None:
    (tmp_path / TASK).write_text(text)
    assert Job(tmp_path, "12_0", "running").runs() == set()


def test_status_says_them_and_waits_for_them(
    study: Path, script: Script, bench_call: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("squeue", QUEUE)
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            script("squeue", "")

    assert "jobs of SLURM: 1 pending, 1 running\n" in bench_call("status", "scratch").out
    assert json.loads(bench_call("status", "scratch", "--json").out)["jobs"] == {"running": 1, "pending": 1}
    assert status.status_command(study, True, False, lambda line: None, sleep) == 0
    assert len(looks) == 2, "while there are jobs"


def test_cancel_ends_what_a_detached_command_has_left(study: Path, script: Script, bench_call: Callable) -> None:
    script("squeue", QUEUE)
    script("scancel", "exit 1")
    answer = bench_call("cancel", "scratch")
    assert answer.code == 1
    assert answer.out == "not reached: 2 jobs of SLURM, such as 12_0: bench cancel on a machine with scancel\n"
    script("scancel", "")
    answer = bench_call("cancel", "scratch")
    assert (answer.code, answer.out) == (0, "ended: 2 jobs of SLURM, such as 12_0\n")
    assert [path.name for path in entries(study / FOLDER)] == ["b", "d"]
    assert not (study / FOLDER / "0c").exists(), "nothing is left in it"
    assert "no command drives scratch now" in bench_call("cancel", "scratch").err


def test_clean_removes_tasks_that_nobody_waits_for(study: Path, script: Script, bench_call: Callable) -> None:
    script("squeue", QUEUE)
    assert bench_call("clean", "scratch", "--yes").code == 0
    assert [path.name for path in entries(study / FOLDER)] == ["a", "c"]
    script("squeue", "")
    assert bench_call("clean", "scratch", "--yes").code == 0
    assert not (study / FOLDER).exists()


@pytest.mark.cluster
def test_trials_are_not_left_to_a_cluster(bench_call: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit.SlurmExecutor, "affinity", classmethod(lambda cls: 2))
    words = [*TINY, "model=realnvp", "budget.parameters=null", "model.width=8", "launch=slurm", "launch.detach=true"]
    for command in (["tune", "scratch"], ["run", "study=scratch", "tune=yes"]):
        answer = bench_call(*command, *words)
        assert answer.code == 2
        assert "trials of tuning come first, and a command waits for these; give bench tune scratch" in answer.err
        assert not Path("results/scratch/tuning/plans").exists()
