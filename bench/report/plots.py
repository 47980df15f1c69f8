"""Every plot of a study: data set by data set, then over all of them."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from types import MappingProxyType

from matplotlib import style

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
from bench.report.style import FORMATS, RC, Plot, rendered

OVER_ALL = ""
"""In place of a data set: the plots over all of them."""
NONE: Mapping[str, list[Plot]] = MappingProxyType({})


def draw(
    study: Study, cells: list[ModelSummary], pairs: Sequence[Difference] = (), formats: Sequence[str] = FORMATS
) -> list[Plot]:
    """The plots that the study has something to show in, as `draw_by_data` has them."""
    return [plot for own in draw_by_data(study, cells, pairs, formats, NONE).values() for plot in own]


def draw_by_data(
    study: Study,
    cells: list[ModelSummary],
    pairs: Sequence[Difference],
    formats: Sequence[str],
    kept: Mapping[str, list[Plot]],
) -> dict[str, list[Plot]]:
    """The plots that the study has something to show in, by data set; those over all of them last, under `OVER_ALL`.

    Equal records give equal bytes, on any number of cores.

    Args:
        study: with histories, curves, pictures, step times and trials.
        cells: its models, summarised.
        pairs: how far entries are behind the best of their data set.
        formats: of `bench.report.style.ALL_FORMATS`, beside PNG.
        kept: those that need not be drawn again.
    """
    by_data: dict[str, list[ModelSummary]] = {}
    for cell in cells:
        by_data.setdefault(cell.data, []).append(cell)
    families = families_of_all(study, cells)
    plots_of = partial(of_one_data_set, study, families, pairs, formats)
    missing = {data: group for data, group in by_data.items() if data not in kept}
    workers = min(len(missing), os.cpu_count() or 1)
    if workers <= 1:
        drawn = [plots_of(group) for group in missing.values()]
    else:
        with ProcessPoolExecutor(workers) as pool:
            drawn = list(pool.map(plots_of, missing.values()))
    new = dict(zip(missing, drawn, strict=True))
    if OVER_ALL not in kept:
        new[OVER_ALL] = over_all(families, formats, cells)
    return {data: kept[data] if data in kept else new[data] for data in (*by_data, OVER_ALL)}


def families_of_all(study: Study, cells: list[ModelSummary]) -> dict[str, str]:
    """Model -> family, of which its colour hangs."""
    return families_of(study.runs, [(cell.model, model_of(cell.model)) for cell in cells if not cell.oracle])


def of_one_data_set(
    study: Study,
    families: Mapping[str, str],
    pairs: Sequence[Difference],
    formats: Sequence[str],
    group: list[ModelSummary],
) -> list[Plot]:
    """The plots of one data set, likelihood first; of each model those at the largest budget, tuned where it was.

    Where there is a ladder of budgets, its plot stands in place of that against the sweep's clock.
    """
    look, data = styles(families), group[0].data
    with style.context(["default", RC]):
        over_budgets = plots_frontier.frontiers(study, group, look)
        group = finals(group)
        drawn = [
            plots_likelihood.dots(group, look),
            plots_differences.forest([pair for pair in pairs if pair.best.data == data], look),
            over_budgets or plots_cost.pareto(group, look),
            plots_latent.over_sizes(group, look),
            plots_quality.quality(group, look),
            plots_pictures.densities(study, group),
            plots_pictures.points(study, group, look),
            plots_images.samples(study, group),
            plots_images.reconstructions(study, group),
            plots_images.decoder_means(study, group),
            plots_images.by_class(study, group),
            plots_training.training(study, group, look),
            plots_tuning.expected(study, data, families),
            plots_curves.k_curve(study, group, look),
            plots_curves.reconstruction(study, group, look),
            plots_latent.rate_distortion(group, look),
        ]
        return [rendered(drawing, formats) for drawing in drawn if drawing is not None]


def over_all(families: Mapping[str, str], formats: Sequence[str], cells: list[ModelSummary]) -> list[Plot]:
    """The plots over all data sets."""
    with style.context(["default", RC]):
        drawn = [plots_ranks.ranks(finals(cells), styles(families)), plots_ranks.heat_map(finals(cells))]
        return [rendered(drawing, formats) for drawing in drawn if drawing is not None]
