"""Tables at the end of a sweep: by rank, with the numbers of the page."""

import re

import pytest

from bench.record.store import table_rows
from bench.report.ranked import ranked, ranked_tables
from bench.report.ranking import differences
from bench.report.study import validated
from bench.report.summary import summarise
from tests.helpers import ROOT, files_under
from tests.report.committed import nll_of, told_apart
from tests.report.synthetic import record

RESULTS = ROOT / "results"
RUNS = [validated(record("toy", model, seed)) for model in ("cnf", "vae") for seed in range(3)]


def runs_of(study: str, data: str) -> dict[str, str]:
    return {row["run_id"]: row["data"] for row in table_rows(RESULTS / study) if row["data"] == data}


def page_numbers(study: str) -> set[str]:
    """The cells of the study's committed tables, marks and all."""
    text = (RESULTS / study / "summary.md").read_text()
    return {cell.strip().replace("**", "") for line in text.splitlines() for cell in line.split("|")}


@pytest.mark.parametrize(("study", "data"), [("quick", "digits"), ("quick", "8gaussians"), ("flows", "digits")])
def test_numbers_and_marks_are_those_of_the_page(study: str, data: str) -> None:
    lines = ranked(study, RESULTS, runs_of(study, data), None)
    start = next(place for place, line in enumerate(lines) if line.startswith("rank"))
    end = lines.index("", start)
    numbers = [cell.strip("* ") for line in lines[start + 1 : end] for cell in re.split(r" {2,}", line) if "±" in cell]
    likelihoods = [number for number in numbers if number in page_numbers(study)]
    rows = end - start - 1
    assert rows >= 6
    assert len(likelihoods) >= rows, (numbers, rows)
    ranks = [line.split()[0].strip("*") for line in lines[start + 1 : end] if line.split()[0].strip("*").isdigit()]
    assert ranks == [str(place + 1) for place in range(len(ranks))]
    assert not any(line.split()[0].isdigit() for line in lines[start + 1 : end] if "gmm" in line or "gaussian " in line)


@pytest.mark.parametrize(("data", "others"), [("digits", 3), ("checkerboard", 2), ("8gaussians", 2)])
def test_the_first_is_bold_where_it_is_told_apart_and_budgets_left_out_are_counted(data: str, others: int) -> None:
    lines = ranked("quick", RESULTS, runs_of("quick", data), None)
    (title,) = (line for line in lines if line.startswith(f"{data}, "))
    assert title == f"{data}, tuned"
    apart = told_apart("quick", data)
    assert len(apart) == 5
    for model, behind in apart.items():
        (line,) = (line for line in lines if re.search(rf"\b{model} +3/3", line))
        assert line.endswith("  behind" if behind else "  not told apart")
    sure = all(apart.values())
    assert any(line.startswith("*1*") for line in lines) == sure
    assert any(line.startswith("1 ") for line in lines) != sure
    assert any(f"≤ {nll_of('quick', data, 'vae')} ▲" in line for line in lines)
    assert lines[-1] == f"{others} tables of other budgets and settings are on the page."


@pytest.mark.parametrize("width", [20, 50, 80, 200])
def test_tables_are_as_narrow_as_the_terminal(width: int, monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = ranked("quick", RESULTS, runs_of("quick", "digits"), width)
    end = lines.index("")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines[:end]]
    assert all(len(line) <= width for line in plain)
    text = "\n".join(plain)
    assert all(name in text for name in ("realnvp", "cnf_fast", "vae", "gmm"))
    if width >= 50:
        assert nll_of("quick", "digits", "realnvp") in text
        assert "rank" in text


def test_a_table_is_looked_at_and_nothing_written(tmp_path) -> None:
    before = files_under(RESULTS / "quick")
    ranked("quick", RESULTS, runs_of("quick", "digits"), None)
    assert files_under(RESULTS / "quick") == before


def test_a_model_without_a_finished_run_has_a_line_without_a_rank() -> None:
    cells = summarise([*RUNS, validated(record("toy", "odd", 0, status="failed"))])
    lines, _ = ranked_tables(cells, differences(cells, {}), {cell.place for cell in cells}, None)
    assert lines[0] == "toy"
    assert [line.split()[:2] for line in lines[2:5]] == [["*1*", "cnf"], ["2", "vae"], ["odd", "0/1"]]
    assert lines[4].endswith("0/1 (1 failed)")
