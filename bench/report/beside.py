"""A study made anew beside the same as it was committed: obtained, committed, and whether the intervals meet."""

from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError
from bench.record.store import TABLE, has_table
from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary, finals
from bench.report.numbers import quantity
from bench.report.study import load
from bench.report.summary import summarise
from bench.report.tables import Table, TableCell, place_cells, place_headings
from bench.report.terminal_tables import written

LEAVES = ("setting", "budget", "committed", "obtained")
"""Columns in the order in which they go where the terminal is too narrow for all."""

UNEQUAL = 1e-9
"""Relative distance up to which two numbers are equal."""


class Pair(NamedTuple):
    """A model of one study beside the same of another, at its largest budget.

    Attributes:
        cell: of the one where it has it, else of the other.
        obtained, committed: its NLL in nats; None where it has none.
        bounds: whether each is an upper bound.
    """

    cell: ModelSummary
    obtained: Interval | None
    committed: Interval | None
    bounds: tuple[bool, bool]

    @property
    def verdict(self) -> str:
        """Whether the two agree."""
        if self.obtained is None or self.committed is None:
            return "not made" if self.obtained is None else "not committed"
        gap = abs(self.obtained.mean - self.committed.mean)
        if gap <= UNEQUAL * abs(self.committed.mean):
            return "equal"
        if self.obtained.half_width is None or self.committed.half_width is None:
            return "no interval"
        return "meet" if gap <= self.obtained.half_width + self.committed.half_width else "apart"


def beside(obtained: Path, committed: Path, width: int | None) -> list[str]:
    """The NLL of each model in two folders of one study, in lines of at most `width` columns, and a last one of all.

    Args:
        obtained: the study made anew, with its table.
        committed: the same as it was committed.
        width: of the terminal; None for a log.

    Raises:
        BenchError: one of them has no table.
    """
    pairs = paired(models_of(obtained), models_of(committed))
    lines = [f"NLL in nats beside {committed}, at the largest budget, tuned where it was"]
    for data in dict.fromkeys(pair.cell.data for pair in pairs):
        table = table_of([pair for pair in pairs if pair.cell.data == data])
        lines += [data, *written(table, LEAVES, width), ""]
    return [*lines, summed(pairs)]


def table_of(pairs: list[Pair]) -> Table:
    """The models of one data set."""
    places = place_headings([(pair.cell.rung, pair.cell.setting) for pair in pairs])
    rows = []
    for pair in pairs:
        names = [TableCell(pair.cell.model, None), *place_cells(pair.cell.rung, pair.cell.setting, places)]
        numbers = [number(pair.obtained, pair.bounds[0]), number(pair.committed, pair.bounds[1])]
        rows.append([*names, *numbers, TableCell(pair.verdict, None)])
    return Table("beside", "", ["model", *places, "obtained", "committed", "intervals"], rows, [])


def models_of(folder: Path) -> list[ModelSummary]:
    """The models of a study, each on each data set at its largest budget, tuned where it was.

    Raises:
        BenchError: it has no table.
    """
    if not has_table(folder):
        raise BenchError(f"{folder} has no {TABLE} to show")
    study = load(folder)
    return [cell for cell in finals(summarise(study.runs, study.test_sets)) if not cell.oracle]


def paired(obtained: list[ModelSummary], committed: list[ModelSummary]) -> list[Pair]:
    """The models of both by data set and name, in the order of the committed ones."""
    one = {(cell.data, cell.model): cell for cell in obtained}
    other = {(cell.data, cell.model): cell for cell in committed}
    pairs = []
    for key in dict.fromkeys([*other, *one]):
        cells = one.get(key), other.get(key)
        nlls = [None if cell is None else cell.intervals.get("nll_nats") for cell in cells]
        shown = next(cell for cell in (cells[1], cells[0]) if cell is not None)
        bounds = [cell is not None and cell.is_bound for cell in cells]
        pairs.append(Pair(shown, nlls[0], nlls[1], (bounds[0], bounds[1])))
    return pairs


def number(interval: Interval | None, is_bound: bool) -> TableCell:
    """A likelihood as tables show it."""
    return TableCell("" if interval is None else f"{'≤ ' * is_bound}{quantity(interval)}", None)


def summed(pairs: list[Pair]) -> str:
    """All of them in a sentence."""
    verdicts = [pair.verdict for pair in pairs]
    both = [verdict for verdict in verdicts if not verdict.startswith("not ")]
    near = sum(verdict in ("equal", "meet") for verdict in both)
    missing = f"; {len(pairs) - len(both)} are on one side alone" if len(both) < len(pairs) else ""
    return f"{near} of {len(both)} are equal or have intervals that meet{missing}."
