import csv
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.record import reading
from bench.record.reading import (
    Unreadable,
    arrays_of,
    csv_rows,
    json_object,
    shown,
    text_of,
    yaml_mapping,
    yaml_sections,
)

LIMIT = 1_000


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.mkdir, "not a plain file"),
        (os.mkfifo, "not a plain file"),
        (lambda path: path.symlink_to("/etc/hostname"), "a link, which is not followed"),
        (lambda path: path.symlink_to("nowhere"), "a link, which is not followed"),
        (lambda path: path.write_bytes(b"x" * (LIMIT + 1)), "1,001 bytes, more than 1,000"),
        (lambda path: path.write_bytes(b"ab\xff"), "not UTF-8 at byte 2"),
    ],
)
def test_only_a_plain_small_file_of_utf_8_is_read(make: Callable[[Path], None], reason: str, tmp_path: Path) -> None:
    make(tmp_path / "file")
    with pytest.raises(Unreadable, match=reason):
        text_of(tmp_path / "file", LIMIT)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(Unreadable, match="50,000,000 bytes"):
        text_of(tmp_path / "file", reading.RECORD_BYTES)


def test_a_device_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    with pytest.raises(Unreadable, match="not a plain file"):
        text_of(Path("/dev/zero"), LIMIT)


def test_a_file_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # permission bits do not bind root
    with pytest.raises(Unreadable, match="cannot be opened: Permission denied"):
        text_of(tmp_path / "file", LIMIT)


def test_no_file_is_not_a_broken_one(tmp_path: Path) -> None:
    for read in (csv_rows, arrays_of, lambda path: text_of(path, LIMIT)):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "line 1"),
        ("[]", "not an object"),
        ('{"a": 1, "a": 2}', "'a' stands there twice"),
        ('{"a": {"b": 1, "b": 2}}', "'b' stands there twice"),
        (f'{{"a": {"9" * 200}}}', "a number of 200 digits"),
        (f'{{"a": {"9" * 4_000_000}}}', "a number of 4,000,000 digits"),
        (f'{{"a": {"[" * 40}{"]" * 40}}}', "nested more than 30 times"),
        (f'{{"a": {"[" * 200_000}', "nested too deeply"),
    ],
)
def test_json_that_is_no_record(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as raised:
        json_object(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1]\nb: [*x, *x]\n", "has an alias"),
        ("a: !!python/object/apply:os.system [id]\n", "has the tag"),
        ("a: !x 1\n", "has the tag '!x'"),
        ("- 1\n", "not a mapping"),
        ("a: [\n", "no YAML"),
        ("a: 1\n---\nb: 2\n", "no YAML"),
        ("a: 2024-13-45\n", "no YAML"),
        ("a: \x00\n", "no YAML"),
        ("[" * 100_000, "nested more than 30 times"),
        (f"a: {'9' * 5_000}\n", "has a number of 5,000 characters"),
    ],
)
def test_yaml_that_is_no_configuration(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as raised:
        yaml_mapping(text)
    assert "\n" not in str(raised.value)


def test_yaml_of_a_run_is_read_and_nothing_in_it_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "12345678")
    assert yaml_mapping("a: ${oc.env:MY_SECRET}\nb: 1.0\n") == {"a": "${oc.env:MY_SECRET}", "b": 1.0}
    assert yaml_mapping("") == {}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("seed: 0\nmodel:\n  name: vae\n  shape:\n  - 1\ngrid:\n- a: 1\n", 3),
        ("seed: 0\nmodel: {\nname: vae}\n", 1),
        ("# a thought\nseed: 0\n", 1),
        ("seed: 0", 1),
        ("", 0),
    ],
)
def test_the_sections_of_a_configuration_say_what_the_whole_says(text: str, parts: int) -> None:
    sections = yaml_sections(text)
    assert len(sections) == parts
    assert {key: value for part in sections for key, value in yaml_mapping(part).items()} == yaml_mapping(text)


def test_one_long_word_is_divided_in_no_time() -> None:
    began = time.process_time()
    assert yaml_sections("x" * 1_000_000) == ["x" * 1_000_000]
    assert time.process_time() - began < 2, "its letters were looked at again and again"


def test_a_long_cell_is_read_and_the_limit_of_others_stays(tmp_path: Path) -> None:
    usual = csv.field_size_limit()
    (tmp_path / "file").write_text(f'a,"{"x" * 200_000}\n2"\n\'=1,b\n')
    assert csv_rows(tmp_path / "file") == [(2, ["a", "x" * 200_000 + "\n2"]), (3, ["=1", "b"])]
    assert csv.field_size_limit() == usual


def test_an_archive_is_unpacked_within_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.npz"
    np.savez_compressed(path, a=np.zeros(1_000_000))
    assert path.stat().st_size < 10_000
    assert arrays_of(path)["a"].shape == (1_000_000,)
    monkeypatch.setattr(reading, "ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(Unreadable, match=r"8,000,\d+ bytes unpacked, more than 1,000,000"):
        arrays_of(path)


def test_what_is_no_archive_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(path)
    with pytest.raises(Unreadable, match="no archive of arrays"):
        arrays_of(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(Unreadable, match="no archive of arrays"):  # it would have to be unpickled
        arrays_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "text")
    with pytest.raises(Unreadable, match="something else than arrays"):
        arrays_of(path)


def test_a_value_in_a_message_is_short_and_printable() -> None:
    assert shown("a\x1b\nb") == repr("a\x1b\nb")
    assert len(shown("x" * 1_000_000)) < 70
    assert len(shown(["x" * 1_000_000])) < 70
    assert shown("\ud800").isprintable()
