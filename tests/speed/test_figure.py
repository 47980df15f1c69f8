from pathlib import Path

import pytest

from bench.speed.figure import COLUMNS, Figure, Target, csv_text, figure_table, read_rows
from bench.speed.interleave import Spread

SURROUNDINGS = {"device": "a, b", "threads": "2", "torch_version": "2", "git_commit": "abc"}
RATIO = Figure("case", "what", "s", 2.0, 4.0, Spread(0.5, 0.4, 0.6), Target(1.0), 'quoted "words", and commas')


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("c", "w", "s", 2.0, 4.0, Spread(0.5, 0.4, 1.6), Target(1.0)), "yes"),
        (Figure("c", "w", "s", 0.5, 4.0, Spread(1.5, 0.4, 1.6), Target(1.0)), "no"),
        (Figure("c", "w", "s", 0.5, 4.0, Spread(1.5, 0.4, 1.6), Target(1.3, at_most=False)), "yes"),
        (Figure("c", "w", "s", 0.5, target=Target(0.4)), "no"),
        (Figure("c", "w", "s", None, target=Target(0.4)), ""),
        (Figure("c", "w", "s", 0.5), ""),
    ],
)
def test_the_target_is_held_against_the_ratio_or_else_against_ours(figure: Figure, met: str) -> None:
    assert figure.met == met


def test_a_row_has_every_column_and_nothing_where_nothing_is_known() -> None:
    row = Figure("case", "what", "s", None).row(SURROUNDINGS)
    assert list(row) == list(COLUMNS)
    assert row["flops"] == row["peak_fraction"] == row["compile_seconds"] == ""
    assert row["ours"] == row["theirs"] == row["ratio"] == row["ratio_low"] == row["target"] == row["met"] == ""


def test_rows_come_back_from_the_file_as_they_were(tmp_path: Path) -> None:
    rows = [RATIO.row(SURROUNDINGS), Figure("other", "what", "s", None).row(SURROUNDINGS)]
    (tmp_path / "cpu.csv").write_text(csv_text(rows))
    assert read_rows(tmp_path / "cpu.csv") == rows


def test_a_table_from_before_a_column_was_added_is_taken_over_with_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "cpu.csv").write_text("case,what,note\na,b,c\n")
    (row,) = read_rows(tmp_path / "cpu.csv")
    assert row == {name: {"case": "a", "what": "b", "note": "c"}.get(name, "") for name in COLUMNS}


def test_a_table_of_other_columns_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "cpu.csv").write_text("case,colour\na,b\n")
    assert read_rows(tmp_path / "cpu.csv") == []
    assert read_rows(tmp_path / "absent.csv") == []


def test_the_printed_table_shows_numbers_quartiles_verdict_and_notes() -> None:
    lines = figure_table([RATIO.row(SURROUNDINGS)])
    for word in ("2", "4", "0.5", "0.4..0.6", "<= 1", "yes"):
        assert word in lines[1].split("  ") or word in lines[1]
    assert lines[-1] == f"case, what: {RATIO.note}"
