"""Rows of an older version that cannot be compared are named in a line; those that can are not."""

from bench.report.report import report
from bench.report.versions import older_rows
from tests.report.synthetic import record, write_run

NEW = {"training_version": 2, "evaluation_version": 5, "test_hash": "0123abcd"}
OLD = {"training_version": 1, "evaluation_version": 1, "test_hash": None}


def made(*pairs) -> list:
    return [record(data, model, 0, **about) for data, model, about in pairs]


def test_older_rows_of_other_examples_are_named() -> None:
    runs = made(("toy", "vae", OLD), ("toy", "cnf", OLD), ("toy", "mine", NEW), ("digits", "maf", OLD))
    (line,) = older_rows("flows", runs)
    assert line.startswith("2 rows of an older version (training 1, evaluation 1)")
    assert "cnf, vae cannot be compared with mine" in line
    assert line.endswith("bench run study=flows")


def test_rows_that_can_be_compared_and_rows_of_one_version_say_nothing() -> None:
    alike = {**OLD, "test_hash": "0123abcd"}
    assert older_rows("flows", made(("toy", "vae", alike), ("toy", "mine", NEW))) == []
    assert older_rows("flows", made(("toy", "vae", OLD), ("toy", "cnf", OLD))) == []
    assert older_rows("flows", made(("toy", "vae", OLD), ("digits", "mine", NEW))) == []
    assert older_rows("flows", []) == []


def test_the_line_stands_in_the_terminal_on_the_page_and_in_the_summary(tmp_path) -> None:
    for about, model in ((OLD, "vae"), (NEW, "realnvp")):
        for seed in range(2):
            write_run(tmp_path / "s", record("toy", model, seed, **about))
    printed = report("s", tmp_path)
    (line,) = [line for line in printed if "older version" in line]
    assert line in (tmp_path / "s" / "report.html").read_text()
    assert "older version" in (tmp_path / "s" / "summary.md").read_text().splitlines()[0]
