"""Power that fails at any moment: what was said to be done is kept, and the study goes on to the same end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.power import TRACER, Disk
from tests.faults.study import STUDY, command, ended, made
from tests.helpers import environment, records, start

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a file system that uses no inode twice"),
]

MOMENTS = 12
"""At which the power fails, in turn with all names kept and with those alone that were flushed."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder in memory: its file system gives no inode to a second file."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def trace(place: Path, own_conf: Path) -> Path:
    """What a command flushed, and when."""
    (place / "site").mkdir()
    (place / "site/sitecustomize.py").write_text(TRACER)
    results, log = place / "results", place / "trace"
    results.mkdir()
    more = {"TRACED": str(results), "TRACE": str(log), **path_with(place)}
    answer = ended(start(place, *command(own_conf, 0.0), more=more))
    assert answer.code == 0, answer
    return log


def path_with(place: Path) -> dict[str, str]:
    """The module path with the tracer."""
    return {"PYTHONPATH": f"{place / 'site'}:{environment()['PYTHONPATH']}"}


def test_each_record_is_kept_from_the_moment_at_which_it_is_done(trace: Path, tmp_path: Path) -> None:
    """Behind each moment the certain state has whole records alone, and at the end all of them."""
    events = len(trace.read_text().splitlines())
    assert events > 3 * 10
    seen = 0
    for moment in range(events + 1):
        root = tmp_path / str(moment)
        (root / "results").mkdir(parents=True)
        Disk(trace, moment).certain(root / "results")
        found = records(root / STUDY)
        assert len(found) >= seen, "a record that was there is lost"
        seen = len(found)
        shutil.rmtree(root)
    assert seen == 3


@pytest.mark.parametrize("part", range(MOMENTS))
def test_a_study_goes_on_from_what_the_disk_kept(
    part: int, trace: Path, place: Path, own_conf: Path, tmp_path: Path, fast: dict[str, Any]
) -> None:
    events = len(trace.read_text().splitlines())
    disk, results = Disk(trace, events * part // MOMENTS), tmp_path / "results"
    results.mkdir()
    (disk.with_names if part % 2 else disk.certain)(results)
    answer = ended(start(tmp_path, *command(own_conf, 0.0), more=path_with(place)))
    assert answer.code == 0, answer
    assert made(tmp_path / STUDY) == fast


@pytest.fixture(scope="module")
def fast(trace: Path) -> dict[str, Any]:
    """The same command, undisturbed."""
    return made(trace.parent / STUDY)
