"""What the plots of one data set are drawn from."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.record.store import divided
from bench.report.model_summary import ModelSummary
from bench.report.plot import FORMATS
from bench.report.plots_palette import families_of, model_of
from bench.report.ranking import Difference
from bench.report.study import Study

OVER_ALL = ""
"""In place of a data set: the plots over all of them."""


@dataclass(frozen=True)
class Sheet:
    """All that the plots of one data set are drawn from.

    Attributes:
        study: what it holds of the data set: histories, curves, pictures, step times and trials.
        cells: its models, summarised.
        pairs: how far entries are behind the best.
        families: model -> family, of all models of the study: colours and markers hang of it.
        formats: of `bench.report.plot.ALL_FORMATS`, beside PNG.
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
