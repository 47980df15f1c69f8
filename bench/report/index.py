"""`bench report` alone: one page over all studies, with the first screen of each."""

from pathlib import Path

from bench.errors import BenchError
from bench.record.writing import write_atomically
from bench.report.kinds import by_kind, columns_of, in_column
from bench.report.overview import KINDS, Overview, overviews
from bench.report.speed_page import Speed, read_speed, write_speed_page
from bench.report.templating import environment

INDEX = "index.html"


def write_index(results_dir: Path) -> list[str]:
    """Writes the index of the studies in a folder, and the page of its timings.

    Returns:
        A line for each study, and where the pages are.

    Raises:
        BenchError: there is no study, or the folder cannot be written.
    """
    studies = overviews(results_dir)
    speed = read_speed(results_dir)
    if not studies and speed is None:
        raise BenchError(f"no study in {results_dir} has a table; make one with: bench run study=quick")
    write_atomically(results_dir / INDEX, render(studies, speed))
    pages = [f"index: {results_dir / INDEX}"]
    if speed is not None:
        pages.append(f"speed: {write_speed_page(results_dir, speed)}")
    return [*(line(study) for study in studies), *pages]


def render(studies: list[Overview], speed: Speed | None) -> str:
    """index.html; equal input gives equal text."""
    pages = environment()
    pages.filters["in_column"] = in_column
    kinds = by_kind(studies, KINDS)
    return pages.get_template("index.html").render(
        studies=studies,
        runs=sum(study.runs for study in studies),
        kinds=kinds,
        columns=columns_of(kinds),
        speed=speed,
    )


def line(study: Overview) -> str:
    """A study in a line of a terminal."""
    if study.fault:
        return f"{study.name}: cannot be read: {study.fault}"
    return f"{study.name}{' (older version)' * bool(study.older)}: {study.in_short}"
