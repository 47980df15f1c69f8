"""Seeded mutations of a study's files, and what must hold of the report of each.

python -m tests.report.fuzz_readers [SECONDS] [SEED] runs until the time is over and keeps what fails in corpus/.
"""

import csv
import io
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.record.csv_cells import inert_cell
from bench.report import style
from bench.report.collect import Collected, collect
from bench.report.page import render
from bench.report.plots import of_one_data_set
from bench.report.published import Counterpart
from bench.report.ranking import differences, differences_csv
from bench.report.reproduce import obtained
from bench.report.study import Study, load, table_text
from bench.report.summary import summarise, summary_csv
from bench.report.tables import difference_table, markdown, study_tables, tex, text_summary
from tests.report.synthetic import record, write_run

CORPUS = Path(__file__).with_name("corpus")
RUN_FILES = ("record.json", "config.yaml", "history.csv", "samples.npz", "density.npz")
STUDY_FILES = ("table.csv", "histories.csv", "curves.csv", "pictures.npz")
COUNTERPART = Counterpart({}, "toy", "vae", frozenset(), "nll_nats")
SECONDS = 20.0
"""Processor time after which a report counts as hanging."""

TEXTS = [
    "", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "'=1", "<script>alert(1)</script>",
    "../../../x", "/etc/x", "..", "a$\\frac{b$", "$x$", "_hidden", "a|b", "a\\|b", "`x`", "[x](http://y)", "no", "2024",
    "${oc.env:HOME}", "a\nb", "a\r\nb", "\x00", "\x1b[31mred", "\ud800", "\u202e", "名前", "x" * 300, "x" * 200_000,
    "9" * 5_000, "nan", "oracle", "truth", "test data", "a'b\"c", "bench run 'x", "%s{}", "~^&#_", "ok", "None",
    "1e999",
]  # fmt: skip
VALUES: list[Any] = [
    *TEXTS, None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**99, 10**400, 0.0, -0.0, 1e-320, 5e-324, 1e99,
    -1e99, 1e100, 1e308, float("nan"), float("inf"), float("-inf"), [], {}, [[]], [1, 2], [[1, 2]], [[1, 2], [3, 4]],
    [[float("nan"), 1]], [[1, "x"]], {"a": {"b": 1}}, {"12": 3}, [[[[[[1]]]]]], "ok", "failed", "diverged",
]  # fmt: skip
TOKENS = [
    b"NaN", b"Infinity", b"1e999", b"-", b"[" * 100_000, b"{" * 50, b'{"a":' * 2_000, b"\\ud800", b"\xff", b"\x00",
    b"\xef\xbb\xbf", b"&a [*a, *a]", b"*a", b"!!python/object/apply:os.system [id]", b"!!float x", b"2024-13-45",
    b"2024-01-01", b"${oc.env:HOME}", b"9" * 10_000, b"'", b'"', b"\r", b"\n", b",", b": ", b"- ", b"? ", b"<<: ", b"=",
    b"---\n", b"%YAML 9.9\n", b"\t", b"0x_", b"._", b"1:59:59", b"~", b"|\n", b"    cells = summarise(stored.runs, stored.test_sets)
    obtained(folder.name, cells, COUNTERPART)
    pairs = differences(cells, stored.test_sets)
    tables = [*study_tables(cells), difference_table(pairs)]
    plots = []
    if drawn:
        look = style.styles(cell.model for cell in cells if not cell.oracle)
        for data in {cell.data: None for cell in cells}:
            plots += of_one_data_set(stored, look, [cell for cell in cells if cell.data == data])
    for plot in plots:
        assert "/" not in plot.name
        assert len(plot.name) < 100
    page = render(stored, cells, tables, plots) if drawn else ""
    texts = [markdown(tables), tex(tables), summary_csv(cells), differences_csv(pairs), page, *text_summary(cells)]
    for text in texts:
        text.encode()
        assert not {"\x00", "\x1b", "\u202e"} & set(text)
    assert all("\n" not in line for line in text_summary(cells))
    assert not any("<script>alert" in text for text in (markdown(tables), page))
    assert time.process_time() - began < SECONDS


def check_warnings(collected: Collected) -> None:
    """Each is a line that any terminal prints."""
    for warning in collected.warnings:
        assert warning.isprintable(), warning
        assert len(warning) < 600, warning


def check_table(folder: Path, stored: Study) -> None:
    """The table reads back as what was written, and no cell of it is a formula."""
    text = table_text(stored.runs)
    rows = csv.reader(io.StringIO(text, newline=""))
    assert all(inert_cell(cell) == cell or cell.startswith("'") for row in rows for cell in row)
    (folder / "again").mkdir()
    (folder / "again" / "table.csv").write_text(text, "utf-8")
    assert table_text(load(folder / "again").runs) == text


def case(made: Path, place: Path, seed: int, *, drawn: bool) -> None:
    """One copy of the study `made` under `place`, up to three of its files mutated, held to its rules."""
    rng = np.random.default_rng(seed)
    study = shutil.copytree(made, place / "results" / "study")
    of_run = rng.random() < 0.7
    files = [file for file in sorted(study.rglob("*")) if file.name in (RUN_FILES if of_run else STUDY_FILES)]
    if not of_run:
        shutil.rmtree(study / "runs")
    for target in rng.choice(len(files), int(rng.integers(1, 4)), replace=False):
        mutate(files[target], rng)
    replay(study, drawn=drawn, of_run=of_run)


def replay(study: Path, *, drawn: bool, of_run: bool) -> None:
    """Holds the study to its rules, and what lies beside it to having stayed as it was."""
    outside = study.parent.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "file").write_text('{"run_id": "x", "status": "ok"}')
    hold(study, drawn=drawn, table_may_be_damaged=not of_run)
    assert [path.name for path in study.parent.parent.iterdir()] in (["outside", "results"], ["results", "outside"])
    assert (outside / "file").read_text() == '{"run_id": "x", "status": "ok"}'


def kept_case(made: Path, place: Path, kept: Path) -> None:
    """A file of the corpus in its place: `<file's name>-<hash>`."""
    name = kept.name.rpartition("-")[0]
    study = shutil.copytree(made, place / "results" / "study")
    of_run = name in RUN_FILES
    run = study / "runs" / record("toy", "vae", 0)["run_id"]
    shutil.copyfile(kept, (run if of_run else study) / name)
    if not of_run:
        shutil.rmtree(study / "runs")
    replay(study, drawn=True, of_run=of_run)


def main(seconds: float, seed: int) -> int:
    """Runs cases until the time is over; the number that failed."""
    failures: dict[str, int] = {}
    began, count = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made"
        template(made)
        style.DPI = 30
        while time.monotonic() - began < seconds:
            place = Path(scratch) / "case"
            try:
                case(made, place, seed + count, drawn=count % 16 == 0)
            except Exception:
                where = traceback.format_exc()
                key = "".join(line for line in where.splitlines()[-6:])
                if key not in failures:
                    print(f"seed {seed + count}:\n{where}", flush=True)
                    keep(place / "results" / "study", made)
                failures[key] = failures.get(key, 0) + 1
            shutil.rmtree(place, ignore_errors=True)
            count += 1
    print(f"{count} cases, {sum(failures.values())} failures of {len(failures)} kinds")
    return len(failures)


def keep(study: Path, made: Path) -> None:
    """Copies the small files that differ from the made study into the corpus."""
    for path in sorted(made.rglob("*")):
        changed = study / path.relative_to(made)
        plain = path.is_file() and changed.is_file() and not changed.is_symlink()
        if plain and changed.read_bytes() != path.read_bytes() and changed.stat().st_size < 20_000:
            content = changed.read_bytes()
            shutil.copyfile(changed, CORPUS / f"{path.name}-{zlib.crc32(content):08x}")


if __name__ == "__main__":
    sys.exit(main(float((sys.argv[1:] or ["60"])[0]), int((sys.argv[2:] or ["0"])[0])))
