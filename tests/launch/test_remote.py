"""The process of a cell elsewhere, begun on this machine from the files of its folder."""

import json
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.launch.files import FOLDER, FilePool
from bench.launch.remote import OWN, TASK, attempt, run
from tests.helpers import TINY, locks_at_work, records
from tests.launch.processes_here import OnProcesses, Processes
from tests.launch.test_files import numbers


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_task_with_its_environment_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    pool = FilePool(Processes(), tmp_path)
    process = pool.start({"do": "run", "orders": []})
    folder: Path = process.folder  # type: ignore[attr-defined]
    assert "secret" in (folder / TASK).read_text()
    assert (mode(folder), mode(folder / TASK)) == (0o700, 0o600)
    attempt(folder, json.loads((folder / TASK).read_text()), lambda: False)
    assert "secret" in (folder / OWN).read_text()
    assert mode(folder / OWN) == 0o600


def test_the_folder_of_a_detached_cell_goes_where_its_process_cannot_start(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER / "0f" / "0f00"
    folder.mkdir(parents=True)
    gone = {"environment": {}, "folder": str(tmp_path / "gone"), "path": []}
    (folder / TASK).write_text(json.dumps({"do": "run", "orders": [], "detached": True, "surroundings": gone}))
    with pytest.raises(FileNotFoundError):
        run(folder)
    assert not (tmp_path / FOLDER).exists()


class Left(Processes):
    """A cluster whose jobs go on when the command leaves."""

    def close(self) -> None:
        pass


@pytest.mark.parametrize("again", [[], ["--again"]])
def test_a_detached_cell_whose_process_is_killed_has_a_row_that_says_so(
    own_conf: Path, bench_call: Callable, tmp_path: Path, on_processes: OnProcesses, again: list[str]
) -> None:
    on_processes.detach, on_processes.cluster = True, Left()
    runs = tmp_path / "results/scratch/runs"
    words = ["run", *TINY, "study=scratch", "model=slow", "model.seconds=0.2", "--config-dir", own_conf, *again]
    assert bench_call(*words).code == 0
    (job,) = on_processes.cluster.jobs.values()
    over = time.monotonic() + 60
    while not list(runs.glob("*/*/progress.json")):
        assert time.monotonic() < over, "the cell did not begin"
        time.sleep(0.05)
    (lock,) = locks_at_work(runs)
    os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
    job.wait(timeout=60)
    (record,) = records(tmp_path / "results/scratch").values()
    assert (record["status"], record["error"]) == ("failed", "killed by signal 9")
    assert not list(runs.rglob(".*.lock"))
    assert not (tmp_path / "results/scratch" / FOLDER).exists()


def test_a_detached_study_is_the_study_here(
    own_conf: Path, bench_call: Callable, tmp_path: Path, on_processes: OnProcesses
) -> None:
    words = ["run", "-m", *TINY, "study=scratch", "model=affine,crashing", "--config-dir", own_conf]
    on_processes.detach, on_processes.cluster = True, Left()
    assert bench_call(*words, "results_dir=there").code == 0
    for job in on_processes.cluster.jobs.values():
        job.wait(timeout=120)
    on_processes.detach, on_processes.cluster = False, Processes()
    assert bench_call(*words, "results_dir=here").code == 1
    assert numbers(tmp_path / "there/scratch") == numbers(tmp_path / "here/scratch") != {}
