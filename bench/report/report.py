"""`bench report STUDY`: tables, plots and one page, from stored records alone."""

import shlex
import sys
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.errors import BenchError
from bench.record.reading import as_it_lies, table_text
from bench.record.store import TABLE, has_table
from bench.record.study_folder import study_folder
from bench.record.writing import write_atomically, write_table
from bench.report import drawn
from bench.report.collect import collect
from bench.report.data_warnings import data_warnings
from bench.report.drawers import begin, drawers
from bench.report.frontier import lacks_seconds
from bench.report.inert import markdown_cell
from bench.report.markup import markdown, tex
from bench.report.model_summary import ModelSummary, count_words
from bench.report.notes import NOTES, is_untuned
from bench.report.overview import question
from bench.report.page import FILES, render
from bench.report.plot import ALL_FORMATS, FORMATS, Plot
from bench.report.ranked import mark_notes, ranked_tables
from bench.report.ranking import Difference, differences, differences_csv
from bench.report.sheet import sheets_of
from bench.report.study import Study, load
from bench.report.summary import summarise, summary_csv
from bench.report.tables import difference_table, study_tables
from bench.report.tuning import tuning_tables
from bench.report.verdict import verdicts
from bench.report.versions import older_rows


def report(
    study: str,
    results_dir: Path,
    *,
    single_file: bool = False,
    formats: Sequence[str] = FORMATS,
    width: int | None = None,
) -> list[str]:
    """Writes the report of `results_dir/<study>` and says where it is.

    With runs/ there, table.csv, histories.csv, curves.csv, pictures.npz and products.npz are collected from it first;
    everything else (summary.csv/.md/.tex, differences.csv, plots/*, report.html) is drawn from those five files, so
    that it can be drawn again where runs/ is not. What they hold of runs that are not there stays. With `single_file`
    the page holds its plots and the files that it offers. `formats` are those of its plots beside PNG. Equal records
    give equal bytes. Warnings go to stderr. `width` is of the terminal that the lines are for; None for a log.

    Returns:
        The lines to print: ranked tables, counts by status, where the page is.

    Raises:
        BenchError: there is no such study, nothing in it has finished, or its folder cannot be written.
    """
    folder = study_folder(study, results_dir)
    with drawers() as call:
        stored, unfinished = _gathered(study, folder)
        cells = summarise(stored.runs, stored.test_sets)
        pairs = differences(cells, stored.test_sets)
        sheets = sheets_of(stored, cells, pairs, formats)
        wanted = drawn.hashes(sheets)
        ready = drawn.kept(folder, wanted)
        drawings = begin(call, sheets, ready)
        heads = [*([NOTES["untuned"]] if is_untuned(cells) else []), *older_rows(study, stored.runs)]
        notices = [*heads, *data_warnings(stored.runs)]
        texts = _write_tables(folder, stored, cells, pairs, notices)
        by_data = drawings()
    plots = [plot for own in by_data.values() for plot in own]
    _write_plots(folder / "plots", plots, {plot.name for data in ready for plot in ready[data]})
    drawn.keep(folder, wanted, by_data)
    packed = [name for name in FILES if not (folder / name).exists()]
    within = texts | {TABLE: table_text(as_it_lies(folder / TABLE))} if single_file else None
    page = render(stored, cells, pairs, plots, heads, within, packed, question(folder))
    write_atomically(folder / "report.html", page)

    ranks, more = ranked_tables(cells, pairs, {cell.place for cell in cells}, width)
    counts = f"{len(stored.runs)} run{'s' * (len(stored.runs) > 1)}: {count_words(stored.runs)}"
    return [
        *ranks,
        *verdicts(cells, pairs),
        *mark_notes(cells),
        *notices,
        *more,
        "",
        counts + (f", {unfinished} unfinished" if unfinished else ""),
        f"table: {folder / 'summary.md'}",
        f"page:  {folder / 'report.html'}",
        *(["seconds of the ladder: bench retime " + shlex.quote(study)] if lacks_seconds(plots) else []),
    ]


def _gathered(study: str, folder: Path) -> tuple[Study, int]:
    """What a study's files hold, its finished runs collected into them first; and how many runs have not finished.

    Raises:
        BenchError: nothing in it has finished.
    """
    collected = collect(folder)
    for warning in collected.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    advice = f"make some with `bench run study={shlex.quote(study)}`"
    if not has_table(folder):
        raise BenchError(f"no finished run in {folder / 'runs'}; {advice}")
    stored = load(folder)
    if not stored.runs:
        raise BenchError(f"{folder / TABLE} has no rows; {advice}")
    return stored, collected.unfinished


def _write_tables(
    folder: Path, stored: Study, cells: list[ModelSummary], pairs: list[Difference], notices: list[str]
) -> dict[str, str]:
    """Writes the tables of a report; those that its page offers, by name."""
    behind = [] if is_untuned(cells) and not pairs else [difference_table(pairs)]
    likelihood, *others = study_tables(cells)
    tables = [likelihood, *behind, *others, *tuning_tables(stored.trials)]
    texts = {
        "summary.csv": summary_csv(cells),
        "summary.tex": tex(tables, stored.name),
        "differences.csv": differences_csv(pairs),
    }
    for name, content in texts.items():
        write_table(folder / name, content)
    paragraphs = "".join(f"{markdown_cell(notice)}\n\n" for notice in notices)
    write_atomically(folder / "summary.md", paragraphs + markdown(tables))
    return texts


def _write_plots(folder: Path, plots: list[Plot], ready: Set[str]) -> None:
    """plots/NAME.FORMAT, and no plot of an earlier report that this one does not have; those `ready` lie there already.

    Raises:
        BenchError: `folder` is a link: pictures elsewhere would be overwritten and deleted.
    """
    if folder.is_symlink():
        raise BenchError(f"{folder} is a link, which is not followed; remove it")
    written = {folder / f"{plot.name}.{form}": content for plot in plots for form, content in plot.files.items()}
    new = {path: content for path, content in written.items() if path.stem not in ready}
    with ThreadPoolExecutor(8) as threads:  # each waits for the disk
        list(threads.map(write_atomically, new.keys(), new.values()))
    for stale in {path for form in ALL_FORMATS for path in folder.glob(f"*.{form}")} - written.keys():
        if stale.is_symlink() or stale.is_file():
            stale.unlink()
