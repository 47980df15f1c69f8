"""Every plot of a study: data set by data set, then over all of them."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import starmap
from types import MappingProxyType

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


def draw(sheets: Mapping[str, Sheet], kept: Mapping[str, list[Plot]] = NONE) -> dict[str, list[Plot]]:
    """The plots that a study has something to show in, by data set; those over all of them last, under `OVER_ALL`.

    Equal records give equal bytes, on any number of cores.

    Args:
        sheets: of each data set.
        kept: those that need not be drawn again.
    """
    workers = cores()
    missing = [data for data in sheets if data not in kept]
    shares = [(sheets[data], share, workers) for data in missing for share in range(workers)]
    cells = finals([cell for sheet in sheets.values() for cell in sheet.cells])
    any_sheet = next(iter(sheets.values()))
    over_all = cells, any_sheet.families, any_sheet.formats
    new: dict[str, list[Plot]] = {}
    if workers == 1 or not missing:
        drawn = list(starmap(share_of_plots, shares))
        if OVER_ALL not in kept:
            new[OVER_ALL] = plots_over_all(*over_all)
    else:
        with ProcessPoolExecutor(workers) as pool:
            general = pool.submit(plots_over_all, *over_all)
            drawn = list(pool.map(share_of_plots, *zip(*shares, strict=True)))
            new[OVER_ALL] = general.result()
    for first, data in enumerate(missing):
        places = {place: plot for own in drawn[first * workers : (first + 1) * workers] for place, plot in own.items()}
        new[data] = [places[place] for place in sorted(places)]
    return {data: kept[data] if data in kept else new[data] for data in (*sheets, OVER_ALL)}


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
