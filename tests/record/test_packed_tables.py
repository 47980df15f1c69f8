"""Tables that are large lie compressed, and are read as those that are not."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from bench.record.reading import Unreadable, csv_rows
from bench.record.store import TABLE, committed_statuses, has_table, studies_in
from bench.record.writing import LARGE, write_table


def text(rows: int) -> str:
    return "run_id,evaluation,status\n" + "".join(f"moons-vae-s{n}-0123abcd,89abcdef,ok\n" for n in range(rows))


def test_a_table_changes_its_form_with_its_size(tmp_path: Path) -> None:
    path, packed = tmp_path / TABLE, tmp_path / f"{TABLE}.gz"
    assert write_table(path, text(3)) == path
    large = text(LARGE // 30)
    assert write_table(path, large) == packed
    assert not path.exists()
    assert gzip.decompress(packed.read_bytes()).decode() == large
    assert packed.stat().st_size < LARGE / 5
    once = packed.read_bytes()
    write_table(path, large)
    assert packed.read_bytes() == once, "equal tables have equal bytes"
    write_table(path, text(2))
    assert (path.exists(), packed.exists()) == (True, False)


def test_a_large_table_is_read_by_its_usual_name(tmp_path: Path) -> None:
    study = tmp_path / "toys"
    study.mkdir()
    write_table(study / TABLE, text(LARGE // 30))
    assert has_table(study)
    assert studies_in(tmp_path) == [study]
    assert len(csv_rows(study / TABLE)) == LARGE // 30 + 1
    assert len(pd.read_csv(study / f"{TABLE}.gz")) == LARGE // 30
    assert committed_statuses(study)["moons-vae-s7-0123abcd", "89abcdef"] == "ok"


def test_a_broken_one_is_named(tmp_path: Path) -> None:
    packed = tmp_path / f"{TABLE}.gz"
    write_table(tmp_path / TABLE, text(LARGE // 30))
    whole = packed.read_bytes()
    for content, said in ((whole[:2000], "unpacked"), (b"no gzip", "unpacked"), (gzip.compress(b"\xff\xfe"), "UTF-8")):
        packed.write_bytes(content)
        with pytest.raises(Unreadable, match=said):
            csv_rows(tmp_path / TABLE)


def test_none_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        csv_rows(tmp_path / TABLE)
    assert not has_table(tmp_path)
