"""The page of a study: HTML that asks nothing of the network, its plots beside it or within."""

import base64
import struct
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from bench.record.columns import COLUMNS
from bench.report.cards import cards
from bench.report.data_warnings import data_warnings
from bench.report.inert import slug
from bench.report.model_summary import ModelSummary, count_words
from bench.report.page_ranks import RankedRow, ranked
from bench.report.page_tables import PageTable, details, ranked_table, run_table
from bench.report.plot import COLUMN, DPI, Plot
from bench.report.ranking import Difference
from bench.report.run_settings import at
from bench.report.strips import Strip, mosaics
from bench.report.study import Run, Study, label
from bench.report.tables import place_cells, place_headings
from bench.report.templating import environment
from bench.report.terms import meanings
from bench.report.tuning import tuning_tables
from bench.report.verdict import at_top, verdict

ORIGINS = {
    "git_commit": "Commits of the code",
    "torch_version": "Versions of torch",
    "device": "Devices",
    "threads": "CPU threads",
    "nll_space": "Report spaces",
}
"""Columns whose distinct values stand under "Where it came from"."""

FILES = ("table.csv", "summary.csv", "differences.csv", "summary.tex")
"""Files of a study that its page offers."""

OPEN = 3
"""Figures of a data set that are seen at once; the others are folded."""

PICTURES = frozenset({"density", "samples", "reconstructed", "means", "by"})
"""Plots of pictures, by the first word of their names: on a dark page the lightness of all others is turned round."""


def lying(name: str, packed: Collection[str]) -> str:
    """The address of a file beside the page, whose name says so where it is compressed."""
    return quote(f"{name}.gz" if name in packed else name)


class Section(NamedTuple):
    """One data set of the page.

    Attributes:
        data: its name.
        sentence: what it comes to; empty where none is first.
        rows: of its ranked table, with their families, statuses and commands.
        table: that table.
        details: the further tables.
        plots: its figures.
        pictures: samples of each model, one pixel a pixel.
    """

    data: str
    sentence: str
    rows: list[RankedRow]
    table: PageTable
    details: list[PageTable]
    plots: list[Plot]
    pictures: list[Strip]


SCALES = {
    "pixels": "Images: dequantised pixels, or pixels of 0 and 1, also as bits per dimension.",
    "standardised": "Columns: standardised by the training rows; nll_unit_nats in table.csv is in their own units.",
    "own coordinates": "Other data: their own coordinates.",
}
"""Words of report spaces, and what a page of such data says of them."""

TRUTH = "Where the exact density is known it stands in the row oracle."


def render(
    study: Study,
    cells: list[ModelSummary],
    pairs: list[Difference],
    plots: list[Plot],
    notices: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    packed: Collection[str] = (),
    asks: str = "",
) -> str:
    """report.html; equal input gives equal text. What all rows of a data set warn of is folded, behind the cards.

    Args:
        study: its name, runs, pictures and trials.
        cells: its models.
        pairs: every model behind the best of its contest.
        plots: linked as plots/NAME.png.
        notices: stand at the head of the page.
        files: contents of `FILES`: they and the plots are then within the page, which can be sent on its own. By
            default it links to those beside it.
        packed: those of `FILES` that lie beside it compressed.
        asks: the question of the study.
    """
    single = files is not None
    templates = environment()
    templates.filters |= {"source": embedded if single else linked, "size": size, "is_lines": is_lines}
    templates.filters |= {"addresses": addresses, "is_tall": is_tall, "is_wide": is_wide}
    by_data = dict.fromkeys(cell.data for cell in cells)
    sections = [section(study, data, cells, pairs, plots) for data in by_data]
    places = place_headings([at(run) for run in study.runs])
    return templates.get_template("report.html").render(
        study=study.name,
        asks=asks,
        single_file=single,
        counts=count_words(study.runs),
        scales=scales_of(study.runs),
        runs=study.runs,
        models=sorted({cell.model for cell in cells if not cell.oracle}),
        cards=cards(study, cells, pairs),
        sections=sections,
        families=sorted({row.family for one in sections for row in one.rows if row.family}),
        statuses=sorted({str(run["status"]) for run in study.runs}),
        over_all=[plot for plot in plots if plot.data not in by_data],
        tuning=tuning_tables(study.trials),
        notices=notices,
        warned=data_warnings(study.runs),
        downloads={name: file_uri(name, files[name]) if files else lying(name, packed) for name in FILES},
        open_figures=OPEN,
        unhappy=[(run, label(run), place_cells(*at(run), places)) for run in study.runs if run["status"] != "ok"],
        places=places,
        run_table=run_table(study.runs),
        meanings=meanings(),
        glossary=COLUMNS,
        origins={heading: _counted(study.runs, column) for column, heading in ORIGINS.items()},
        shared=sum(bool(run["shared_machine"]) for run in study.runs),
    )


def section(study: Study, data: str, cells: list[ModelSummary], pairs: list[Difference], plots: list[Plot]) -> Section:
    """All that the page shows of one data set."""
    own = [cell for cell in cells if cell.data == data]
    behind = [pair for pair in pairs if pair.best.data == data]
    table = ranked(own, behind)
    return Section(
        data,
        headline(data, own, behind),
        table.rows,
        ranked_table(table, f"ranked-{slug(data)}"),
        details(own, behind, slug(data)),
        [plot for plot in plots if plot.data == data],
        mosaics(study, data, [row.model for row in table.rows]),
    )


def headline(data: str, cells: list[ModelSummary], pairs: list[Difference]) -> str:
    """Who is first, as a sentence that begins with a model's name or a capital; empty without a comparison."""
    if not pairs:
        return ""
    words = verdict(data, at_top(pairs), cells).removeprefix(f"{data}: ")
    return words if words.startswith(tuple(cell.model for cell in cells)) else words[0].upper() + words[1:]


def scales_of(runs: list[Run]) -> list[str]:
    """What a page says of the report spaces of its own data."""
    spaces = {str(run.get("nll_space") or "") for run in runs}
    said = [words for space, words in SCALES.items() if any(space in own for own in spaces)]
    return said + [TRUTH] * any(run.get("oracle_nll_nats") is not None for run in runs)


def linked(plot: Plot) -> str:
    """The address of a plot relative to the page."""
    return quote(f"plots/{plot.name}.png")


def embedded(plot: Plot) -> str:
    """The plot itself, as a data URI."""
    return f"data:image/png;base64,{base64.b64encode(plot.png).decode('ascii')}"


def addresses(plot: Plot) -> dict[str, str]:
    """Format -> the address of that file of a plot relative to the page."""
    return {form.upper(): quote(f"plots/{plot.name}.{form}") for form in plot.files}


def pixels(plot: Plot) -> tuple[int, int]:
    """Width and height of its image."""
    width, height = struct.unpack(">II", plot.png[16:24])
    return width, height


def size(plot: Plot) -> str:
    """Width and height in words of HTML, so that the page keeps room for it."""
    width, height = pixels(plot)
    return f'width="{width}" height="{height}"'


def is_tall(plot: Plot) -> bool:
    """True for panels above one another, which take the room of two figures."""
    width, height = pixels(plot)
    return height > 1.5 * width


def is_wide(plot: Plot) -> bool:
    """True for a plot of both columns of a paper, whose words one column of the page would make too small."""
    return pixels(plot)[0] > 1.5 * COLUMN * DPI


def is_lines(plot: Plot) -> bool:
    """True for a plot without pictures."""
    return plot.name.partition("-")[0] not in PICTURES


def file_uri(name: str, content: str) -> str:
    """A file within the page."""
    kind = "text/csv" if name.endswith(".csv") else "application/x-tex"
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(content.encode()).decode('ascii')}"


def _counted(runs: list[Run], column: str) -> list[str]:
    """Each distinct value of a column with the number of runs that have it."""
    values = [str(run[column]) for run in runs if run[column] is not None]
    return [f"{value} ({n} run{'s' * (n > 1)})" for value, n in sorted(Counter(values).items())]
