"""Processes that draw the plots of a report while it goes on: they alone load matplotlib, and at once."""

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from bench.machine.cores import cores
from bench.report.model_summary import finals
from bench.report.plot import Plot
from bench.report.sheet import OVER_ALL, Sheet

NONE: Mapping[str, list[Plot]] = MappingProxyType({})
SHARES = 4
"""Of the plots of one data set, for each core: some plots take ten times as long as others."""
Call = Callable[..., Callable[[], Any]]
"""Begins a call of a function, given with its arguments; what it returns waits for the answer."""


@contextlib.contextmanager
def drawers() -> Iterator[Call]:
    """Processes that draw, one a core, begun before there is something to draw; on one core calls are made here."""
    if cores() == 1:
        yield lambda function, *words: partial(function, *words)
        return
    with ProcessPoolExecutor(cores(), initializer=make_ready) as pool:
        pool.submit(bool)  # the first call begins the processes
        yield lambda function, *words: pool.submit(function, *words).result


def make_ready() -> None:
    """Loads what draws, and leaves it out of every later search for figures that nobody holds."""
    load()
    gc.freeze()


def load() -> ModuleType:
    """The module that draws, and matplotlib with it."""
    with contextlib.chdir(Path(__file__).parent):  # matplotlib obeys a matplotlibrc of the folder it is imported in
        from bench.report import plots

    return plots


def begin(
    call: Call, sheets: Mapping[str, Sheet], kept: Mapping[str, list[Plot]] = NONE
) -> Callable[[], dict[str, list[Plot]]]:
    """Begins to draw; what it returns waits for the plots that a study has something to show in.

    They are by data set; those over all of them last, under `OVER_ALL`. Equal records give equal bytes, on any number
    of cores.

    Args:
        call: of `drawers`.
        sheets: of each data set.
        kept: those that need not be drawn again.
    """
    shares = 1 if cores() == 1 else SHARES * cores()
    missing = [data for data in sheets if data not in kept]
    cells = finals([cell for sheet in sheets.values() for cell in sheet.cells])
    any_sheet = next(iter(sheets.values()))
    over_all = None if OVER_ALL in kept else call(plots_over_all, cells, any_sheet.families, any_sheet.formats)
    parts = {data: [call(share_of_plots, sheets[data], share, shares) for share in range(shares)] for data in missing}

    def plots() -> dict[str, list[Plot]]:
        new = {OVER_ALL: over_all()} if over_all is not None else {}
        for data, own in parts.items():
            places = {place: plot for part in own for place, plot in part().items()}
            new[data] = [places[place] for place in sorted(places)]
        return {data: kept[data] if data in kept else new[data] for data in (*sheets, OVER_ALL)}

    return plots


def share_of_plots(*words: Any) -> Any:
    """`bench.report.plots.share_of_plots`."""
    drawn = load().share_of_plots(*words)
    gc.collect()  # figures are full of cycles, which `bench report` has looked for seldom
    return drawn


def plots_over_all(*words: Any) -> Any:
    """`bench.report.plots.plots_over_all`."""
    return load().plots_over_all(*words)
