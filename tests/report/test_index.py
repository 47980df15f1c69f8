"""`bench report` alone: one page over all studies that can be written atomically, in a few words where it cannot."""

import os
import re
import shutil
from pathlib import Path

import pytest

from bench.cli import main
from bench.report.index import INDEX, render, write_index
from bench.report.overview import DENSITIES, DIGITS, in_short, overview, overviews, question
from bench.report.speed_page import read_speed
from tests.report.synthetic import record, write_run, write_study

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def studies(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with a study, another of a README, one that is broken, runs of none, and timings."""
    results = tmp_path_factory.mktemp("studies") / "results"
    shutil.copytree(made, results / "made", ignore=shutil.ignore_patterns("runs"))
    shutil.copytree(made, results / "asked", ignore=shutil.ignore_patterns("runs", "plots"))
    (results / "asked" / "README.md").write_text(
        "# asked: a title\n\nIt is [made](../made). At 0.5, which\nis `best`? More.\n"
    )
    shutil.copytree(made, results / "scratch", ignore=shutil.ignore_patterns("runs", "plots"))
    (results / "broken").mkdir()
    (results / "broken" / "table.csv").write_text("data,model\n1,<b>2,3,4\n")
    (results / "speed").mkdir()
    for name in ("cpu.csv", "cpu-scaling.csv"):
        shutil.copy(ROOT / "results" / "speed" / name, results / "speed")
    return results


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from bench.report.report import report

    folder = tmp_path_factory.mktemp("one")
    write_study(folder / "made")
    report("made", folder)
    return folder / "made"


def test_the_index_has_each_study_with_its_question_answers_and_version(
    studies: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--results-dir", str(studies)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "asked (older version)", "made (older version)", "broken", "index", "speed",
    ]  # fmt: skip
    page = (studies / "index.html").read_text()
    assert "At 0.5, which is best?" in page
    assert page.count('class="card ') == 4, "two studies on two data sets each"
    assert page.count("Older version. All rows are") == 2
    assert "Its files cannot be read" in page
    assert "&lt;b&gt;" not in page.partition("Its files cannot be read")[0]
    assert "scratch" not in page
    assert re.search(r"https?://|src=\"(?!data:)", page) is None, "asks nothing of the network or of files"
    assert len(page) < 1_500_000
    assert "<code>bench report made</code> draws" in page, "a page that is not committed says how it is made"
    assert 'href="made/report.html#' not in page
    assert page.count('<tbody data-kind="Digits, 8 by 8"') == 2, "older versions have a part of their own"
    speed = (studies / "speed" / "report.html").read_text()
    assert 'href="speed/report.html"' in page
    assert "FFJORD" in speed
    assert "missed" in speed


def test_equal_studies_give_equal_bytes(studies: Path) -> None:
    write_index(studies)
    first = (studies / "index.html").read_bytes()
    write_index(studies)
    assert (studies / "index.html").read_bytes() == first


def test_an_index_that_cannot_be_written_is_one_line(studies: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (studies / "index.html").unlink(missing_ok=True)
    (studies / "index.html").mkdir()
    try:
        assert main(["report", "--results-dir", str(studies)]) == 2
    finally:
        (studies / "index.html").rmdir()
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"bench: cannot write .*index\.html: [^\n]+\n", err)
    assert not [name for name in os.listdir(studies) if name.startswith(".")], "a half-written file is left"


def test_no_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--results-dir", str(tmp_path)]) == 2
    assert "bench run study=quick" in capsys.readouterr().err


def test_a_study_in_brief(studies: Path) -> None:
    """The made study's cnf is the lowest by 0.07 nats; seeds share an effect, so that it is told apart."""
    study = overview(studies / "made")
    assert (study.runs, study.counts) == (22, "18 ok, 1 diverged, 1 failed, 1 timeout, 1 not_applicable")
    assert {answer.kind for answer in study.answers} == {DIGITS, DENSITIES}
    assert {answer.budget for answer in study.answers} == {"50,000 parameters"}
    assert all(answer.card.first == "cnf" for answer in study.answers)
    text = in_short([answer.card for answer in study.answers])
    assert "cnf on digits" in text
    assert all(answer.older for answer in study.answers), "made rows have no version"


def test_days_are_those_of_the_runs(tmp_path: Path) -> None:
    from bench.report.report import report

    for seed, day in enumerate(("2026-03-02", "2026-03-01", "2026-03-05")):
        write_run(tmp_path / "dated", record("digits", "vae", seed, started=f"{day}T10:00:00+00:00"))
    report("dated", tmp_path)
    study = overview(tmp_path / "dated")
    assert study.made == "2026-03-01 to 2026-03-05"
    assert [answer.card.state for answer in study.answers] == ["open"], "one model has none to be compared with"


@pytest.mark.parametrize(
    ("text", "asks"),
    {
        "# a: why?\n\nNo question.\n": "",
        "# a\n\nWhich is it, at [x](y) 0.5?\n": "Which is it, at x 0.5?",
        "": "",
        "# a\n\nIt is so. Why does\nit? And why?\n": "Why does it?",
    }.items(),
)
def test_the_question_is_the_first_sentence_that_asks(tmp_path: Path, text: str, asks: str) -> None:
    (tmp_path / "README.md").write_text(text)
    assert question(tmp_path) == asks


def test_every_committed_study_asks(tmp_path: Path) -> None:
    for path in ROOT.glob("results/*/table.csv*"):
        if path.parent.name not in {"smoke", "scratch"}:
            assert question(path.parent).endswith("?"), path.parent


def test_studies_of_today_come_first(studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [study.name for study in overviews(studies)]
    assert names == ["asked", "made", "broken"]


def test_the_committed_index_is_of_the_committed_tables() -> None:
    committed = (ROOT / "results" / INDEX).read_text(encoding="utf-8")
    assert committed == render(overviews(ROOT / "results"), read_speed(ROOT / "results")), "make it anew: bench report"
