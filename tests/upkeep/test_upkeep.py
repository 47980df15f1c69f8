"""The folder of a study between its commands, on real runs of about a second."""

import json
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cells.lock import Lock
from bench.cells.plans import plans_of
from bench.cells.progress import Progress, ProgressFile, progress_in
from bench.errors import BenchError
from bench.machine.stage import Stage
from bench.record.runs import run_path
from bench.record.store import RunFolder
from bench.upkeep.cells import cells_of
from bench.upkeep.clean import leftovers
from bench.upkeep.merge import merge_command
from bench.upkeep.status import lines, status_of
from tests.helpers import TINY, start, written

STUDY = ["run", "-m", *TINY, "study=scratch", "model=affine,crashing", "seed=0,1"]


@pytest.fixture
def study(own_conf: Path, bench_call: Callable, tmp_path: Path) -> Path:
    """A study in which a model ended ok and another failed."""
    answer = bench_call(*STUDY, "--config-dir", own_conf)
    assert answer.code == 1, answer.err
    return tmp_path / "results" / "scratch"


def records(study: Path) -> dict[str, str]:
    return {path.parent.name: json.loads(path.read_text())["status"] for path in study.glob("runs/*/*/record.json")}


def test_status_counts_and_groups_and_says_how_to_go_on(study: Path, bench_call: Callable, own_conf: Path) -> None:
    status = status_of(study)
    assert status.counts == {"ok": 2, "failed": 2}
    (group,) = status.failures
    assert (group.status, len(group.runs)) == ("failed", 2)
    assert group.error == "RuntimeError: the entry broke", "all that a record keeps of two lines"
    ((command, left),) = status.commands
    assert left == 2
    assert command.startswith("bench run -m --config-dir")
    answer = bench_call("status", "scratch")
    assert (answer.code, answer.err) == (0, "")
    assert "scratch: 2 ok, 2 failed" in answer.out
    assert f"{command}    # 2 left" in answer.out
    assert json.loads(bench_call("status", "scratch", "--json").out) == json.loads(json.dumps(status.plain()))


def test_failures_are_grouped_by_the_last_line_of_their_error(tmp_path: Path) -> None:
    """An error that all models meet is one kind of failure, and names its runs."""
    cause = "data=table: the file has no rows; give another"
    traceback = f"Traceback (most recent call last):\n  File ...\n{cause}\n"
    runs = {
        "moons-vae-s0-00000000": ("failed", cause),
        "moons-nsf-s0-00000001": ("failed", traceback),
        "digits-vae-s0-00000002": ("failed", cause),
        "moons-vae-s1-00000003": ("failed", "Traceback (most recent call last):\n  File ...\nMemoryError"),
        "moons-vae-s2-00000004": ("timeout", cause),
    }
    for name, (status, error) in runs.items():
        RunFolder(run_path(tmp_path / "runs", name)).write_record({"status": status, "error": error, "run_id": name})
    names = list(runs)
    status = status_of(tmp_path)
    assert [(one.status, one.error, one.runs) for one in status.failures] == [
        ("failed", cause, sorted(names[:3])),
        ("failed", "MemoryError", names[3:4]),
        ("timeout", cause, names[4:]),
    ]
    assert f"  3 failed: {cause}  ({', '.join(sorted(names[:3]))})" in list(lines(status))


def test_a_study_by_data_is_found_by_its_name(tmp_path: Path, bench_call: Callable) -> None:
    (tmp_path / "results" / "mine-moons-1a2b3c4d" / "runs").mkdir(parents=True)
    assert bench_call("status", "mine").out.startswith("mine-moons-1a2b3c4d")
    assert "did you mean mine-moons-1a2b3c4d" in bench_call("clean", "mine-moons-1a2b3c").err


def test_an_unknown_study_is_one_line(bench_call: Callable) -> None:
    for command in ("status", "cancel", "retry", "clean"):
        answer = bench_call(command, "nothing")
        assert answer.code == 2
        assert answer.err.startswith("bench: unknown study 'nothing' in results")
        assert answer.err.count("\n") == 1


def test_a_run_under_way_is_seen_from_outside_and_can_be_cancelled(own_conf: Path, tmp_path: Path, bench_call) -> None:
    words = ["run", *TINY, "study=scratch", "model=slow", "model.seconds=0.05", "--config-dir", str(own_conf)]
    process = start(tmp_path, *words)
    study = tmp_path / "results" / "scratch"
    over = time.monotonic() + 60
    while time.monotonic() < over:
        running = cells_of(study).running if study.is_dir() else []
        if running and running[0].progress is not None and running[0].progress.phase == "train":
            break
        time.sleep(0.05)
    status = status_of(study)
    assert status.counts == {"running": 1}
    (one,) = status.running
    assert one.progress is not None
    assert one.beat < 30
    assert any("train" in line and one.run_id in line for line in lines(status))
    answer = bench_call("cancel", "scratch")
    assert answer.code == 0, answer
    assert f"ended: process {process.pid}" in answer.out
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    after = status_of(study)
    assert after.counts == {"waiting": 1}
    assert after.commands[0][1] == 1
    again = bench_call("cancel", "scratch")
    assert again.code == 2
    assert "no command drives scratch now" in again.err


def test_retry_makes_the_failed_runs_again_and_no_other(study: Path, bench_call: Callable) -> None:
    before = written(study)
    answer = bench_call("retry", "scratch", "--error", "The Entry Broke")
    assert answer.code == 1, answer
    assert "2 runs again: bench run -m" in answer.out
    changed = {name for name, when in written(study).items() if when != before[name]}
    assert changed == {name for name, status in records(study).items() if status == "failed"}
    assert "no run is failed or timeout with 'disk'" in bench_call("retry", "scratch", "--error", "disk").err
    assert "did you mean diverged" in bench_call("retry", "scratch", "--state", "divergd").err


@pytest.mark.parametrize("config_dir", ["own/conf", "/own/conf"])
def test_retry_calls_a_command_where_it_was_given(
    config_dir: str, own_conf: Path, bench_call: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder, its `--config-dir`, the modules in both: none is of the folder that `retry` is called in."""
    first, second = tmp_path / "a", tmp_path / "b"
    shutil.copytree(own_conf, first / "own" / "conf")
    (first / "own" / "mine.py").write_text("from tests.own_entries import Crashing\n\n\nclass Mine(Crashing): ...\n")
    (first / "own" / "conf" / "model" / "mine.yaml").write_text("# mine\n_target_: mine.Mine\nwidth: 4\n")
    second.mkdir()
    given = f"{first}{config_dir}" if config_dir.startswith("/") else config_dir
    words = ["run", *TINY, "study=scratch", "model=mine", "model.mended=mended", "--config-dir", given]
    out, err = start(first, *words).communicate(timeout=120)
    assert "the entry broke" in out, err
    (first / "mended").touch()
    out, err = start(second, "retry", "scratch", "--results-dir", "../a/results").communicate(timeout=120)
    assert list(records(first / "results" / "scratch").values()) == ["ok"], out + err
    assert list(second.iterdir()) == []
    shutil.move(first / "own", tmp_path / "c")
    (first / "results").rename(second / "results")
    shutil.rmtree(first)
    monkeypatch.chdir(second)
    RunFolder(next((second / "results" / "scratch" / "runs").glob("*/*"))).write_record({"status": "failed"})
    answer = bench_call("retry", "scratch")
    assert answer.code == 2
    assert f"its command was given in {first}, which is gone" in answer.err


def test_clean_shows_then_removes_what_nothing_needs(study: Path, bench_call: Callable) -> None:
    ok = [name for name, status in records(study).items() if status == "ok"]
    folder = run_path(study / "runs", ok[0])
    (folder / "checkpoint.safetensors").write_bytes(b"x" * 1000)
    (folder / "record.json.broken").write_text("{")
    (folder / ".record.json.123").write_text("{")
    unknown = run_path(study / "runs", "moons-affine-s9-00000000")
    unknown.mkdir(parents=True)
    (unknown / "checkpoint.safetensors").write_bytes(b"x")
    kept = {path: path.read_bytes() for path in study.glob("runs/*/*/*.*") if path.parent.name in records(study)}
    shown = bench_call("clean", "scratch")
    assert shown.code == 0
    assert shown.out.count("\n") == 5
    assert "remove them: bench clean scratch --yes" in shown.out
    assert (folder / "checkpoint.safetensors").exists()
    removed = bench_call("clean", "scratch", "--yes")
    assert "removed 4 of them" in removed.out
    assert bench_call("clean", "scratch").out == "nothing to clean\n"
    gone = {path for path in kept if not path.exists()}
    assert {path.name for path in gone} == {"checkpoint.safetensors", "record.json.broken", ".record.json.123"}


def test_clean_finds_runs_of_code_of_before(study: Path) -> None:
    def versions(model: str) -> tuple[int, int] | None:
        return (1, 10**6) if model == "affine" else None

    found = leftovers(study, versions)
    assert {one.path.name for one in found} == {name for name in records(study) if "affine" in name}
    assert all("by training of version" in one.why for one in found)
    assert leftovers(study, lambda model: (1, 0)) == []


def test_clean_leaves_what_a_living_process_holds(study: Path) -> None:
    name = next(name for name, status in records(study).items() if status == "ok")
    lock = Lock(run_path(study / "runs", name))
    assert lock.take() is None
    (run_path(study / "runs", name) / "checkpoint.safetensors").write_bytes(b"x")
    assert leftovers(study, lambda model: None) == []
    lock.release()
    assert len(leftovers(study, lambda model: None)) == 1


def test_merge_brings_what_is_missing_and_names_conflicts(study: Path, tmp_path: Path, bench_call: Callable) -> None:
    other = tmp_path / "elsewhere" / "scratch"
    shutil.copytree(study, other)
    ok = [name for name, status in records(study).items() if status == "ok"]
    failed = [name for name, status in records(study).items() if status == "failed"]
    shutil.rmtree(run_path(study / "runs", ok[0]))
    folder = RunFolder(run_path(other / "runs", ok[1]))
    record = folder.read()
    assert record is not None
    folder.write_record({**record, "nll_nats": 0.5, "train_seconds": 9.0})
    good = {**record, "run_id": failed[0], "status": "ok", "error": None}
    RunFolder(run_path(other / "runs", failed[0])).write_record(good)
    before = (run_path(study / "runs", ok[1]) / "record.json").read_bytes()
    answer = bench_call("merge", study, other)
    assert answer.code == 1
    assert f"conflict: {ok[1]}: differs in nll_nats" in answer.out
    assert all(count in answer.out for count in ("2 brought", "1 conflict", "1 equal"))
    assert (run_path(study / "runs", ok[1]) / "record.json").read_bytes() == before
    assert (run_path(study / "runs", ok[0]) / "weights.safetensors").exists()
    assert records(study)[failed[0]] == "ok"
    (aside,) = (study / "aside").iterdir()
    assert RunFolder(aside, failed[0]).read()["status"] == "failed"  # type: ignore[index]
    assert bench_call("merge", study, study).code == 2


def test_merge_waits_for_nobody(study: Path, tmp_path: Path) -> None:
    other, said = tmp_path / "elsewhere" / "scratch", list[str]()
    shutil.copytree(study, other)
    name = next(iter(records(study)))
    shutil.rmtree(run_path(study / "runs", name))
    lock = Lock(run_path(study / "runs", name))
    assert lock.take() is None
    assert merge_command(study, other, said.append) == 0
    assert any(line.startswith(f"left: {name}: process") for line in said)
    lock.release()
    with pytest.raises(BenchError, match=r"has no runs/"):
        merge_command(study, tmp_path / "nowhere", said.append)


def test_a_plan_is_one_file_a_command(study: Path, own_conf: Path, bench_call: Callable) -> None:
    bench_call(*STUDY, "--config-dir", own_conf)
    (plan,) = plans_of(study)
    assert {run_id for run_id, _ in plan.cells} == set(records(study))
    assert plan.drives() is True, "its process is this one"
    (study / "plans" / "broken.json").write_text("{")
    assert len(plans_of(study)) == 1


@pytest.mark.parametrize(
    ("holder", "remain", "said"),
    [
        ({"machine": "another pid:[1]", "host": "node7"}, True, "not reached: process 7 on node7, if it still runs"),
        ({"machine": "another pid:[1]", "host": "node7"}, False, "no command drives scratch now"),
        ({"machine": "another pid:[1]", "host": socket.gethostname()}, True, "no command drives scratch now"),
    ],
    ids=["elsewhere", "elsewhere, all finished", "before this machine was started anew"],
)
def test_cancel_names_the_commands_that_it_cannot_reach(
    holder: dict[str, str], remain: bool, said: str, study: Path, bench_call: Callable
) -> None:
    (file,) = (study / "plans").iterdir()
    plan = json.loads(file.read_text())
    cells = plan["cells"] if remain else [cell for cell in plan["cells"] if "affine" in cell[0]]
    file.write_text(json.dumps({**plan, "cells": cells, "driver": {**holder, "pid": 7, "start": 7}}))
    answer = bench_call("cancel", "scratch")
    assert said in answer.out + answer.err
    assert answer.code == (1 if said.startswith("not") else 2)


def test_progress_is_a_pace(tmp_path: Path) -> None:
    clock = iter([100.0, 100.5, 104.0, 110.0])
    file = ProgressFile(tmp_path, lambda: next(clock))
    file.show(Stage("train", 0.2, "3 nats", "step 20"))
    file.show(Stage("train", 0.21))
    assert progress_in(tmp_path).share == 0.2  # type: ignore[union-attr]
    file.show(Stage("train", 0.4, "2 nats", "step 40"))
    progress = progress_in(tmp_path)
    assert progress == Progress("train", 0.4, "2 nats", "step 40", 100.0, 0.2, 104.0)
    assert progress.seconds_left() == pytest.approx(12.0)
    file.show(Stage("evaluate", 0.5))
    assert progress_in(tmp_path).seconds_left() is None  # type: ignore[union-attr]
    file.remove()
    assert progress_in(tmp_path) is None
