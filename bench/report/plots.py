"""Every plot of a study: data set by data set, then over all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from matplotlib import style

from bench.machine.cores import cores
from bench.record.store import divided
from bench.report import (
    plots_cost,
    plots_curves,
    plots_differences,
    plots_frontier,
    plots_images,
    plots_latent,
    plots_likelihood,
    plots_pictures,
    plots_quality,
    plots_ranks,
    plots_training,
    plots_tuning,
)
from bench.report.model_summary import ModelSummary, finals
from bench.report.plots_palette import families_of, model_of, styles
from bench.report.ranking import Difference
from bench.report.study import Study
from bench.report.style import FORMATS, RC, Drawing, Plot, rendered

OVER_ALL = ""
"""In place of a data set: the plots over all of them."""
NONE: Mapping[str, list[Plot]] = MappingProxyType({})


@dataclass(frozen=True)
class Sheet:
    """All that the plots of one data set are drawn from.

    Attributes:
        study: what it holds of the data set: histories, curves, pictures, step times and trials.
        cells: its models, summarised.
        pairs: how far entries are behind the best.
        families: model -> family, of all models of the study: colours and markers hang of it.
        formats: of `bench.report.style.ALL_FORMATS`, beside PNG.
    """

    study: Study
    cells: list[ModelSummary]
    pairs: list[Difference]
    families: dict[str, str]
    formats: list[str]


def sheets_of(
    study: Study, cells: list[ModelSummary], pairs: Iterable[Difference] = (), formats: Iterable[str] = FORMATS
) -> dict[str, Sheet]:
    """Data set -> what its plots are drawn from; arguments as the attributes of `Sheet`, of all data sets."""
    families = families_of(study.runs, [(cell.model, model_of(cell.model)) for cell in cells if not cell.oracle])
    by_data: dict[str, list[ModelSummary]] = {}
    for cell in cells:
        by_data.setdefault(cell.data, []).append(cell)
    behind: dict[str, list[Difference]] = {data: [] for data in by_data}
    for pair in pairs:
        behind[pair.best.data].append(pair)
    sheets = {}
    for data, own in by_data.items():
        ids = {name for cell in own for run in cell.runs for name in (run["run_id"], divided(run["run_id"])[0])}
        sheets[data] = Sheet(study.of_data(data, ids), own, behind[data], families, list(formats))
    return sheets


@contextmanager
def begun(
    sheets: Mapping[str, Sheet], kept: Mapping[str, list[Plot]] = NONE
) -> Iterator[Callable[[], dict[str, list[Plot]]]]:
    """Begins to draw in processes beside this one, which goes on; what it is given waits for the plots.

    They are those that a study has something to show in, by data set; those over all of them last, under `OVER_ALL`.
    Equal records give equal bytes, on any number of cores.

    Args:
        sheets: of each data set.
        kept: those that need not be drawn again.
    """
    shares = cores()
    missing = [data for data in sheets if data not in kept]
    cells = finals([cell for sheet in sheets.values() for cell in sheet.cells])
    any_sheet = next(iter(sheets.values()))
    over_all = cells, any_sheet.families, any_sheet.formats
    with drawers(shares if missing else 1) as submit:
        general = None if OVER_ALL in kept else submit(plots_over_all, *over_all)
        parts = {data: [submit(share_of_plots, sheets[data], n, shares) for n in range(shares)] for data in missing}

        def plots() -> dict[str, list[Plot]]:
            new = {OVER_ALL: general()} if general is not None else {}
            for data, own in parts.items():
                places = {place: plot for part in own for place, plot in part().items()}
                new[data] = [places[place] for place in sorted(places)]
            return {data: kept[data] if data in kept else new[data] for data in (*sheets, OVER_ALL)}

        yield plots


@contextmanager
def drawers(processes: int) -> Iterator[Callable[..., Callable[[], Any]]]:
    """A function that has others called in so many processes, or here where that is one; what it gives waits."""
    if processes == 1:
        yield lambda call, *words: partial(call, *words)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield lambda call, *words: pool.submit(call, *words).result


def draw(sheets: Mapping[str, Sheet], kept: Mapping[str, list[Plot]] = NONE) -> dict[str, list[Plot]]:
    """The plots of `begun`."""
    with begun(sheets, kept) as plots:
        return plots()


def share_of_plots(sheet: Sheet, share: int, shares: int) -> dict[int, Plot]:
    """Every `shares`-th plot of one data set from `share` on, by its place among all of them."""
    with style.context(["default", RC]):
        of_share = enumerate(plots_of(sheet)[share::shares])
        drawn = {share + shares * step: drawing for step, draw_one in of_share if (drawing := draw_one())}
        return {place: rendered(drawing, sheet.formats) for place, drawing in drawn.items()}


def plots_of(sheet: Sheet) -> list[Callable[[], Drawing | None]]:
    """What draws each plot of one data set, likelihood first; of each model those at the largest budget, tuned where
    it was.

    Where there is a ladder of budgets, its plot stands in place of that against the sweep's clock.
    """
    study, look, data = sheet.study, styles(sheet.families), sheet.cells[0].data
    group = finals(sheet.cells)
    return [
        lambda: plots_likelihood.dots(group, look),
        lambda: plots_differences.forest(sheet.pairs, look),
        lambda: plots_frontier.frontiers(study, sheet.cells, look) or plots_cost.pareto(group, look),
        lambda: plots_latent.over_sizes(group, look),
        lambda: plots_quality.quality(group, look),
        lambda: plots_pictures.densities(study, group),
        lambda: plots_pictures.points(study, group, look),
        lambda: plots_images.samples(study, group),
        lambda: plots_images.reconstructions(study, group),
        lambda: plots_images.decoder_means(study, group),
        lambda: plots_images.by_class(study, group),
        lambda: plots_training.training(study, group, look),
        lambda: plots_tuning.expected(study, data, sheet.families),
        lambda: plots_curves.k_curve(study, group, look),
        lambda: plots_curves.reconstruction(study, group, look),
        lambda: plots_latent.rate_distortion(group, look),
    ]


def plots_over_all(cells: list[ModelSummary], families: dict[str, str], formats: list[str]) -> list[Plot]:
    """The plots over all data sets."""
    with style.context(["default", RC]):
        drawn = [plots_ranks.ranks(cells, styles(families)), plots_ranks.heat_map(cells)]
        return [rendered(drawing, formats) for drawing in drawn if drawing is not None]
