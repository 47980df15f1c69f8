"""Disks that fill up, have no room for another file, are read-only or go away: no record is lost or torn."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.data.stream import stored
from bench.errors import BenchError
from tests.faults.study import CHECKPOINT, STUDY, command, ended, left_over, made, wait_for
from tests.helpers import environment, records, small_file_system, start

pytestmark = pytest.mark.long


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 14 MB."""
    with small_file_system(tmp_path / "small", "14m") as small:
        yield small


def fill(folder: Path) -> Path:
    """Leaves no room in a file system; the file that takes it."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                while file.write(b"0" * size):
                    pass
            except OSError:
                size //= 2
    return filler


def make_files(folder: Path, count: int) -> None:
    """Makes so many empty files."""
    for number in range(count):
        (folder / f"filler{number}").touch()


def refused(code: int, err: str, reason: str) -> bool:
    """True where a command ended with one line that names a reason."""
    return code == 2 and len(err.splitlines()) == 1 and reason in err


@pytest.mark.parametrize(
    "moment", ["runs/*/*/config.yaml", CHECKPOINT, "runs/*/*/weights.safetensors", "runs/*/*/record.json"]
)
def test_a_disk_that_is_full_from_some_moment_on(
    moment: str, own_conf: Path, place: Path, whole: dict[str, Any]
) -> None:
    """It fills up before the first checkpoint, the next one, the record, and the next run."""
    process = start(place, *command(own_conf))
    wait_for(lambda: list((place / STUDY).glob(moment)), process)
    filler = fill(place)
    answer = ended(process)
    assert refused(answer.code, answer.err, "No space left on device; free some space or choose another results_dir=")
    assert made(place / STUDY).items() <= whole.items()
    filler.unlink()
    assert ended(start(place, *command(own_conf))).code == 0
    assert made(place / STUDY) == whole
    assert left_over(place / STUDY) == set()


def test_a_disk_that_is_full_when_the_report_is_made(own_conf: Path, place: Path, whole: dict[str, Any]) -> None:
    assert ended(start(place, *command(own_conf))).code == 0
    assert ended(start(place, "report", "scratch")).code == 0
    table = (place / STUDY / "table.csv").read_bytes()
    (place / STUDY / ".drawn.json").unlink(missing_ok=True)
    filler = fill(place)
    answer = ended(start(place, "report", "scratch"))
    assert refused(answer.code, answer.err, "free some space"), answer
    assert (place / STUDY / "table.csv").read_bytes() == table
    filler.unlink()
    assert ended(start(place, "report", "scratch")).code == 0
    assert (place / STUDY / "table.csv").read_bytes() == table
    assert made(place / STUDY) == whole


def test_a_disk_that_fills_up_while_data_are_written(place: Path) -> None:
    pieces = [torch.zeros(1 << 20) for _ in range(8)]
    with pytest.raises(BenchError, match=r"No space left on device\); free some disk, or set data_root= elsewhere"):
        stored(place / "rows.npy", (8 << 20,), pieces)
    assert list(place.iterdir()) == []


def test_no_room_for_another_file(own_conf: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    with small_file_system(tmp_path / "small", "50m", files=300) as place:
        process = start(place, *command(own_conf))
        wait_for(lambda: list((place / STUDY).glob(CHECKPOINT)), process)
        with pytest.raises(OSError, match="No space left on device"):
            make_files(place, 300)
        answer = ended(process)
        assert refused(answer.code, answer.err, "No space left on device"), answer
        again = ended(start(place, *command(own_conf)))
        assert refused(again.code, again.err, "no room for another file"), again
        for filler in place.glob("filler*"):
            filler.unlink()
        assert ended(start(place, *command(own_conf))).code == 0
        assert made(place / STUDY) == whole


def test_a_disk_that_becomes_read_only(own_conf: Path, place: Path, whole: dict[str, Any]) -> None:
    process = start(place.parent, *command(own_conf), f"results_dir={place}/results")
    wait_for(lambda: list((place / STUDY).glob(CHECKPOINT)), process)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    answer = ended(process)
    assert refused(answer.code, answer.err, "Read-only file system"), answer
    again = ended(start(place.parent, *command(own_conf), f"results_dir={place}/results"))
    assert refused(again.code, again.err, "is not writable; choose another results_dir="), again
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    assert ended(start(place.parent, *command(own_conf), f"results_dir={place}/results")).code == 0
    assert made(place / STUDY) == whole


def renamed(results: Path) -> Callable[[], None]:
    """Takes a folder away; brings it back."""
    aside = results.with_name("aside")
    results.rename(aside)
    return lambda: aside.rename(results) and None


def unmounted(results: Path) -> Callable[[], None]:
    """Takes the file system of a folder away, which leaves an empty folder in its place; brings it back."""
    subprocess.run(["umount", "-l", str(results)], check=True)
    assert list(results.iterdir()) == []

    def back() -> None:
        assert list(results.iterdir()) == [], "written to what lies beneath"
        subprocess.run(["mount", "--bind", str(results.with_name("store")), str(results)], check=True)

    return back


@pytest.mark.parametrize("take_away", [renamed, unmounted])
def test_a_results_folder_that_is_gone_for_five_seconds(
    take_away: Callable[[Path], Callable[[], None]], own_conf: Path, tmp_path: Path, whole: dict[str, Any]
) -> None:
    results = tmp_path / "results"
    results.mkdir()
    if take_away is unmounted:
        (tmp_path / "store").mkdir()
        done = subprocess.run(
            ["mount", "--bind", str(tmp_path / "store"), str(results)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting is not permitted here")
    process = start(tmp_path, *command(own_conf))
    wait_for(lambda: list((tmp_path / STUDY).glob(CHECKPOINT)), process)
    bring_back = take_away(results)
    time.sleep(5)
    assert process.poll() is None
    assert take_away is unmounted or not results.exists()
    bring_back()
    try:
        answer = ended(process)
        assert answer.code == 0, answer
        assert made(tmp_path / STUDY) == whole
        assert left_over(tmp_path / STUDY) == set()
    finally:
        if take_away is unmounted:
            subprocess.run(["umount", str(results)], check=True)


def test_a_results_folder_that_stays_away_is_named(own_conf: Path, tmp_path: Path) -> None:
    """What writes there gives up, here after a second instead of a minute."""
    hurry = tmp_path / "hurry"
    hurry.mkdir()
    (hurry / "sitecustomize.py").write_text("import bench.record.writing as writing\nwriting.PATIENCE = 1.0\n")
    path = os.pathsep.join([str(hurry), environment()["PYTHONPATH"]])
    process = start(tmp_path, *command(own_conf), more={"PYTHONPATH": path})
    wait_for(lambda: list((tmp_path / STUDY).glob(CHECKPOINT)), process)
    (tmp_path / "results").rename(tmp_path / "aside")
    answer = ended(process)
    assert answer.code == 2
    assert answer.err.endswith(" is gone: bring it back and give the command again\n")
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "results").exists()
    assert not records(tmp_path / "aside/scratch")
