import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.report.markup import PAGE, markdown, tex
from bench.report.ranking import differences
from bench.report.study import validated
from bench.report.summary import summarise
from bench.report.tables import Table, TableCell, difference_table, study_tables
from tests.report.synthetic import record


def test_markdown_and_tex_escape_names() -> None:
    cells = summarise([validated(record("a_b", "x|y", seed)) for seed in range(2)])
    tables = [*study_tables(cells), difference_table(differences(cells, {}))]
    assert "x\\|y" in markdown(tables)
    text = tex(tables)
    assert r"a\_b" in text
    assert r"$\pm$" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 6
    assert text.isascii()


ENGINES = [engine for engine in ("tectonic", "pdflatex") if shutil.which(engine)]


def grid(rows: int) -> Table:
    cells = [
        [
            TableCell("d_1", "d_1"), TableCell("cnf & <b>", "cnf"), TableCell("≤ -1,234.5 ± 1.2 † §", -1234.5, n == 0),
            TableCell("(1.2 ± 0.5)·10⁻⁷", 1e-7), TableCell("", None), TableCell("3/3 (1 diverged)", 3),
        ]
        for n in range(rows)
    ]  # fmt: skip
    return Table(
        f"of-{rows}", "A title", ["data", "model", "NLL", "|z|² from χ²", "empty", "seeds"], cells, ["~ 50 %, ▲ ↑"]
    )


def test_numbers_meet_at_their_points_with_true_minus_signs() -> None:
    text = tex([grid(1)], "my study")
    assert r"\begin{tabular}{llr@{}lr@{}llr@{}l}" in text
    assert r"\textbf{$\le$ $-$1,234} & \textbf{.5 $\pm$ 1.2 $^\dagger$ $^\S$}" in text
    assert r"($1 & " not in text
    assert r"(1 & .2 $\pm$ 0.5)$\cdot$10$^{-}$$^{7}$" in text
    assert r"3 & /3 (1 diverged)" in text


def test_labels_are_unique_over_studies_and_long_tables_go_over_pages() -> None:
    text = tex([grid(3), grid(PAGE + 1)], "a") + tex([grid(3)], "b")
    labels = re.findall(r"\\label\{(.+?)\}", text)
    assert labels == ["tab:a-of-3", f"tab:a-of-{PAGE + 1}", "tab:b-of-3"]
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 1
    assert text.count(r"\begin{table}") == 2


def wide(rows: int) -> Table:
    """Nine columns of numbers, which no page of a paper holds beside each other."""
    names = [TableCell("checkerboard", "checkerboard"), TableCell("realnvp_paper", "realnvp_paper")]
    numbers = [TableCell("≤ 1234.56 ± 0.12 †", 1234.56) for _ in range(9)]
    headings = ["data", "model", *(f"a heading of quantity {n}" for n in range(9))]
    return Table(f"wide-{rows}", "Wide", headings, [names + numbers] * rows, ["A note."])


def test_a_table_wider_than_a_page_becomes_several_that_name_their_rows() -> None:
    text = tex([wide(3)], "a")
    parts = text.split(r"\begin{table}")[1:]
    assert len(parts) == 3
    assert re.findall(r"\\label\{(.+?)\}", text) == ["tab:a-wide-3", "tab:a-wide-3-2", "tab:a-wide-3-3"]
    assert [int(n) for part in parts for n in re.findall(r"quantity (\d)", part)] == [*range(9)]
    for number, part in enumerate(parts, 1):
        assert f"(part {number} of 3)." in part
        assert part.count(r"realnvp\_paper") == 3
        assert part.count("A note.") == (number == 1)
        assert r"\shortstack{a heading of\\quantity" in part


@pytest.mark.skipif(not ENGINES, reason="needs tectonic or pdflatex")
def test_every_table_compiles(made: Path, tmp_path: Path) -> None:
    body = (made / "summary.tex").read_text() + tex([grid(3), grid(2 * PAGE), wide(3), wide(2 * PAGE)], "a")
    packages = re.findall(r"% (\\usepackage.*)", body)[0]
    (tmp_path / "t.tex").write_text(
        f"\\documentclass{{article}}\n{packages}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    words = {
        "tectonic": ["tectonic", "t.tex"],
        "pdflatex": ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
    }
    done = subprocess.run(words[ENGINES[0]], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1_000
    assert all(float(points) < 10 for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)), "of 345"
