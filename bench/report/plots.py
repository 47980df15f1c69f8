"""Every plot of a study: data set by data set, then over all of them."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from matplotlib import style

from bench.report import plots_curves, plots_frontier, plots_likelihood, plots_pictures, plots_ranks, plots_tuning
from bench.report.model_summary import ModelSummary, finals
from bench.report.study import Study
from bench.report.style import RC, Plot, Style, styles


def draw(study: Study, cells: list[ModelSummary]) -> list[Plot]:
    """The plots that the study has something to show in; equal records give equal bytes, on any number of cores."""
    look = styles(cell.model for cell in cells if not cell.oracle)
    by_data: dict[str, list[ModelSummary]] = {}
    for cell in cells:
        by_data.setdefault(cell.data, []).append(cell)
    plots_of = partial(of_one_data_set, study, look)
    workers = min(len(by_data), os.cpu_count() or 1)
    if workers == 1:
        drawn = [plots_of(group) for group in by_data.values()]
    else:
        with ProcessPoolExecutor(workers) as pool:
            drawn = list(pool.map(plots_of, by_data.values()))
    with style.context(["default", RC]):
        over_all = plots_ranks.ranks(finals(cells), look)
    return [*(plot for group in drawn for plot in group), *([] if over_all is None else [over_all])]


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
