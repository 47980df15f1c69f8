"""Every plot of a study, data set by data set."""

from matplotlib import style

from bench.report import plots_curves, plots_likelihood, plots_pictures
from bench.report.study import Study
from bench.report.style import RC, Plot, styles
from bench.report.summary import Cell


def draw(study: Study, cells: list[Cell]) -> list[Plot]:
    """The plots that the study has something to show in; equal records give equal bytes."""
    look = styles(cell.model for cell in cells if not cell.oracle)
    by_data: dict[str, list[Cell]] = {}
    for cell in cells:
        by_data.setdefault(cell.data, []).append(cell)
    with style.context(["default", RC]):
        found = [
            plot
            for group in by_data.values()
            for plot in (
                plots_likelihood.dots(group, look),
                *(plots_likelihood.pareto(group, look, cost) for cost in plots_likelihood.COSTS),
                plots_likelihood.training(study, group, look),
                plots_curves.k_curve(study, group, look),
                plots_curves.reconstruction(study, group, look),
                plots_pictures.densities(study, group),
                plots_pictures.samples(study, group, look),
            )
        ]
    return [plot for plot in found if plot is not None]
