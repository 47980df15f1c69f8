"""Trained entries that are not shown to be better than the floor: what is fitted in one go, on the same data."""

from bench.report.comparison import Measured, interval
from bench.report.model_summary import ModelSummary


def above_floor(likelihoods: Measured, cells: dict[str, ModelSummary]) -> set[str]:
    """The trained entries whose NLL is above that of the best floor, or not told apart from it.

    A bound counts as it stands: what it does not show is not shown. Where nothing is known of the error of a
    difference, its sign decides.

    Args:
        likelihoods: of entries measured on the same examples.
        cells: those entries by name.
    """
    floors = [name for name, cell in cells.items() if cell.is_floor]
    if not floors:
        return set()
    floor = max(floors, key=likelihoods.standing)
    return {name for name, cell in cells.items() if not cell.is_floor and not is_better(likelihoods, name, floor)}


def above_floor_by_mean(cells: dict[str, ModelSummary]) -> set[str]:
    """The trained entries whose mean NLL is not below that of the best floor, where no error of it is known."""
    means = {name: cell.intervals["nll_nats"].mean for name, cell in cells.items() if "nll_nats" in cell.intervals}
    floors = [mean for name, mean in means.items() if cells[name].is_floor]
    if not floors:
        return set()
    return {name for name, mean in means.items() if not cells[name].is_floor and mean >= min(floors)}


def is_better(likelihoods: Measured, name: str, floor: str) -> bool:
    """True where the 95 % interval of the gap in log-likelihood lies above 0."""
    runs = min(likelihoods.runs(name), likelihoods.runs(floor))
    gap = interval(likelihoods.gap(name, floor), likelihoods.of_difference(name, floor), runs)
    return gap.mean > (gap.half_width or 0.0)
