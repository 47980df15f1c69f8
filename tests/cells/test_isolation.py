"""What a user's code does to its process is its own row, and the other cells are as they would be without it."""

import json
import os
import time
from pathlib import Path

import pytest

from tests.helpers import TINY, Answer, records, repeatable, small_file_system


def words(conf: Path, *overrides: str) -> list[str]:
    return ["run", "-m", "--config-dir", str(conf), *TINY, *overrides]


def row(tmp_path: Path, model: str) -> dict:
    return {record["model"]: record for record in records(tmp_path / "results" / "scratch").values()}[model]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, rough_conf) -> dict:
    """The record of `affine` in a sweep of its own."""
    from bench.cli import main

    folder = tmp_path_factory.mktemp("undisturbed")
    assert main([*words(rough_conf, "model=affine"), f"results_dir={folder}"]) == 0
    (record,) = records(folder / "scratch").values()
    return repeatable(record)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("exits", "SystemExit(0)"),
        ("exits_hard", "exited with code 0 before its record was written"),
        ("crashes", "killed by signal 11"),
        ("garbles", "its code wrote into the messages of its process"),
        ("kills_its_parent", "killed by signal 9"),
        ("changes_globals", None),
    ],
)
def test_an_entry_that_leaves_has_a_row_and_the_next_is_as_ever(
    model: str, error: str | None, bench_call, rough_conf, tmp_path, undisturbed
) -> None:
    answer: Answer = bench_call(*words(rough_conf, f"model={model},affine"))
    assert answer.code == 1
    assert "2 runs: 1 ok, 1 failed" in answer.out
    assert row(tmp_path, model)["status"] == "failed"
    if error:
        assert row(tmp_path, model)["error"] == error
        assert row(tmp_path, model)["parameters"] is not None
    assert repeatable(row(tmp_path, "affine")) == undisturbed
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("exit", "SystemExit(0)"),
        ("hard", "exited with code 0 before its record was written"),
        ("crash", "killed by signal 11"),
    ],
)
def test_an_entry_that_leaves_while_it_is_planned_has_a_row_too(
    way: str, error: str, bench_call, rough_conf, tmp_path, undisturbed
) -> None:
    answer = bench_call(*words(rough_conf, "model=unbuilt,affine", f"++model.way={way}"))
    assert answer.code == 2, "affine has no such option"
    answer = bench_call(*words(rough_conf, "model=unbuilt", f"model.way={way}", "seed=0,1"))
    assert answer.code == 1
    assert "2 runs: 2 failed" in answer.out
    found = records(tmp_path / "results" / "scratch")
    assert {record["error"] for record in found.values()} == {error}
    assert sorted(record["seed"] for record in found.values()) == [0, 1]


def test_one_setting_that_leaves_while_it_is_planned_does_not_take_the_others(bench_call, rough_conf, tmp_path) -> None:
    answer = bench_call(*words(rough_conf, "model=unbuilt", "model.way=crash,none"))
    assert answer.code == 1
    assert "2 runs: 1 ok, 1 failed" in answer.out
    assert "killed by signal 11" in answer.out


def test_a_row_of_planning_goes_when_the_cell_can_be_resolved(bench_call, rough_conf, tmp_path) -> None:
    source = tmp_path / "mended.py"
    head = "from tests.own_entries import Affine\n\n\n"
    text = f"{head}class Mended(Affine):\n    def __init__(self, data, *, width: int):\n"
    source.write_text(text + "        raise SystemExit(3)\n")
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/mended.yaml").write_text("_target_: mended.Mended\nname: mended\nwidth: 4\n")
    assert bench_call(*words(tmp_path / "conf", "model=mended")).code == 1
    assert row(tmp_path, "mended")["error"] == "SystemExit(3)"
    source.write_text(text + "        super().__init__(data, width=width)\n")
    assert bench_call(*words(tmp_path / "conf", "model=mended")).code == 0
    assert [record["status"] for record in records(tmp_path / "results/scratch").values()] == ["ok"]


@pytest.mark.parametrize("model", ["sleeps", "sleeps_in_sample", "unbuilt"])
def test_a_time_out_ends_a_single_step_an_evaluation_and_a_plan(model: str, bench_call, rough_conf, tmp_path) -> None:
    way = ["model.way=sleep"] if model == "unbuilt" else []
    began = time.monotonic()
    answer = bench_call(*words(rough_conf, f"model={model}", *way, "budget.timeout_seconds=2"))
    assert time.monotonic() - began < 30
    assert answer.code == 1
    assert row(tmp_path, model)["status"] == "timeout"
    assert row(tmp_path, model)["error"].startswith("budget.timeout_seconds=2 passed")
    if model == "sleeps_in_sample":
        assert row(tmp_path, model)["steps"] == 20


def test_output_without_end_is_cut_and_kept_beside_the_record(bench_call, rough_conf, tmp_path) -> None:
    answer = bench_call(*words(rough_conf, "model=prints"))
    assert answer.code == 0, answer.out
    assert "xxx" not in answer.out + answer.err
    (path,) = tmp_path.rglob("output.txt")
    assert path.stat().st_size < 100_000
    assert "bytes left out" in path.read_text()


def test_a_child_left_behind_holds_neither_the_sweep_nor_the_lock(bench_call, rough_conf, tmp_path) -> None:
    assert bench_call(*words(rough_conf, "model=forks")).code == 0
    assert not list(tmp_path.rglob("*.lock"))
    assert bench_call(*words(rough_conf, "model=forks", "--again")).code == 0


def test_the_parent_needs_no_torch(rough_conf, tmp_path) -> None:
    import subprocess
    import sys

    from tests.helpers import environment

    code = "import sys; from bench import commands; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n", done.stderr


def test_cells_side_by_side_are_the_cells_one_by_one(bench_call, rough_conf, tmp_path) -> None:
    alone = words(rough_conf, "model=affine,noisy", "seed=0,1")
    assert bench_call(*alone).code == 0
    answer = bench_call(*alone, "workers=2", "results_dir=together")
    assert answer.code == 0, answer.out
    expected, found = records(tmp_path / "results/scratch"), records(tmp_path / "together/scratch")
    assert {name: repeatable(record) for name, record in found.items()} == {
        name: repeatable(record) for name, record in expected.items()
    }
    assert {record["shared_machine"] for record in found.values()} == {True}
    assert all("workers" not in record["command"] for record in found.values())
    folders = [tmp_path / name / "scratch" / "runs" for name in ("results", "together")]
    weights = [sorted(folder.glob("*/*/weights.safetensors")) for folder in folders]
    assert [path.read_bytes() for path in weights[0]] == [path.read_bytes() for path in weights[1]]


@pytest.mark.long
def test_a_reader_that_leaves_and_a_full_log_fail_no_run(rough_conf, tmp_path) -> None:
    import subprocess
    import sys

    from tests.helpers import environment

    command = [sys.executable, "-m", "bench.cli", *words(rough_conf, "model=affine,noisy", "seed=0,1")]
    piped = subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    piped.stdout.close()
    piped.wait(120)
    found = records(tmp_path / "results/scratch")
    assert [record["status"] for record in found.values()] == ["ok"] * 4
    with open("/dev/full", "w") as full:
        done = subprocess.run([*command, "--again"], cwd=tmp_path, env=environment(), stdout=full, check=False)
    assert done.returncode == 0
    assert [record["status"] for record in records(tmp_path / "results/scratch").values()] == ["ok"] * 4


def test_a_death_of_the_parent_ends_the_cells_and_frees_the_locks(rough_conf, tmp_path) -> None:
    from bench.cells.lock import Lock, started
    from tests.helpers import start
    from tests.test_commands import wait_for

    process = start(tmp_path, *words(rough_conf, "model=sleeps"))
    try:
        wait_for(lambda: bool(list(tmp_path.rglob("config.yaml"))))
        (lock,) = tmp_path.rglob("*.lock")
        pid = json.loads(lock.read_text())["pid"]
        assert pid != process.pid
        assert started(pid) is not None
        process.kill()
        process.wait()
        wait_for(lambda: started(pid) is None, seconds=10)
        (folder,) = (tmp_path / "results/scratch/runs").glob("*/linear*")
        assert Lock(folder).holder() is None
    finally:
        process.kill()
    assert os.path.exists(lock)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 14 MB."""
    with small_file_system(tmp_path / "small", "14m") as small:
        yield small


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_fills_up_is_named_and_leaves_nothing_half_written(rough_conf, bench_call, small_disk) -> None:
    path = f"model.path={small_disk}/filler"
    answer = bench_call(*words(rough_conf, "model=fills_disk", path, "seed=0,1", f"results_dir={small_disk}/results"))
    left = {path.name for path in small_disk.rglob("*") if path.is_file()}
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert "No space left on device; free some space or choose another results_dir=" in answer.err
    assert "record.json" not in left
    assert not [name for name in left if name.startswith(".")]


@pytest.mark.parametrize(
    ("model", "call"),
    [("standardises_in_place", "finish"), ("halves_in_place", "validation"), ("writes_past_torch", "the run")],
)
def test_an_entry_that_changes_its_data_fails_and_the_next_is_as_ever(
    model: str, call: str, bench_call, rough_conf, tmp_path, undisturbed
) -> None:
    answer = bench_call(*words(rough_conf, f"model={model},affine"))
    assert answer.code == 1
    assert row(tmp_path, model)["status"] == "failed"
    assert row(tmp_path, model)["error"].startswith("changed its data: ")
    assert call in row(tmp_path, model)["error"]
    assert repeatable(row(tmp_path, "affine")) == undisturbed


@pytest.mark.parametrize(
    ("model", "end"),
    [
        ("exits_hard", "fails: exited with code 0 before the verdict"),
        ("crashes", "fails: killed by signal 11"),
        ("garbles", "fails: its code wrote into the messages of its process"),
    ],
)
def test_a_check_of_an_entry_that_leaves_fails(model: str, end: str, bench_call, rough_conf) -> None:
    answer: Answer = bench_call("check", model, "--config-dir", str(rough_conf))
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == end


def test_a_data_set_that_leaves_is_not_sound(bench_call, tmp_path) -> None:
    (tmp_path / "conf/data").mkdir(parents=True)
    (tmp_path / "conf/data/leaves.yaml").write_text("_target_: leaving.made\nname: leaves\n")
    (tmp_path / "leaving.py").write_text("import os\n\n\ndef made(name):\n    os._exit(0)\n")
    for command in (["check", "leaves"], ["list", "data", "leaves"]):
        answer = bench_call(*command, "--config-dir", str(tmp_path / "conf"))
        assert answer.code == 1
        assert answer.out.splitlines()[-1] == "fails: exited with code 0 before the verdict"


def test_an_evaluation_that_dies_leaves_the_record_of_the_run(rough_conf, bench_call, tmp_path, monkeypatch) -> None:
    assert bench_call(*words(rough_conf, "model=crashes_when_asked")).code == 0
    before = row(tmp_path, "crashes_when_asked")
    assert before["status"] == "ok"
    monkeypatch.setenv("CRASH", "1")
    assert bench_call("evaluate", "scratch", "eval.seed=7").code == 1
    assert row(tmp_path, "crashes_when_asked") == before
    (path,) = (tmp_path / "results/scratch/runs").glob("*/*/evaluations/*/record.json")
    dead = json.loads(path.read_text())
    assert (dead["status"], dead["error"]) == ("failed", "killed by signal 11")
    monkeypatch.delenv("CRASH")
    assert bench_call("evaluate", "scratch", "eval.seed=7").code == 0
    assert json.loads(path.read_text())["status"] == "ok"
