"""A lock names its holder, dies with it although a child lives on, and works where flock does not."""

import errno
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.cells import lock as module
from bench.cells.lock import STALE, Holder, Lock, locked, this_machine, this_process
from bench.errors import CannotWrite
from tests.helpers import environment

HOLD = """
import os, sys, time
from pathlib import Path
from bench.cells.lock import Lock
assert Lock(Path(sys.argv[1])).take() is None
if sys.argv[2] == "child" and os.fork() == 0:
    time.sleep(60)
    os._exit(0)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["flock", "no flock", "no link"])
def file_system(request, monkeypatch) -> None:
    """A file system as it is, one that refuses flock, and one without hard links."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if request.param == "no flock":
        monkeypatch.setattr(module.fcntl, "flock", refuse)
    if request.param == "no link":
        monkeypatch.setattr(module.os, "link", refuse)


def holding(folder: Path, child: str = "alone") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), child], env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("child", ["alone", "child"])
def test_a_lock_names_its_holder_and_dies_with_it(child: str, file_system, tmp_path) -> None:
    process = holding(tmp_path / "a", child)
    try:
        other = Lock(tmp_path / "a").take()
        assert other is not None
        assert (other.pid, other.machine) == (process.pid, this_machine())
        assert str(process.pid) in str(other)
        with locked(tmp_path / "b") as nobody:
            assert nobody is None
    finally:
        process.kill()
        process.wait()
    for _ in range(2):
        with locked(tmp_path / "a") as nobody:
            assert nobody is None
    assert not list(tmp_path.iterdir())


def test_a_number_that_was_used_again_is_no_holder(file_system, tmp_path) -> None:
    assert Lock(tmp_path / "a").take() is None
    path = tmp_path / ".a.lock"
    path.write_text(json.dumps(asdict(replace(this_process(), start=1))))
    assert Lock(tmp_path / "a").holder() is None
    assert Lock(tmp_path / "a").take() is None


def test_a_holder_on_another_machine_lives_while_it_touches_the_lock(file_system, tmp_path) -> None:
    path = tmp_path / ".a.lock"
    path.write_text(json.dumps(asdict(Holder("elsewhere", "another boot", os.getpid(), 0))))
    assert Lock(tmp_path / "a").take() == Holder("elsewhere", "another boot", os.getpid(), 0)
    past = time.time() - STALE - 60
    os.utime(path, (past, past))
    assert Lock(tmp_path / "a").take() is None
    assert Lock(tmp_path / "a").holder() == this_process()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 3}'])
def test_a_lock_that_names_nobody_is_taken_over(content: str, tmp_path) -> None:
    (tmp_path / ".a.lock").write_text(content)
    with locked(tmp_path / "a") as nobody:
        assert nobody is None


def test_a_lock_taken_in_the_meantime_is_put_back(tmp_path, monkeypatch) -> None:
    """Two processes see one dead holder; the slower one renames the faster one's lock, and notices."""
    lock = Lock(tmp_path / "a")
    lock.path.write_text("{}")
    rename = os.rename

    def late(source, target) -> None:
        lock.path.write_text(json.dumps(asdict(this_process())))
        rename(source, target)

    monkeypatch.setattr(module.os, "rename", late)
    module.remove_stale(lock.path)
    monkeypatch.undo()
    assert lock.holder() == this_process()
    assert [path.name for path in tmp_path.iterdir()] == [".a.lock"]


def test_of_many_processes_one_takes_over(tmp_path) -> None:
    (tmp_path / ".a.lock").write_text("{}")
    code = (
        "import sys; from pathlib import Path; from bench.cells.lock import Lock; import time; "
        "print(Lock(Path(sys.argv[1])).take() is None, flush=True); time.sleep(5)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    processes = [subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) for _ in range(6)]
    answers = [process.stdout.readline() for process in processes if process.stdout]
    for process in processes:
        process.kill()
        process.wait()
    assert sorted(answers) == ["False\n"] * 5 + ["True\n"]


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(CannotWrite, match="choose another results_dir="):
        Lock(tmp_path / "runs" / "a").take()
