"""Rows of an older version are named in a line and have no common rank with newer ones."""

from bench.record.key import EVALUATION_VERSION, TRAINING_VERSION
from bench.report.ranking import differences
from bench.report.report import report
from bench.report.study import validated
from bench.report.summary import summarise
from bench.report.versions import older_rows
from tests.report.synthetic import record, write_run

NEW = {"training_version": TRAINING_VERSION, "evaluation_version": EVALUATION_VERSION, "test_hash": "0123abcd"}
OLD = {"training_version": 1, "evaluation_version": 1, "test_hash": None}


def made(*pairs) -> list:
    return [record(data, model, 0, **about) for data, model, about in pairs]


def test_older_rows_of_other_examples_are_named() -> None:
    runs = made(("toy", "vae", OLD), ("toy", "cnf", OLD), ("toy", "mine", NEW), ("digits", "maf", OLD))
    line, alone = older_rows("flows", runs)
    assert alone.startswith(
        "all rows of digits are of an older version (training 1, evaluation 1) than what a run makes "
    )
    assert line.startswith("2 rows of cnf, vae are of an older version (training 1, evaluation 1) than those of mine ")
    assert line.endswith("bench run study=flows")


def test_a_new_row_has_no_rank_among_those_of_an_older_version_on_the_same_examples() -> None:
    alike = {**OLD, "test_hash": "0123abcd"}
    runs = [validated(record("toy", model, seed, **about))
            for model, about in (("vae", alike), ("cnf", alike), ("mine", NEW)) for seed in range(3)]  # fmt: skip
    cells = summarise(runs)
    assert {(pair.best.model, pair.other.model) for pair in differences(cells, {})} == {("cnf", "vae")}
    assert not any(cell.best for cell in cells)
    (line,) = older_rows("flows", runs)
    assert "6 rows of cnf, vae" in line


def test_rows_of_several_versions_of_an_entry_are_named() -> None:
    runs = made(("toy", "cnf", {**NEW, "entry_version": 1}), ("toy", "cnf", {**NEW, "entry_version": 2}),
                ("toy", "vae", {**NEW, "entry_version": 1}))  # fmt: skip
    assert older_rows("flows", runs) == [
        "1 rows of cnf are of an older version of this entry (1, beside 2): they stand for what it was"
    ]


def test_data_with_older_rows_alone_are_named() -> None:
    (line,) = older_rows("flows", made(("toy", "vae", OLD), ("digits", "mine", NEW)))
    assert line.startswith(
        "all rows of toy are of an older version (training 1, evaluation 1) than what a run makes today"
    )


def test_rows_of_one_version_say_nothing() -> None:
    assert older_rows("flows", made(("toy", "vae", NEW), ("toy", "cnf", NEW))) == []
    assert older_rows("flows", []) == []


def test_the_line_stands_in_the_terminal_on_the_page_and_in_the_summary(tmp_path) -> None:
    for about, model in ((OLD, "vae"), (NEW, "realnvp")):
        for seed in range(2):
            write_run(tmp_path / "s", record("toy", model, seed, **about))
    printed = report("s", tmp_path)
    (line,) = [line for line in printed if "older version" in line]
    assert line in (tmp_path / "s" / "report.html").read_text()
    assert "older version" in (tmp_path / "s" / "summary.md").read_text().splitlines()[0]
