"""The commands between runs on a study's folder that a stranger made: nothing hangs, and no text moves a terminal."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench.cells.lock import Lock, this_process
from bench.cells.progress import FILE, progress_in
from bench.record.runs import run_path
from bench.record.store import RunFolder
from bench.upkeep.cells import cells_of, heads
from bench.upkeep.clean import clean_command, leftovers, superseded
from bench.upkeep.merge import merge_command
from bench.upkeep.status import status_command

PROGRESS = {"phase": "train", "share": 0.5, "value": "", "about": "", "began": 1.0, "share_then": 0.0, "at": 2.0}


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Ends a test that hangs, as one that waits for a pipe does."""

    def late(*_: object) -> None:
        raise TimeoutError

    usual = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, usual)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "results" / "scratch"


def run_of(study: Path, seed: int = 0) -> Path:
    """The folder of a run, made."""
    folder = run_path(study / "runs", f"moons-affine-s{seed}-be00000{seed}")
    folder.mkdir(parents=True)
    return folder


def ended_run(study: Path, seed: int = 0, status: str = "ok", error: str | None = None) -> Path:
    """The folder of a run that has ended."""
    folder = run_of(study, seed)
    RunFolder(folder).write_record({"run_id": folder.name, "status": status, "error": error})
    return folder


def put(kind: str, path: Path) -> None:
    """Something that is no plain file, or a large one."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with open(path, "wb") as file:
            file.truncate(10_000_000_000)


@pytest.mark.parametrize("kind", ["pipe", "device", "large"])
def test_what_is_no_plain_file_is_a_broken_record_no_holder_and_no_progress(kind: str, study: Path) -> None:
    folder = run_of(study)
    put(kind, folder / "record.json")
    put(kind, folder / FILE)
    lock = Lock(folder)
    put(kind, lock.path)
    said: list[str] = []
    assert dict(heads(study / "runs")) == {folder.name: ""}
    assert progress_in(folder) is None
    assert lock.holder() is None
    assert status_command(study, False, False, said.append) == 0
    assert said[0].startswith("scratch: 1 broken\n1 locks of processes that died")
    assert [one.path for one in leftovers(study, lambda model: (1, 1))] == [lock.path]
    assert lock.take() is None, "a process takes it over"
    lock.release()


@pytest.mark.parametrize(
    "other",
    [{"phase": 3}, {"share": "half"}, {"share": float("nan")}, {"at": None}, {"at": 1e300}, {"about": ["x"]}],
)
def test_progress_of_another_kind_is_none(other: dict[str, Any], study: Path) -> None:
    folder = run_of(study)
    (folder / FILE).write_text(json.dumps(PROGRESS))
    assert progress_in(folder) is not None
    (folder / FILE).write_text(json.dumps(PROGRESS | other))
    assert progress_in(folder) is None


@pytest.mark.parametrize("other", [{"host": 3}, {"machine": []}, {"pid": "1"}, {"start": None}])
def test_a_lock_of_another_kind_names_nobody(other: dict[str, Any], study: Path) -> None:
    lock = Lock(run_of(study))
    lock.path.write_text(json.dumps(asdict(this_process())))
    assert lock.holder() == this_process()
    lock.path.write_text(json.dumps(asdict(this_process()) | other))
    assert lock.holder() is None


def test_what_strangers_wrote_reaches_the_terminal_printable(study: Path) -> None:
    folder = run_of(study)
    bad = "\x1b[2J\nscratch: 9 ok\u202e"
    (folder / FILE).write_text(json.dumps(PROGRESS | {"phase": bad, "value": bad}))
    Lock(folder).path.write_text(json.dumps(asdict(this_process()) | {"host": bad}))
    said: list[str] = []
    status_command(study, False, False, said.append)
    assert said[0].count("\n") == 2
    assert "\x1b" not in said[0]
    assert "\u202e" not in said[0]


def test_a_version_of_many_digits_is_none(study: Path) -> None:
    folder, text = run_of(study), '{\n "model": "affine",\n "entry_version": %s,\n "training_version": 1\n}\n'
    (folder / "record.json").write_text(text % 1)
    assert "of version 1, which is 2 now" in superseded(folder, lambda model: (2, 1))
    (folder / "record.json").write_text(text % ("1" * 5_000))
    assert superseded(folder, lambda model: (2, 1)) == ""


def test_clean_takes_nothing_behind_a_link(study: Path, tmp_path: Path) -> None:
    elsewhere = ended_run(tmp_path / "elsewhere")
    for name in ("checkpoint.safetensors", "record.json.broken", FILE, ".record.json.123"):
        (elsewhere / name).write_text("x")
    (study / "runs" / "be").mkdir(parents=True)
    (study / "runs" / "be" / elsewhere.name).symlink_to(elsewhere)
    (study / "runs" / "bf").symlink_to(elsewhere.parent)
    (study / "tuning").symlink_to(tmp_path / "elsewhere")
    inside = ended_run(study, 1)
    (inside / "evaluations").symlink_to(elsewhere)
    (study / "runs" / "be" / ".record.json.7").symlink_to(elsewhere)
    before = sorted(path.name for path in elsewhere.iterdir())
    said: list[str] = []
    assert clean_command(study, True, lambda model: (9, 9), said.append) == 0
    assert sorted(path.name for path in elsewhere.iterdir()) == before
    assert said[-1].startswith("removed 1 of them"), "the scratch file's own name"
    assert not (study / "runs" / "be" / ".record.json.7").is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_merge_leaves_runs_with_something_strange_and_goes_on(kind: str, study: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    bad, good = ended_run(other, 0), ended_run(other, 1)
    if kind == "folder":
        (bad / "evaluations").symlink_to(tmp_path)
    else:
        put(kind, bad / "weights.safetensors")
    said: list[str] = []
    assert merge_command(study, other, said.append) == 0
    assert said[0].startswith(f"left: {bad.name}: {bad}/")
    assert "neither a plain file nor a folder" in said[0]
    assert said[1] == "1 left, 1 brought"
    assert not run_path(study / "runs", bad.name).exists()
    assert run_path(study / "runs", good.name).exists()


def test_merge_writes_nothing_behind_a_link(study: Path, tmp_path: Path) -> None:
    theirs, elsewhere = ended_run(tmp_path / "other"), ended_run(tmp_path / "elsewhere")
    (theirs / "evaluations" / "0123abcd").mkdir(parents=True)
    (study / "runs" / "be").mkdir(parents=True)
    run_path(study / "runs", theirs.name).symlink_to(elsewhere)
    said: list[str] = []
    merge_command(study, tmp_path / "other", said.append)
    assert said[0].startswith(f"left: {theirs.name}")
    assert [path.name for path in elsewhere.iterdir()] == ["record.json"]


def test_an_error_is_read_as_json_whatever_its_characters(study: Path) -> None:
    for seed, error in enumerate(('ends in 🙂 \\ " é', "🙂" * 1_900)):
        folder = ended_run(study, seed, "failed", error)
        assert cells_of(study).errors[folder.name] == error
    folder = ended_run(study, 2, "failed", "x")
    record = folder / "record.json"
    record.write_text(record.read_text().replace('"error": "x"', '"error": "\\\\q"').replace("\\\\q", "\\q"))
    assert cells_of(study).errors[folder.name] == "\\q", "no JSON: as it stands"
