import errno
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError, CannotWrite
from bench.record.columns import COLUMNS
from bench.record.store import RunFolder, check_writable, divided, record_text, tabled
from bench.record.writing import write_atomically
from tests.helpers import files_under

AS_ROOT = os.geteuid() == 0


def broken(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_written_whole_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, "text")
    write_atomically(path, b"bytes")
    assert path.read_bytes() == b"bytes"
    assert files_under(tmp_path) == {"a", "a/b", "a/b/file"}


def test_half_a_surrogate_pair_does_not_stop_a_text(tmp_path: Path) -> None:
    write_atomically(tmp_path / "error.txt", "ValueError: \ud800 ≤")
    assert (tmp_path / "error.txt").read_text(encoding="utf-8") == "ValueError: \\ud800 ≤"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_the_old_file_alone(call: str, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "record.json"
    write_atomically(path, "old")
    monkeypatch.setattr(os, call, broken)
    with pytest.raises(CannotWrite, match=r"record\.json: No space left on device; free some space") as raised:
        write_atomically(path, "new")
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, BenchError)
    assert path.read_text() == "old"
    assert files_under(tmp_path) == {"record.json"}


def test_a_real_full_disk(tmp_path: Path, monkeypatch) -> None:
    """/dev/full refuses every byte; the scratch file is made to be it."""
    path = tmp_path / "record.json"
    monkeypatch.setattr(os, "open", lambda *_, real=os.open: real("/dev/full", os.O_WRONLY))
    with pytest.raises(CannotWrite, match="No space left on device"):
        write_atomically(path, "new")
    assert files_under(tmp_path) == set()


def test_a_link_in_place_of_the_scratch_file_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.randbits", lambda bits: 7)
    target = tmp_path / "elsewhere"
    target.write_text("mine")
    scratch = tmp_path / ".record.json.7"
    scratch.symlink_to(target)
    with pytest.raises(CannotWrite, match=r"record\.json"):
        write_atomically(tmp_path / "record.json", "new")
    assert target.read_text() == "mine"


def test_processes_of_one_number_on_two_machines_write_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one has written its scratch file, the other writes the same path from its beginning to its end."""
    path, replace = tmp_path / "plan.json", os.replace
    monkeypatch.setattr(os, "getpid", lambda: 7)

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "replace", replace)
        write_atomically(path, "second")
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    write_atomically(path, "first")
    assert path.read_text() == "first"
    assert files_under(tmp_path) == {"plan.json"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="cannot write"):
        write_atomically(tmp_path / "file" / "record.json", "new")


def test_writability_is_checked_without_writing(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deep")
    assert files_under(tmp_path) == set()
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="file is a file; choose another results_dir="):
        check_writable(tmp_path / "file" / "deep")


@pytest.mark.skipif(AS_ROOT, reason="permission bits do not bind root")
def test_a_folder_of_someone_elses(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CannotWrite, match="is not writable"):
        check_writable(tmp_path / "new")


def test_a_record_has_every_column_first_and_in_order() -> None:
    record = json.loads(record_text({"own": [1], "status": "ok", "run_id": "x"}))
    assert list(record) == [*COLUMNS, "own", "checksum"]
    assert record["status"] == "ok"
    assert record["nll_nats"] is None


def test_a_long_message_is_cut_where_it_is_stored() -> None:
    record = json.loads(record_text({"error": "x" * 200_000, "warning": "short", "command": "y" * 5_000}))
    assert len(record["error"]) == 2_000
    assert record["error"].endswith("… (cut, 200,000 characters)")
    assert (record["warning"], record["command"]) == ("short", "y" * 5_000)


def test_a_record_holds_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        record_text({"nll_nats": math.nan})


def test_a_record_comes_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "moons-vae-s0-01234567")
    assert folder.read() is None
    folder.write_record({"run_id": folder.path.name, "status": "ok", "nll_nats": 1.25})
    record = folder.read()
    assert record is not None
    assert record["nll_nats"] == 1.25
    assert folder.read_or_set_aside() == (record, None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"run_id": "a", "sta',
        "[]",
        "{}",
        '{"run_id": "b", "status": "ok"}',
        '{"run_id": "a", "status": "ok", "seed": NaN}',
        '{"run_id": "a", "status": "ok", "run_id": "a"}',
        '{"run_id": "a", "status": []}',
        "[" * 100_000,
        "\udcff",
    ],
)
def test_a_broken_record_is_set_aside_by_name(content: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.path.mkdir()
    folder.record_path.write_bytes(content.encode(errors="surrogateescape"))
    record, line = folder.read_or_set_aside()
    assert record is None
    assert line is not None
    assert str(folder.record_path) in line
    assert "set aside as record.json.broken" in line
    assert "\n" not in line
    assert files_under(folder.path) == {"record.json.broken"}
    assert folder.read_or_set_aside() == (None, None)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_set_aside_too(make, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.path.mkdir()
    make(folder.record_path)
    record, line = folder.read_or_set_aside()
    assert record is None
    assert line is not None
    assert "set aside as record.json.broken" in line
    assert files_under(folder.path) == {"record.json.broken"}


def test_a_record_that_cannot_be_moved_is_one_line(tmp_path: Path, monkeypatch) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.path.mkdir()
    folder.record_path.write_text("{")
    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(CannotWrite, match=r"cannot move .*record\.json"):
        folder.read_or_set_aside()


def test_the_runs_of_a_table_are_read_whatever_its_cells_hold(tmp_path: Path) -> None:
    assert tabled(tmp_path) == set()
    (tmp_path / "table.csv").write_text(f"study,run_id,error\ns,a,{'x' * 200_000}\ns,'=b,\ns\n")
    assert tabled(tmp_path) == {"a", "=b"}
    (tmp_path / "table.csv").write_bytes(b"run_id\n\xff\n")
    with pytest.raises(BenchError, match=r"table\.csv: not UTF-8 at byte 7; restore the file"):
        tabled(tmp_path)


@pytest.mark.parametrize(
    ("row_id", "parts"),
    [
        ("toy-vae-s0-01234567", ("toy-vae-s0-01234567", "")),
        ("toy-vae-s0-01234567+89abcdef", ("toy-vae-s0-01234567", "89abcdef")),
        ("toy-vae+flow-s0-01234567", ("toy-vae+flow-s0-01234567", "")),
        ("toy-vae+flow-s0-01234567+89abcdef", ("toy-vae+flow-s0-01234567", "89abcdef")),
        ("+89abcdef", ("+89abcdef", "")),
    ],
)
def test_a_name_may_hold_the_sign_between_run_and_evaluation(row_id: str, parts: tuple[str, str]) -> None:
    assert divided(row_id) == parts


def test_arrays_come_back_without_pickle(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.write_arrays("samples.npz", samples=np.eye(3, dtype=np.float32), n=np.asarray(3))
    with np.load(folder.path / "samples.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["samples"], np.eye(3))
    assert files_under(folder.path) == {"samples.npz"}
