"""The pool of processes elsewhere, on a cluster of plain processes of this machine."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench.cells import supervise
from bench.cells.lock import Lock
from bench.cells.planning import planned
from bench.cells.pool import Pool
from bench.cells.process import Event
from bench.errors import BenchError
from bench.launch.files import FOLDER, FilePool
from bench.launch.launcher import launcher_of
from bench.launch.workers import DealtPool, Workers
from bench.record.runs import FOLDER as RUNS
from tests.helpers import CLOCKS, TINY, records
from tests.launch.processes_here import OnProcesses, Processes

STUDY = ["run", "-m", *TINY, "study=scratch", "model=affine,slow", "seed=0,1", "model.width=4"]


def numbers(study: Path) -> dict[str, dict[str, object]]:
    return {
        name: {key: value for key, value in record.items() if key not in CLOCKS | {"command", "git_commit", "threads"}}
        for name, record in records(study).items()
    }


def test_a_study_elsewhere_is_the_study_here(
    own_conf: Path, bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*STUDY, "--config-dir", own_conf]
    assert bench_call(*words, "results_dir=here").code == 0
    made = OnProcesses()
    monkeypatch.setattr("bench.launch.launched.launcher_of", lambda launch: made)
    answer = bench_call(*words, "results_dir=there")
    assert answer.code == 0, answer
    there, here = numbers(tmp_path / "there/scratch"), numbers(tmp_path / "here/scratch")
    assert there.keys() == here.keys()
    assert [(name, key) for name in here for key in here[name] if here[name][key] != there[name][key]] == []
    assert made.cluster.arrays == [4], "what begins together is handed over together"
    assert made.cluster.forgotten == [0] * 4
    assert not (tmp_path / "there/scratch" / FOLDER).exists(), "nothing is left behind"
    assert not list((tmp_path / "there/scratch/runs").rglob(".*"))


def test_a_detached_command_ends_with_its_own_line(
    own_conf: Path, bench_call: Callable, on_processes: OnProcesses
) -> None:
    """It has no table and no page to show; one whose runs had all ended before has."""
    words = [*STUDY, "--config-dir", own_conf]
    on_processes.detach = True
    answer = bench_call(*words)
    assert answer.code == 0, answer
    said = "4 cells submitted; bench status scratch says where they stand, bench cancel scratch ends them\n"
    assert answer.out == said
    on_processes.detach = False
    assert bench_call(*words).code == 0
    on_processes.detach = True
    again = bench_call(*words)
    assert "4 runs: 4 ok" in again.out
    assert again.out.endswith("bench report scratch\n")


def test_a_process_whose_machine_died_is_begun_again(
    own_conf: Path, bench_call: Callable, tmp_path: Path, on_processes: OnProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrapper is killed in the middle of a message; its cell's process ends with it, the next goes on."""
    killed: list[int] = []
    look = FilePool.look

    def killing(pool: FilePool) -> Iterator[Event]:
        for event in look(pool):
            if event.message and "began" in event.message and not killed:
                (process,) = pool.running
                job = on_processes.cluster.jobs[process.handle]
                with open(process.folder / "messages.0", "ab") as file:
                    file.write(b'{"stage": {"pha')
                killed.append(job.pid)
                job.send_signal(signal.SIGKILL)
            yield event

    monkeypatch.setattr(FilePool, "look", killing)
    words = ["run", *TINY, "study=scratch", "model=slow", "model.seconds=0.02", "--config-dir", own_conf]
    answer = bench_call(*words)
    assert answer.code == 0, answer
    assert killed
    assert [record["status"] for record in records(tmp_path / "results/scratch").values()] == ["ok"]
    assert list(on_processes.cluster.begun.values()) == [1]


def test_a_detached_cell_waits_for_the_holder_of_its_folder(
    own_conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads what it says; and the holder may be its own forerunner, on a machine that died."""
    monkeypatch.chdir(tmp_path)
    local = Pool()
    task = {"arguments": [*TINY, "model=affine"], "multirun": False, "config_dir": str(own_conf)}
    (order,) = planned(task, local, print).cells
    local.end()
    cluster = Processes()
    (order.study_folder / RUNS).mkdir(parents=True)
    lock = Lock(order.folder.path)
    assert lock.take() is None
    pool = FilePool(cluster, order.study_folder)
    pool.start({"do": "run", "orders": [order.plain()], "again": False, "detached": True})
    pool.submit()
    (job,) = cluster.jobs.values()
    time.sleep(8)
    assert job.poll() is None
    lock.release()
    assert job.wait(timeout=60) == 0
    assert [record["status"] for record in records(order.study_folder).values()] == ["ok"]


def test_a_process_that_the_cluster_gives_up_has_a_row_that_says_so(
    own_conf: Path, bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_processes: OnProcesses
) -> None:
    on_processes.cluster.retries = 0
    begin = Processes.begin

    def broken(cluster: Processes, folder: str) -> None:
        begin(cluster, folder)
        cluster.jobs[folder].kill()

    monkeypatch.setattr(Processes, "begin", broken)
    answer = bench_call("run", *TINY, "study=scratch", "model=affine", "--config-dir", own_conf)
    assert answer.code == 1
    (record,) = records(tmp_path / "results/scratch").values()
    assert (record["status"], record["error"]) == ("failed", "the cluster ended it: code -9")


def test_a_cell_that_kills_its_process_has_the_row_that_it_has_here(
    own_conf: Path, bench_call: Callable, tmp_path: Path, on_processes: OnProcesses
) -> None:
    answer = bench_call("run", *TINY, "study=scratch", "model=crashing", "--config-dir", own_conf)
    assert answer.code == 1
    (record,) = records(tmp_path / "results/scratch").values()
    assert record["error"].startswith("RuntimeError: the entry broke")


def test_an_interrupt_ends_all(
    own_conf: Path, bench_call: Callable, tmp_path: Path, on_processes: OnProcesses, monkeypatch
) -> None:
    def interrupting(pool: FilePool) -> Iterator[Event]:
        if any((process.folder / "messages.0").exists() for process in pool.running):
            raise KeyboardInterrupt
        return iter(())

    monkeypatch.setattr(FilePool, "look", interrupting)
    answer = bench_call("run", *TINY, "study=scratch", "model=slow", "--config-dir", own_conf)
    assert answer.code == 130
    assert len(on_processes.cluster.cancelled) == 1
    assert not (tmp_path / "results/scratch" / FOLDER).exists()


def test_time_in_a_queue_is_not_time_of_a_run() -> None:
    watch = supervise.Watch(1.0, queued=True)
    assert watch.end == float("inf")
    watch.begin(0.0)
    assert watch.end < time.monotonic() + 60
    assert supervise.Watch(1.0).end < float("inf")


def test_a_launcher_is_found_by_its_words() -> None:
    assert isinstance(launcher_of({}), Workers)
    made = launcher_of({"_target_": "bench.launch.workers.Workers", "processes": 3})
    assert made.processes == 3
    assert made.threads(5) == 5
    assert Workers().threads(5) is None
    for launch, said in (
        ({"processes": 2}, "has no _target_"),
        ({"_target_": "bench.launch.workers.Wrkers"}, "cannot be imported"),
        ({"_target_": "bench.launch.workers.Workers", "proceses": 2}, "did you mean processes"),
        ({"_target_": "bench.launch.workers.Workers", "processes": 0}, "give at least 1"),
        ({"_target_": "bench.launch.workers.Workers", "gpus": 0.4}, "give 1, or a whole part of one"),
    ):
        with pytest.raises(BenchError, match=said):
            launcher_of(launch)


def test_gpus_are_dealt_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two processes a GPU on two GPUs: each GPU has two, and one that ends makes room."""
    seen: list[str | None] = []

    def start(pool: Pool, task: dict[str, object]) -> object:
        seen.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
        return object()

    monkeypatch.setattr(Pool, "start", start)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    pool = Workers(processes=4, gpus=0.5).pool(tmp_path, 1, Pool())
    assert isinstance(pool, DealtPool)
    started = [pool.start({}) for _ in range(4)]
    assert sorted(map(str, seen)) == ["3", "3", "5", "5"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"
    monkeypatch.setattr(Pool, "events", lambda pool, seconds: iter([Event(started[0], None)]))
    list(pool.events(0.0))
    pool.start({})
    assert seen[-1] == seen[0]
    with pytest.raises(BenchError, match=r"launch\.processes=5: the GPUs here \(2\) have room for 4; ask for 4"):
        Workers(processes=5, gpus=0.5).pool(tmp_path, 1, Pool())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("asked", [None, "", "-1", "0,1,2,3"])
def test_gpus_that_are_not_there_are_not_dealt_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: str | None
) -> None:
    """Whatever the variable says: cells would train on the CPU without a word."""
    if asked is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", asked)
    with pytest.raises(BenchError, match="no GPU is visible here"):
        Workers(gpus=1).pool(tmp_path, 1, Pool())


def test_more_processes_than_gpus_have_room_for_begin_nothing(
    bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    answer = bench_call(
        "run", "-m", *TINY, "model=gaussian", "seed=0,1,2", "launch=workers", "launch.processes=3", "launch.gpus=0.5"
    )
    said = "bench: launch.processes=3: the GPUs here (1) have room for 2; ask for 2\n"
    assert (answer.code, answer.err) == (2, said)
    assert not records(tmp_path / "results/scratch")
