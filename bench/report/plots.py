"""Every plot of a study: data set by data set, then over all of them."""

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from types import MappingProxyType

from matplotlib import style

from bench.report import plots_curves, plots_frontier, plots_likelihood, plots_pictures, plots_ranks, plots_tuning
from bench.report.model_summary import ModelSummary, finals
from bench.report.study import Study
from bench.report.style import RC, Plot, Style, styles

OVER_ALL = ""
"""In place of a data set: the plots over all of them."""
NONE: Mapping[str, list[Plot]] = MappingProxyType({})


def draw(study: Study, cells: list[ModelSummary]) -> list[Plot]:
    """The plots that the study has something to show in, as `draw_by_data` has them."""
    return [plot for own in draw_by_data(study, cells, NONE).values() for plot in own]


def draw_by_data(study: Study, cells: list[ModelSummary], kept: Mapping[str, list[Plot]]) -> dict[str, list[Plot]]:
    """The plots that the study has something to show in, by data set; those over all of them last, under `OVER_ALL`.

    Equal records give equal bytes, on any number of cores.

    Args:
        study: with histories, curves, pictures, step times and trials.
        cells: its models, summarised.
        kept: those that need not be drawn again.
    """
    look = styles(cell.model for cell in cells if not cell.oracle)
    by_data: dict[str, list[ModelSummary]] = {}
    for cell in cells:
        by_data.setdefault(cell.data, []).append(cell)
    plots_of = partial(of_one_data_set, study, look)
    missing = {data: group for data, group in by_data.items() if data not in kept}
    workers = min(len(missing), os.cpu_count() or 1)
    if workers <= 1:
        drawn = [plots_of(group) for group in missing.values()]
    else:
        with ProcessPoolExecutor(workers) as pool:
            drawn = list(pool.map(plots_of, missing.values()))
    new = dict(zip(missing, drawn, strict=True))
    if OVER_ALL not in kept:
        with style.context(["default", RC]):
            over_all = plots_ranks.ranks(finals(cells), look)
        new[OVER_ALL] = [] if over_all is None else [over_all]
    return {data: kept[data] if data in kept else new[data] for data in (*by_data, OVER_ALL)}


def of_one_data_set(study: Study, look: dict[str, Style], group: list[ModelSummary]) -> list[Plot]:
    """The plots of one data set, likelihood first; of each model those at the largest budget, tuned where it was.

    Where there is a ladder of budgets, its plot stands in place of those against the sweep's clock.
    """
    with style.context(["default", RC]):
        over_budgets = plots_frontier.frontiers(study, group, look)
        group = finals(group)
        costs = plots_likelihood.COSTS if over_budgets is None else ()
        drawn = [
            plots_likelihood.dots(group, look),
            over_budgets,
            *(plots_likelihood.pareto(group, look, cost) for cost in costs),
            plots_likelihood.training(study, group, look),
            plots_tuning.expected(study, group[0].data),
            plots_curves.k_curve(study, group, look),
            plots_curves.reconstruction(study, group, look),
            plots_pictures.densities(study, group),
            plots_pictures.samples(study, group, look),
            plots_pictures.by_class(study, group),
        ]
    return [plot for plot in drawn if plot is not None]
