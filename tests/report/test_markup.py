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
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 5
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


@pytest.mark.skipif(not ENGINES, reason="needs tectonic or pdflatex")
def test_every_table_compiles(made: Path, tmp_path: Path) -> None:
    body = (made / "summary.tex").read_text() + tex([grid(3), grid(2 * PAGE)], "a")
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
