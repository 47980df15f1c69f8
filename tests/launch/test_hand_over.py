"""How processes are handed to a cluster: how many at a time, and what happens where it refuses them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.launch import files
from bench.launch.files import FOLDER, FilePool, State
from bench.record.runs import entries
from tests.helpers import TINY, records
from tests.launch.processes_here import OnProcesses, Processes

SWEEP = ["run", "-m", *TINY, "study=scratch", "model=affine", "seed=0,1,2"]


class Queue(Processes):
    """A cluster whose jobs wait, and which refuses the hand-overs of these numbers, counted from 0."""

    def __init__(self, refuses: set[int] | None = None) -> None:
        super().__init__()
        self.refuses, self.asked = refuses or set(), 0

    def submit(self, folders: list[Path]) -> list[str]:
        self.asked += 1
        if self.asked - 1 in self.refuses:
            raise BenchError("launch=slurm: sbatch: error: try again later")
        return super().submit(folders)

    def begin(self, folder: str) -> None:
        pass

    def state(self, handle: str) -> tuple[State, str]:
        return "waiting", ""

    def cancel(self, handle: str) -> None:
        self.cancelled.append(handle)


class Refusing(Queue):
    """Such a cluster whose jobs run."""

    begin = Processes.begin
    state = Processes.state
    cancel = Processes.cancel


def end_one(pool: FilePool) -> None:
    (pool.running[0].folder / files.ENDED).write_text("0")
    list(pool.events(0.0))


def test_behind_the_first_array_only_as_many_are_handed_over_as_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ARRAY", 4)
    queue = Queue()
    pool = FilePool(queue, tmp_path, parallel=2)
    for _ in range(6):
        pool.start({})
    for _ in range(3):
        list(pool.events(0.0))
    assert queue.arrays == [4], "another array would run beside it"
    end_one(pool)
    end_one(pool)
    assert queue.arrays == [4], "two still run"
    end_one(pool)
    list(pool.events(0.0))
    assert queue.arrays == [4, 1]
    pool.end()


def test_a_detached_command_hands_all_over_in_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ARRAY", 4)
    queue = Queue()
    pool = FilePool(queue, tmp_path, parallel=2)
    for _ in range(9):
        pool.start({})
    pool.leave()
    assert queue.arrays == [4, 4, 1]
    assert len(entries(tmp_path / FOLDER)) == 9


def test_folders_of_processes_lie_in_256_folders(tmp_path: Path) -> None:
    """A detached command of 10,000 cells leaves as many; what an end leaves empty goes."""
    pool = FilePool(Queue(), tmp_path)
    folders = [pool.start({}).folder for _ in range(40)]  # type: ignore[attr-defined]
    assert len(set(folders)) == 40
    assert {folder.relative_to(tmp_path / FOLDER).parts for folder in folders} == {
        (folder.name[:2], folder.name) for folder in folders
    }
    assert entries(tmp_path / FOLDER) == sorted(folders, key=lambda folder: folder.name)
    pool.end()
    assert not (tmp_path / FOLDER).exists()


def test_what_a_detached_command_could_not_hand_over_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ARRAY", 4)
    queue = Queue(refuses={1})
    pool = FilePool(queue, tmp_path)
    for _ in range(6):
        pool.start({})
    with pytest.raises(BenchError, match="try again later"):
        pool.leave()
    assert len(entries(tmp_path / FOLDER)) == 4, "those that it took stay"
    assert queue.cancelled == []


def test_a_cluster_that_refuses_for_a_while_ends_no_sweep(
    own_conf: Path, bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_processes: OnProcesses
) -> None:
    on_processes.cluster, on_processes.processes = Refusing(refuses={1, 2}), 1
    monkeypatch.setattr(files, "ONCE_MORE", 0.1)
    answer = bench_call(*SWEEP, "--config-dir", own_conf)
    assert answer.code == 0, answer
    assert answer.err.count("warning: launch=slurm: sbatch: error: try again later; asked again every 0.1 s\n") == 1
    assert [record["status"] for record in records(tmp_path / "results/scratch").values()] == ["ok"] * 3


def test_a_cluster_that_refuses_the_first_is_an_error(
    own_conf: Path, bench_call: Callable, on_processes: OnProcesses
) -> None:
    on_processes.cluster = Refusing(refuses={0})
    answer = bench_call(*SWEEP, "--config-dir", own_conf)
    assert (answer.code, answer.err) == (2, "bench: launch=slurm: sbatch: error: try again later\n")


def test_a_cluster_that_refuses_for_long_while_nothing_runs_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ONCE_MORE", 0.0)
    pool = FilePool(Queue(refuses={1, 2, 3}), tmp_path)
    pool.start({})
    list(pool.events(0.0))
    end_one(pool)
    pool.start({})
    list(pool.events(0.0))
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    with pytest.raises(BenchError, match="try again later"):
        list(pool.events(0.0))
    pool.end()
