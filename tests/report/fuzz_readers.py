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
from bench.record.runs import run_path
from bench.report import style
from bench.report.collect import Collected, collect
from bench.report.markup import markdown, tex
from bench.report.page import render
from bench.report.plots import share_of_plots
from bench.report.published import Counterpart
from bench.report.ranked import ranked_tables
from bench.report.ranking import differences, differences_csv
from bench.report.reproduce import obtained
from bench.report.sheet import sheets_of
from bench.report.study import Study, load, table_text
from bench.report.summary import summarise, summary_csv
from bench.report.tables import difference_table, study_tables
from tests.report.synthetic import record, write_run

CORPUS = Path(__file__).with_name("corpus")
RUN_FILES = ("record.json", "config.yaml", "history.csv", "samples.npz", "density.npz", "likelihoods.npz")
STUDY_FILES = ("table.csv", "histories.csv", "curves.csv", "pictures.npz", "products.npz")
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
    b"---\n", b"%YAML 9.9\n", b"\t", b"0x_", b"._", b"1:59:59", b"~", b"|\n", b"<<<<<<< ours\n",
]  # fmt: skip


def template(folder: Path) -> None:
    """A small study of two data sets whose report has every table and every plot, with the files of its report."""
    for data, model, seeds in (("toy", "vae", 2), ("toy", "cnf", 2), ("digits", "vae", 1)):
        for seed in range(seeds):
            values = -3 - np.random.default_rng(seed).standard_normal(5)
            known = {"nll_nats": -float(values.mean()), "nll_examples": 5, "test_hash": "0123abcd"}
            path = write_run(folder, record(data, model, seed, own_list=[1, 2.5], own="text", **known))
            np.savez_compressed(path / "likelihoods.npz", log_prob=values, truth=values + 0.5)
            shrink(path)
    write_run(folder, record("toy", "odd", 0, status="failed", error="RuntimeError: x"))
    collect(folder)


def shrink(run: Path) -> None:
    """Makes a run's arrays small."""
    for name in ("samples.npz", "density.npz"):
        if (run / name).exists():
            with np.load(run / name) as arrays:
                small = {key: value[:20] if value.ndim else value for key, value in arrays.items()}
            small |= {key: small[key][:, ::20] for key in ("log_density", "log_truth") if key in small}
            np.savez_compressed(run / name, **small)


def mutate(path: Path, rng: np.random.Generator) -> None:
    """Changes a file in one way or several."""
    ways = {".json": in_json, ".yaml": in_json, ".csv": in_csv, ".npz": in_arrays}
    kind = rng.random()
    if kind < 0.04:
        in_kind(path, rng)
    elif kind < 0.2:
        path.write_bytes(in_bytes(path.read_bytes(), rng))
    else:
        for _ in range(rng.integers(1, 4)):
            ways[path.suffix](path, rng)


def pick(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def in_kind(path: Path, rng: np.random.Generator) -> None:
    """A folder, a pipe, a link or nothing in place of the file."""
    path.unlink()
    way = pick(["folder", "pipe", "dangling", "out", "device", "empty", "absent"], rng)
    if way == "folder":
        path.mkdir()
    elif way == "pipe":
        os.mkfifo(path)
    elif way == "empty":
        path.touch()
    elif way != "absent":
        path.symlink_to({"dangling": "nowhere", "out": "../../../outside/file", "device": "/dev/zero"}[way])


def in_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, cut, doubled, or a token put between them."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place, length = int(rng.integers(len(changed) + 1)), int(rng.integers(1, 40))
        way = rng.integers(5)
        if way == 0 and place < len(changed):
            changed[place] ^= 1 << int(rng.integers(8))
        elif way == 1:
            del changed[place : place + length]
        elif way == 2:
            changed[place:place] = changed[place : place + length]
        elif way == 3:
            changed[place : place + length * int(rng.integers(2))] = pick(TOKENS, rng)
        elif rng.random() < 0.2:
            del changed[place:]
    return bytes(changed)


def in_json(path: Path, rng: np.random.Generator) -> None:
    """A value replaced, a key renamed or a new one; JSON is YAML."""
    try:
        content = json.loads(path.read_text("utf-8", "surrogateescape"))
    except ValueError:
        return
    place = content
    while (
        isinstance(place, dict)
        and place
        and rng.random() < 0.5
        and isinstance(inner := pick([*place.values()], rng), dict)
    ):
        place = inner
    if not isinstance(place, dict) or not place:
        return
    key = pick([*place], rng)
    if path.suffix == ".json" and rng.random() < 0.4:
        key = pick(["data", "model", "seed", "error", "command", "k_curve", "noise_curve", "warning", "variant"], rng)
    if rng.random() < 0.15:
        place[pick(TEXTS, rng)] = place.pop(key, None)
    else:
        place[key] = pick(VALUES, rng)
    path.write_text(json.dumps(content), errors="surrogatepass")


def in_csv(path: Path, rng: np.random.Generator) -> None:
    """A cell replaced, a cell more or less, or lines changed."""
    csv.field_size_limit(10**9)
    try:
        rows = list(csv.reader(path.read_text("utf-8", "replace").splitlines()))
    except csv.Error:
        return
    if not rows or not any(rows):
        return
    row = pick([row for row in rows if row], rng)
    place, way = int(rng.integers(len(row))), rng.random()
    if way < 0.7:
        row[place] = str(pick(VALUES, rng)) if rng.random() < 0.8 else str(10 ** int(rng.integers(99)))
    elif way < 0.8:
        row.insert(place, "more")
    elif way < 0.9:
        del row[place]
    else:
        rows.append(pick(rows, rng))
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), "utf-8", "replace")


def in_arrays(path: Path, rng: np.random.Generator) -> None:
    """An array replaced, renamed or changed."""
    try:
        with np.load(path) as read:
            arrays = dict(read)
    except Exception:
        return
    if not arrays:
        return
    key = pick(sorted(arrays), rng)
    old = np.atleast_1d(arrays[key])
    if old.dtype.kind not in "fiu":
        return
    wide = np.nan_to_num(old.astype(np.float64))
    new = [
        wide + 1e300, wide * np.nan, np.zeros((0, 2)), np.zeros((3,)), np.ones((1, 1)), np.zeros((2, 2), np.uint8),
        np.array(["x"]), np.array(7), np.zeros((4, 0)), np.array([1, 1, 1, 1.0]), old[..., :1], old.T, wide * 1j,
        old.astype(bool), np.full(old.shape, -np.inf), np.array([0, 0]), np.zeros((2, 1, 1)), old.astype(">f8"),
        np.zeros((5, 3, 8, 8), np.uint8), np.array([10**9, 10**9]),
    ]  # fmt: skip
    arrays[key if rng.random() < 0.8 else pick(["samples/x", "real/toy", "image_shape", "by_class", "x"], rng)] = pick(
        new, rng
    )
    if rng.random() < 0.1:
        del arrays[key]
    np.savez_compressed(path, allow_pickle=False, **arrays)


def hold(folder: Path, *, drawn: bool, table_may_be_damaged: bool) -> None:
    """Makes the report of the study in `folder`, without writing more than the four files, and checks it.

    Raises:
        AssertionError, or whatever the report fails with: it does not hold.
    """
    began = time.process_time()
    try:
        collected = collect(folder)
        stored = load(folder)
    except BenchError as error:
        if table_may_be_damaged and "\n" not in str(error):
            return
        raise
    check_warnings(collected)
    check_table(folder, stored)
    cells = summarise(stored.runs, stored.test_sets)
    obtained(folder.name, cells, COUNTERPART)
    pairs = differences(cells, stored.test_sets)
    tables = [*study_tables(cells), difference_table(pairs)]
    plots = []
    if drawn:
        for sheet in sheets_of(stored, cells, pairs, ("png",)).values():
            plots += share_of_plots(sheet, 0, 1).values()
    for plot in plots:
        assert "/" not in plot.name
        assert len(plot.name) < 100
    page = render(stored, cells, pairs, plots) if drawn else ""
    lines, _ = ranked_tables(cells, pairs, {cell.place for cell in cells}, None)
    texts = [markdown(tables), tex(tables), summary_csv(cells), differences_csv(pairs), page, *lines]
    for text in texts:
        text.encode()
        assert not {"\x00", "\x1b", "\u202e"} & set(text)
    assert all("\n" not in line for line in lines)
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
    run = run_path(study / "runs", record("toy", "vae", 0)["run_id"])
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
