import json
import os
import shlex
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.cells.lock import Lock
from bench.record.runs import run_path, run_paths
from tests.helpers import (
    RUN_FILES,
    TINY,
    Answer,
    files_of_run,
    files_under,
    records,
    repeatable,
    small_file_system,
    start,
    written,
)

STUDY = """# @package _global_
study: mixed
grid:
  - model: [crashing, diverging, affine]
    seed: [0, 1]
"""

UNION = """# @package _global_
study: union
grid:
  - model: [affine]
    seed: [0]
  - model: [affine]
    seed: [0]
    train.optimiser.learning_rate: [0.1, 0.2]
"""


@pytest.fixture(scope="module")
def study_conf(own_conf: Path) -> Path:
    (own_conf / "study").mkdir(exist_ok=True)
    (own_conf / "study" / "mixed.yaml").write_text(STUDY)
    return own_conf


def words(conf: Path, *overrides: str) -> list[str]:
    return ["run", "--config-dir", str(conf), *TINY, *overrides]


def names(answer: Answer, status: str) -> list[str]:
    return [line for line in answer.out.splitlines() if f"  {status}" in line]


@pytest.mark.long
def test_a_grid_goes_on_past_failures_and_counts_them(study_conf, bench_call, tmp_path) -> None:
    command = words(study_conf, "study=mixed")
    answer = bench_call(*command)
    assert answer.code == 1
    assert answer.err == ""
    assert "6 runs: 2 ok, 2 diverged, 2 failed" in answer.out
    study = tmp_path / "results" / "mixed"
    found = records(study)
    assert Counter(record["status"] for record in found.values()) == {"ok": 2, "diverged": 2, "failed": 2}
    assert {record["error"] for record in found.values() if record["status"] == "failed"} == {
        "RuntimeError: the entry broke"
    }

    before = written(study)
    again = bench_call(*command)
    assert again.code == 1
    assert "6 runs: 2 ok, 2 diverged, 2 failed" in again.out
    assert len(names(again, "finished before: ok")) == 2
    assert len(names(again, "finished before: diverged")) == 2
    changed = {name for name, when in written(study).items() if when != before[name]}
    assert changed == {name for name, record in found.items() if record["status"] == "failed"}


def test_a_plain_study_needs_no_flag_and_a_typed_axis_narrows_it(study_conf, bench_call, tmp_path) -> None:
    answer = bench_call(*words(study_conf, "study=mixed", "model=affine", "seed=5"))
    assert answer.code == 0
    assert [name.split("-")[1:3] for name in records(tmp_path / "results" / "mixed")] == [["affine", "s5"]]
    assert "1 runs: 1 ok" in answer.out
    assert answer.out.splitlines()[-1] == "bench report mixed"


def test_the_stored_command_makes_the_row_again(study_conf, bench_call, tmp_path) -> None:
    bench_call(*words(study_conf, "study=mixed", "model=affine"))
    first = records(tmp_path / "results" / "mixed")
    assert sorted(record["seed"] for record in first.values()) == [0, 1]
    name = max(first)
    bench, *command = shlex.split(first[name]["command"])
    assert bench == "bench"
    answer = bench_call(*command, "results_dir=again")
    assert answer.code == 0, answer.err
    again = records(tmp_path / "again" / "mixed")
    assert again.keys() == {name}
    assert repeatable(again[name]) == repeatable(first[name])


@pytest.mark.long
def test_the_stored_command_of_a_union_of_products_makes_its_row_alone(study_conf, bench_call, tmp_path) -> None:
    """The cell of the first product names no learning rate, an axis of the second."""
    (study_conf / "study" / "union.yaml").write_text(UNION)
    answer = bench_call(*words(study_conf, "study=union"))
    assert "3 runs: 3 ok" in answer.out
    made = records(tmp_path / "results" / "union")
    for number, (name, record) in enumerate(made.items()):
        _, *command = shlex.split(record["command"])
        assert bench_call(*command, f"results_dir=again{number}").code == 0
        again = records(tmp_path / f"again{number}" / "union")
        assert again.keys() == {name}
        assert repeatable(again[name]) == repeatable(record)
    assert sorted("grid=[]" in record["command"] for record in made.values()) == [False, False, True]


def test_what_does_not_apply_is_a_row_and_no_failure(bench_call, own_conf, tmp_path) -> None:
    small = [word for word in TINY if not word.startswith("data")]
    answer = bench_call("run", *small, "data=digits_binary", "model=realnvp")
    assert answer.code == 0
    assert "1 runs: 1 not_applicable" in answer.out
    (record,) = records(tmp_path / "results" / "scratch").values()
    assert "digits_binary is binary" in record["error"]


def test_a_truncated_record_is_named_set_aside_and_made_again(bench_call, own_conf, tmp_path) -> None:
    command = words(own_conf, "model=affine")
    bench_call(*command)
    (path,) = (tmp_path / "results").rglob("record.json")
    whole = json.loads(path.read_text())
    path.write_text(path.read_text()[:100])
    answer = bench_call(*command)
    assert answer.code == 0
    assert "is broken" in answer.out
    assert f"{path.parent.name}/record.json" in answer.out
    assert (path.parent / "record.json.broken").exists()
    assert repeatable(json.loads(path.read_text())) == repeatable(whole)


@pytest.mark.long
def test_a_run_of_another_process_is_left_to_it(bench_call, own_conf, tmp_path) -> None:
    command = words(own_conf, "model=affine", "-m", "seed=0,1")
    bench_call(*command)
    first = min((tmp_path / "results" / "scratch" / "runs").glob("*/l*"))
    (first / "record.json").unlink()
    lock = Lock(first.relative_to(tmp_path))
    assert lock.take() is None
    threading.Timer(6.0, lock.release).start()
    answer = bench_call(*command)
    assert answer.code == 0
    assert f"running elsewhere: process {os.getpid()} on" in answer.out
    assert "2 runs: 2 ok" in answer.out
    assert (first / "record.json").exists()


def test_a_bad_cell_anywhere_stops_the_grid_before_it_begins(bench_call, own_conf, tmp_path) -> None:
    answer = bench_call(*words(own_conf, "-m", "model=affine,unbuildable"))
    assert answer.code == 2
    assert files_under(tmp_path) == set()


@pytest.mark.parametrize("mount", ["a study of many", "a study of nothing"])
def test_one_study_at_a_time_and_none_without_cells(mount: str, study_conf, bench_call, tmp_path) -> None:
    if mount == "a study of many":
        answer = bench_call(*words(study_conf, "-m", "study=mixed,scratch"))
        assert "one study at a time" in answer.err
    else:
        (study_conf / "study" / "nothing.yaml").write_text("# @package _global_\nstudy: nothing\ngrid:\n  - seed: []\n")
        answer = bench_call(*words(study_conf, "study=nothing"))
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert files_under(tmp_path) == set()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def newer_checkpoint(folder: Path, since: int) -> Callable[[], bool]:
    return lambda: any(path.stat().st_mtime_ns > since for path in folder.rglob("checkpoint.safetensors"))


@pytest.mark.long
def test_a_process_interrupted_and_killed_goes_on_to_the_same_record(own_conf, bench_call, tmp_path) -> None:
    command = words(own_conf, "model=slow", "model.seconds=0.05", "train.checkpoint_seconds=0.001")
    folder = tmp_path / "disturbed"
    folder.mkdir()
    errors = []
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = start(folder, *command)
        try:
            wait_for(newer_checkpoint(folder, time.time_ns()))
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
        errors.append(err)
        assert process.returncode == code, err
        assert not list(folder.rglob("record.json"))
    assert errors[0] == "bench: interrupted; the same command goes on from here\n"

    resumed = bench_call(*command, "results_dir=disturbed/results")
    assert resumed.code == 0, resumed.err
    assert "step 5," not in resumed.out, "it began anew"
    assert bench_call(*command).code == 0
    ((name, record),) = records(folder / "results" / "scratch").items()
    ((same_name, expected),) = records(tmp_path / "results" / "scratch").items()
    assert name == same_name
    assert repeatable(record) == repeatable(expected)
    weights = run_path(Path("results/scratch/runs"), name) / "weights.safetensors"
    assert (folder / weights).read_bytes() == (tmp_path / weights).read_bytes()


@pytest.mark.long
def test_two_processes_on_one_study_make_every_run_once(own_conf, tmp_path) -> None:
    log = tmp_path / "log"
    command = words(own_conf, "-m", "model=slow", "seed=0,1,2", "model.seconds=0.001", f"model.log={log}")
    processes = [start(tmp_path, *command) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    found = records(tmp_path / "results" / "scratch")
    assert sorted(record["seed"] for record in found.values()) == [0, 1, 2]
    assert {record["status"] for record in found.values()} == {"ok"}
    begun = [line.split()[0] for line in log.read_text().splitlines()]
    assert len(begun) == len(set(begun)) == 3
    left = {name for folder in run_paths(tmp_path / "results/scratch/runs") for name in files_of_run(folder)}
    assert left == RUN_FILES


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 16 kB."""
    with small_file_system(tmp_path / "small", "16k") as small:
        yield small


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_is_refused_and_nothing_written(own_conf, bench_call, small_disk) -> None:
    answer = bench_call(*words(own_conf, "model=affine", f"results_dir={small_disk}"))
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert "the disk is full (0.0 MB left); free 10 MB or choose another results_dir=" in answer.err
    assert not list(small_disk.iterdir())


def test_again_makes_a_finished_run_anew(own_conf, bench_call, tmp_path) -> None:
    command = words(own_conf, "model=affine")
    bench_call(*command)
    (path,) = (tmp_path / "results").glob("scratch/runs/*/*/record.json")
    before = path.stat().st_mtime_ns
    assert "finished before: ok" in bench_call(*command).out
    assert path.stat().st_mtime_ns == before
    assert "finished before" not in bench_call(*command, "--again").out
    assert path.stat().st_mtime_ns > before


def test_an_edit_of_a_users_own_entry_makes_another_run_and_a_comment_does_not(tmp_path, bench_call) -> None:
    assert bench_call("new", "edited_entry", "--dir", ".").code == 0
    command = words(tmp_path / "conf", "model=edited_entry", "budget.parameters=null")
    bench_call(*command)
    source = tmp_path / "edited_entry.py"
    source.write_text("# a thought\n" + source.read_text() + "\n\n# another thought\n")
    assert "finished before: ok" in bench_call(*command).out
    source.write_text(source.read_text() + "\nMORE = 1\n")
    assert "finished before" not in bench_call(*command).out
    assert len(list(tmp_path.glob("results/scratch/runs/*/*/record.json"))) == 2


def test_a_record_names_no_folder_and_the_hint_does(own_conf, bench_call, tmp_path) -> None:
    place = tmp_path / "somewhere"
    answer = bench_call(*words(own_conf, "model=affine", f"results_dir={place}"))
    (record,) = records(place / "scratch").values()
    assert "somewhere" not in record["command"]
    assert answer.out.splitlines()[-1] == f"bench report scratch --results-dir {place}"


def test_all_refusals_come_at_once_each_with_its_words(bench_call, own_conf, tmp_path) -> None:
    answer = bench_call(*words(own_conf, "-m", "model=affine,unbuildable,realnvp", "train.batch_size=32,1000"))
    assert answer.code == 2
    lines = answer.err.splitlines()
    assert len(lines) == 5, answer.err
    assert all(line.startswith("bench: ") and "model=" in line for line in lines)
    assert sum("cannot be built (ZeroDivisionError" in line for line in lines) == 1
    assert files_under(tmp_path) == set()


def test_one_reason_that_all_cells_are_refused_for_is_one_line(bench_call, own_conf, tmp_path) -> None:
    answer = bench_call(
        "run", "-m", "--config-dir", str(own_conf), *TINY, "model=affine,linear", "train.batch_size=999"
    )
    assert answer.code == 2
    assert answer.err == (
        "bench: train.batch_size=999: linear_gaussian has 256 training examples; give at most that, such as "
        "train.batch_size=128\n"
    )
    assert list(tmp_path.iterdir()) == []
