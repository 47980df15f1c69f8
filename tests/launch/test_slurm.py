"""Cells on a real SLURM of two nodes with accounting, on this machine."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.launch import files
from bench.launch import slurm as launcher
from bench.launch.launcher import launcher_of
from bench.record.steps import STEPS, read_steps
from tests.cells.test_kills import parent_of
from tests.helpers import TINY, assert_none_left, environment, records, start
from tests.launch.alike import hold_trials_and_packs
from tests.launch.slurm_here import Here, missing, said, slurm
from tests.launch.test_files import numbers

SLURM = {"_target_": "bench.launch.slurm.Slurm"}
OPTIONS = ["launch=slurm", "launch.memory_gb=1.5", "launch.minutes=30", "launch.signal_seconds=20"]
SLOW = [*TINY, "train.checkpoint_seconds=0.0001", "train.validate_every=2", "model=slow"]


def test_without_submitit_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(BenchError, match=r"launch=slurm needs submitit .*pip install -e '\.\[slurm\]'"):
        launcher_of(SLURM)


def test_options_out_of_range_are_refused() -> None:
    for option, value, wanted in (
        ("minutes", 0, "more than 0"),
        ("gpus", -1, "0 or more"),
        ("parallel", 0, "more than"),
    ):
        with pytest.raises(BenchError, match=rf"launch\.{option}={value}: give {wanted}"):
            launcher_of({**SLURM, option: value})


def test_an_accounting_that_gives_no_answer_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sacct = tmp_path / "sacct"
    sacct.write_text("#!/bin/sh\necho sacct: error: no database >&2\nexit 1\n")
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    cluster = launcher.SlurmCluster(executor=None, logs=tmp_path)
    cluster.handles = {"7_0", "7_1"}
    cluster.ask()
    cluster.ask()
    assert cluster.state("7_0") == ("waiting", "PENDING")
    assert capsys.readouterr().err == (
        "warning: sacct gives no answer (sacct: error: no database); jobs that SLURM ends are noticed when it answers "
        "again\n"
    )
    sacct.write_text("#!/bin/sh\necho '7_0|CANCELLED by 0'\necho '7_[1]|PENDING'\n")
    cluster.ask()
    assert cluster.states["7_0"] == "CANCELLED by 0"
    assert cluster.state("7_1") == ("waiting", "PENDING")


def test_a_pre_empted_job_has_ended_where_it_is_not_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under PreemptMode=CANCEL that is its last state; under REQUEUE another record follows within seconds."""
    sacct = tmp_path / "sacct"
    sacct.write_text("#!/bin/sh\necho '7_0|PREEMPTED'\n")
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    cluster = launcher.SlurmCluster(executor=None, logs=tmp_path)
    pool = files.FilePool(cluster, tmp_path)
    process = files.Remote(0, -1, -1, folder=tmp_path / "0", handle="7_0", cluster=cluster)
    cluster.handles = {"7_0"}
    pool.settle(process, 1.0)
    assert (process.gone, process.status) == (1.0, None)
    sacct.write_text("#!/bin/sh\necho '7_0|PENDING'\n")
    cluster.ask()
    pool.settle(process, 2.0)
    assert process.gone is None, "it was put back"
    sacct.write_text("#!/bin/sh\necho '7_0|PREEMPTED'\n")
    cluster.ask()
    pool.settle(process, 3.0)
    pool.settle(process, 4.0 + files.LATE)
    assert (process.status, process.lost) == (1, "the cluster ended it: PREEMPTED")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    pytest.importorskip("submitit", reason="submitit is an extra: pip install -e '.[slurm]'")
    if why := missing():
        pytest.skip(why)
    place = tmp_path_factory.mktemp("slurm")
    for folder in (place, *place.parents):
        if folder.owner() == "root" and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)  # its daemons have a user of their own
    with slurm(place) as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ASK", 0.5)
    monkeypatch.setattr(launcher, "REFRESH", 1.0)


def accounted(columns: str, *words: str) -> list[str]:
    """A line a job of today; the accounts hear of a job some time after it has ended."""
    return said("sacct", "-n", "-X", "-P", "-o", columns, *words).splitlines()


def wait_for(done: Callable[[], object], what: str, seconds: float = 120.0) -> None:
    over = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < over, f"{what}; {said('squeue')}"
        time.sleep(0.1)


@pytest.mark.cluster
def test_a_study_on_slurm_is_the_study_here(
    here: Here, quick: None, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    words = ["run", "-m", *TINY, "study=scratch", "model=affine,crashing", "seed=0,1", "--config-dir", own_conf]
    assert bench_call(*words, "results_dir=here").code == 1
    answer = bench_call(*words, "results_dir=there", *OPTIONS)
    assert answer.code == 1, answer
    assert numbers(tmp_path / "there/scratch") == numbers(tmp_path / "here/scratch")
    assert not (tmp_path / "there/scratch/launch").exists()
    wait_for(lambda: accounted("JobID"), "the accounts name no job")
    assert len({job.split("_")[0] for job in accounted("JobID")}) == 1, "one array"
    logs = [path.name for path in (tmp_path / "there/scratch/logs").glob("*/*")]
    assert len(logs) <= 4, f"those of jobs that ended well are gone, but for what submitit writes last: {logs}"


@pytest.mark.cluster
def test_trials_and_packed_seeds_on_slurm_are_those_here(
    here: Here, quick: None, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    hold_trials_and_packs(bench_call, tmp_path, own_conf, OPTIONS)


@pytest.mark.cluster
def test_a_named_node_times_the_steps_of_a_study_that_ran_anywhere(
    here: Here, quick: None, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    assert bench_call("run", *TINY, "model=affine", "--config-dir", own_conf, *OPTIONS).code == 0
    command = [sys.executable, "-m", "bench.cli", "retime", "scratch", "--busy"]
    srun = ["srun", "--job-name=retime", "--exclusive", "--nodelist=n2", "--mem=1500M", *command]
    answer = subprocess.run(srun, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer
    (step,) = read_steps(tmp_path / "results/scratch" / STEPS).values()
    assert step.milliseconds > 0
    wait_for(lambda: "retime|n2" in accounted("JobName,NodeList"), "the accounts name another node")


@pytest.mark.cluster
@pytest.mark.parametrize(("option", "said"), [("launch.partition=nowhere", "partition"), ("launch.gpus=9", "gres")])
def test_what_slurm_refuses_is_one_line(option: str, said: str, here: Here, bench_call: Callable) -> None:
    """No node has a GPU: none is configured as a generic resource (gres)."""
    answer = bench_call("run", *TINY, "model=gaussian", *OPTIONS, option)
    assert answer.code == 2
    assert answer.err.startswith("bench: launch=slurm: ")
    assert said in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.cluster
def test_a_cancelled_job_has_a_row_that_says_so(here: Here, own_conf: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "run", *SLOW, "model.seconds=0.2", "--config-dir", str(own_conf), *OPTIONS)
    runs = tmp_path / "results/scratch/runs"
    wait_for(lambda: list(runs.glob("*/*/checkpoint.safetensors")), "no cell began")
    subprocess.run(["scancel", "-u", "root"], check=True)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out + err
    (record,) = records(tmp_path / "results/scratch").values()
    assert record["status"] == "failed"
    assert "CANCELLED" in record["error"] or "killed" in record["error"], record["error"]


@pytest.mark.cluster
def test_a_detached_command_leaves_and_its_cells_go_on(
    here: Here, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    words = ["run", "-m", *TINY, "model=affine", "seed=0,1", "--config-dir", own_conf]
    answer = bench_call(*words, *OPTIONS, "launch.detach=true")
    assert answer.code == 0, answer
    assert "2 cells submitted; bench status scratch says where they stand" in answer.out
    wait_for(lambda: len(records(tmp_path / "results/scratch")) == 2, "cells did not end")
    wait_for(lambda: not (tmp_path / "results/scratch/launch").exists(), "their folders stay")
    assert "scratch: 2 ok" in bench_call("status", "scratch").out
    again = bench_call(*words, *OPTIONS, "launch.detach=true")
    assert "finished before: ok" in again.out


@pytest.mark.cluster
def test_an_array_runs_no_more_jobs_at_a_time_than_it_may(
    here: Here, quick: None, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    """Two nodes are free for three cells, of which one may run."""
    words = ["run", "-m", *SLOW, "model.seconds=0.05", "seed=0,1,2", "--config-dir", str(own_conf), *OPTIONS]
    process = start(tmp_path, *words, "launch.parallel=1")
    counts = []
    while process.poll() is None:
        counts.append(len(said("squeue", "-h", "-t", "R", "-o", "%i").split()))
        time.sleep(0.2)
    assert process.returncode == 0, process.communicate()
    assert max(counts) == 1
    assert {row["status"] for row in records(tmp_path / "results/scratch").values()} == {"ok"}
    assert len(records(tmp_path / "results/scratch")) == 3


@pytest.mark.cluster
def test_what_a_detached_command_has_left_can_be_cancelled(
    here: Here, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    """Three cells on two nodes: one waits in the queue. The same command goes on afterwards."""
    words = ["run", "-m", *SLOW, "model.seconds=3", "seed=0,1,2", "--config-dir", str(own_conf), *OPTIONS]
    assert start(tmp_path, *words, "launch.detach=true").wait() == 0
    wait_for(lambda: "jobs of SLURM: 1 pending, 2 running" in bench_call("status", "scratch").out, "jobs are not seen")
    out, _ = start(tmp_path, *words, "launch.detach=true").communicate()
    assert out.count("submitted before") == 3
    assert "0 cells submitted" in out
    cancelled = bench_call("cancel", "scratch")
    assert (cancelled.code, "ended: 3 jobs of SLURM" in cancelled.out) == (0, True), cancelled
    wait_for(lambda: not said("squeue", "-h"), "jobs go on")
    assert "scratch: 3 waiting" in bench_call("status", "scratch").out
    assert not list((tmp_path / "results/scratch/launch").glob("*/*"))


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.parametrize(("end", "seconds"), [("preempted", "0.1"), ("its time is up", "3")])
def test_a_job_that_is_told_to_stop_goes_on_from_its_checkpoint(
    end: str, seconds: str, here: Here, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    """SLURM's signal, of a pre-emption or before the end of a minute: the job waits two minutes and goes on."""
    words = [*SLOW, "--config-dir", str(own_conf)]
    there = tmp_path / "there"
    there.mkdir()
    minutes = ["launch.minutes=1"] if end == "its time is up" else []
    process = start(there, "run", *words, f"model.seconds={seconds}", *OPTIONS, *minutes)
    runs = there / "results/scratch/runs"
    wait_for(lambda: list(runs.glob("*/*/checkpoint.safetensors")), "no cell began")
    (job,) = said("squeue", "-h", "-o", "%i", "-t", "R").split()
    if end == "preempted":
        subprocess.run(["scancel", "--signal=USR2", job], check=True)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    wait_for(lambda: "REQUEUED" in accounted("State", "-D", "-j", job), "the accounts do not say that it was put back")
    assert bench_call("run", *words, f"model.seconds={seconds}").code == 0
    assert numbers(there / "results/scratch") == numbers(tmp_path / "results/scratch")


@pytest.mark.cluster
@pytest.mark.long
def test_a_killed_driver_begun_again_loses_no_run(
    here: Here, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    """Its jobs go on without it; the same words wait for what they are at, and make the rest."""
    words = [*SLOW, "-m", "seed=0,1,2", "model.seconds=0.1", "--config-dir", str(own_conf)]
    there = tmp_path / "there"
    there.mkdir()
    process = start(there, "run", *words, *OPTIONS)
    runs = there / "results/scratch/runs"
    wait_for(lambda: list(runs.glob("*/*/checkpoint.safetensors")), "no cell began")
    process.kill()
    process.communicate()
    again = start(there, "run", *words, *OPTIONS)
    out, err = again.communicate(timeout=400)
    assert again.returncode == 0, out + err
    assert bench_call("run", *words).code == 0
    assert numbers(there / "results/scratch") == numbers(tmp_path / "results/scratch")
    wait_for(lambda: not said("squeue", "-h"), "jobs are left")
    assert not list(runs.rglob(".*")), "locks, or pieces of files"
    assert_none_left(there)


KILLS = int(os.environ.get("SLURM_KILLS", "0"))


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.skipif(not KILLS, reason="each takes minutes: SLURM_KILLS=10 asks for ten")
def test_jobs_put_back_at_random_moments_make_the_undisturbed_study(
    here: Here, own_conf: Path, bench_call: Callable, tmp_path: Path
) -> None:
    """`scontrol requeue` kills a job without a word and begins it again."""
    random.seed(0)
    words = [*SLOW, "-m", "seed=0,1", f"model.seconds={0.5 * KILLS}", "--config-dir", str(own_conf)]
    there = tmp_path / "there"
    there.mkdir()
    process = start(there, "run", *words, *OPTIONS)
    runs, kills = there / "results/scratch/runs", 0
    while kills < KILLS:
        wait_for(lambda: said("squeue", "-h", "-o", "%A", "-t", "R") and list(runs.rglob(".*.lock")), "all over", 400)
        time.sleep(random.uniform(2, 8))
        jobs = said("squeue", "-h", "-o", "%A", "-t", "R").split()
        if jobs and subprocess.run(["scontrol", "requeue", random.choice(jobs)], check=False).returncode == 0:
            kills += 1
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, out + err
    assert bench_call("run", *words).code == 0
    assert numbers(there / "results/scratch") == numbers(tmp_path / "results/scratch")
    assert not list(runs.rglob(".*")), "locks, or pieces of files"
    assert_none_left(there)


@pytest.mark.cluster
@pytest.mark.long
def test_a_node_that_dies_loses_no_run(here: Here, own_conf: Path, bench_call: Callable, tmp_path: Path) -> None:
    words = [*SLOW, "model.seconds=0.1", "--config-dir", str(own_conf)]
    there = tmp_path / "there"
    there.mkdir()
    process = start(there, "run", *words, *OPTIONS)
    runs = there / "results/scratch/runs"
    wait_for(lambda: list(runs.glob("*/*/checkpoint.safetensors")), "no cell began")
    (node,) = said("squeue", "-h", "-o", "%N", "-t", "R").split()
    (lock,) = runs.rglob(".*.lock")
    pid = json.loads(lock.read_text())["pid"]
    here.nodes[node].kill()
    os.kill(parent_of(pid), signal.SIGKILL)  # all that ran on it
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    try:
        out, err = process.communicate(timeout=400)
        assert process.returncode == 0, out + err
    finally:
        here.begin_node(node)
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False)
    assert bench_call("run", *words).code == 0
    assert numbers(there / "results/scratch") == numbers(tmp_path / "results/scratch")
