"""Two machines on one results folder: each a space of process numbers of its own, on a file system without `flock`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.study import CHECKPOINT, SEEDS, STUDY, command, ended, made, undisturbed, wait_for
from tests.helpers import environment

SHIM = """
#include <errno.h>
int flock(int descriptor, int operation) { errno = ENOLCK; return -1; }
"""
FLOCK = "import fcntl, sys\nfcntl.flock(sys.stdin, fcntl.LOCK_EX)\n"
SPACES = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--uts"]


@pytest.fixture(scope="module")
def without_flock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of processes whose `flock` fails as it does on NFS without a lock server."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "flock.c").write_text(SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "flock.so", folder / "flock.c"], check=True)
    found = {**environment(), "LD_PRELOAD": str(folder / "flock.so")}
    refused = subprocess.run([sys.executable, "-c", FLOCK], env=found, capture_output=True, text=True, check=False)
    assert "No locks available" in refused.stderr
    if subprocess.run([*SPACES, "hostname", "first"], capture_output=True, check=False).returncode:
        pytest.skip("a space of process numbers may not be made here")
    return found


def machine(name: str, folder: Path, words: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    """`bench` on a machine of its own, as far as it can tell; all of it dies with the process."""
    named = ["sh", "-c", f'hostname {name} && exec "$@"', "sh"]
    call = [*SPACES, *named, sys.executable, "-m", "bench.cli", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(call, cwd=folder, env=environment, text=True, **pipes)


def test_two_machines_share_a_study(without_flock: dict[str, str], own_conf: Path, tmp_path: Path) -> None:
    expected = undisturbed(tmp_path / "alone", own_conf)
    shared = tmp_path / "shared"
    shared.mkdir()
    answers = [ended(each) for each in [machine(name, shared, command(own_conf), without_flock) for name in "ab"]]
    assert [answer.code for answer in answers] == [0, 0], answers
    assert made(shared / STUDY) == expected
    assert sum(answer.out.count("running elsewhere: process ") for answer in answers) >= SEEDS - 1
    assert not list(shared.rglob(".*.lock*"))


@pytest.mark.long
def test_a_machine_that_dies_is_taken_over(without_flock: dict[str, str], own_conf: Path, tmp_path: Path) -> None:
    """Its lock is silent for two minutes, and watched for most of another one."""
    expected = undisturbed(tmp_path / "alone", own_conf, 0.3)
    shared = tmp_path / "shared"
    shared.mkdir()
    dying = machine("dying", shared, command(own_conf, 0.3), without_flock)
    wait_for(lambda: list((shared / STUDY).glob(CHECKPOINT)), dying)
    dying.kill()
    dying.communicate()
    answer = ended(machine("living", shared, command(own_conf, 0.3), without_flock), seconds=300)
    assert answer.code == 0, answer
    assert "running elsewhere: process " in answer.out
    assert " on dying; waited for at the end" in answer.out
    assert made(shared / STUDY) == expected
    assert not list(shared.rglob(".*.lock*"))
