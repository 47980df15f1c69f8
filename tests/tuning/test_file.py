from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.tuning.file import CHOSEN, FILE, HEADER, read, text, write
from tests.tuning.helpers import trial


def test_rows_read_back_as_they_were(tmp_path: Path) -> None:
    rows = [
        trial(0.000199, 1 / 3, mark=CHOSEN),
        trial(0.05, None, status="diverged", steps=None, train_seconds=None, git_commit=None, run_id="b"),
        trial(0.05, -1.0, fold=3, options="model.beta=4.0 budget.steps=5", knob="gain", value="=4", run_id="c"),
    ]
    write(tmp_path, rows)
    assert sorted(read(tmp_path), key=lambda one: one.run_id) == sorted(rows, key=lambda one: one.run_id)
    assert read(tmp_path / "none") == []


def test_equal_rows_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    rows = [trial(0.001), trial(0.002), trial(0.001, model="other")]
    write(tmp_path, rows)
    first = (tmp_path / FILE).read_bytes()
    write(tmp_path, reversed(rows))
    assert (tmp_path / FILE).read_bytes() == first


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda content: content.replace("0.25", "nan"), "line 2"),
        (lambda content: content.replace("0.25", ""), "rung is empty"),
        (lambda content: content.replace(",1000,", ",many,"), "line 2"),
        (lambda content: content.replace(HEADER[0], "dota", 1), "does not have the columns"),
        (lambda content: content.rstrip() + ",more\n", "cells in place of"),
        (lambda content: "\x00", "restore the file"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, change, named: str) -> None:
    (tmp_path / FILE).write_text(change(text([trial(0.001)])))
    with pytest.raises(BenchError, match=named) as refused:
        read(tmp_path)
    assert "\n" not in str(refused.value)
