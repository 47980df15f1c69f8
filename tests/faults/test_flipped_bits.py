"""Bits that flip in a record or a checkpoint: they are found, named, and the cell is made again."""

import errno
import os
import random
from pathlib import Path
from typing import Any

import pytest

from bench.errors import CannotWrite
from bench.record.reading import Unreadable
from bench.record.store import RunFolder
from tests.faults.study import CHECKPOINT, STUDY, command, ended, made, wait_for
from tests.helpers import start


def flip(path: Path, generator: random.Random) -> None:
    """Flips one bit of a file."""
    content = bytearray(path.read_bytes())
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    path.write_bytes(content)


def test_every_flipped_bit_of_a_record_is_found(tmp_path: Path) -> None:
    """One in each byte: none may be read as another record."""
    folder, generator = RunFolder(tmp_path / "a"), random.Random(0)
    folder.write_record({"run_id": "a", "status": "ok", "nll_nats": 1.25, "error": "ä"})
    content = folder.record_path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << generator.randrange(8)
        folder.record_path.write_bytes(changed)
        with pytest.raises(Unreadable):
            folder.read()


def test_a_record_of_before_checksums_is_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.write_record({"run_id": "a", "status": "ok"})
    text = folder.record_path.read_text()
    folder.record_path.write_text(text[: text.index(',\n "checksum"')] + "\n}\n")
    record = folder.read()
    assert record is not None
    assert record["status"] == "ok"
    assert "checksum" not in record


@pytest.mark.long
@pytest.mark.parametrize("number", range(3))
def test_flipped_bits_of_records_are_named_and_the_runs_made_again(
    number: int, own_conf: Path, tmp_path: Path, whole: dict[str, Any]
) -> None:
    assert ended(start(tmp_path, *command(own_conf, 0.0))).code == 0
    before = made(tmp_path / STUDY)
    (path, *_) = sorted((tmp_path / STUDY).glob("runs/*/*/record.json"))
    flip(path, random.Random(number))
    answer = ended(start(tmp_path, *command(own_conf, 0.0)))
    assert answer.code == 0
    assert "record.json is broken (" in answer.out
    assert "set aside as record.json.broken, the run is made again" in answer.out
    assert answer.out.count("finished before: ok") == 2
    assert made(tmp_path / STUDY) == before


@pytest.mark.long
@pytest.mark.parametrize("number", range(3))
def test_a_flipped_bit_of_a_checkpoint_is_named_and_training_begins_anew(
    number: int, own_conf: Path, tmp_path: Path, whole: dict[str, Any]
) -> None:
    process = start(tmp_path, *command(own_conf))
    wait_for(lambda: list((tmp_path / STUDY).glob(CHECKPOINT)), process)
    process.kill()
    process.communicate()
    (path,) = (tmp_path / STUDY).glob(CHECKPOINT)
    flip(path, random.Random(number))
    answer = ended(start(tmp_path, *command(own_conf)))
    assert answer.code == 0
    assert "is broken; set aside as checkpoint.safetensors.broken, training begins anew" in answer.out
    assert made(tmp_path / STUDY) == whole


def test_a_record_of_before_whose_command_ends_in_a_hash_is_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.path.mkdir()
    ends = f"data.path=/d/{'0123456789abcdef' * 4}.csv seed=0"
    folder.record_path.write_text(f'{{\n "run_id": "a",\n "status": "ok",\n "command": "bench run {ends}"\n}}\n')
    assert folder.read() == {"run_id": "a", "status": "ok", "command": f"bench run {ends}"}


def test_a_record_that_cannot_be_read_now_is_not_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path / "a")
    folder.write_record({"run_id": "a", "status": "ok"})

    def stale(*_: object) -> int:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(os, "open", stale)
    with pytest.raises(CannotWrite, match="Stale file handle; mend that, then give the command again"):
        folder.read_or_set_aside()
    monkeypatch.undo()
    assert folder.record_path.exists()
