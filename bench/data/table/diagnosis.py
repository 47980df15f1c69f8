"""What a table is: its columns by kind, ranges, ties, near-singular directions; and what is to be read with care."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch

from bench.data.columns import DEPENDENT, LOOKED_AT, can_be_ranked, dependent_columns, sampled
from bench.data.table.column import ABSENT, Column, drop, of_kind
from bench.data.table.fit import FINEST, HEAVY, Fitted, Seen
from bench.data.table.resolution import percent
from bench.data.table.splits import PARTS
from bench.errors import BenchError
from bench.record.warnings import UNBOUNDED

NEAR_SINGULAR = 0.01
"""Standard deviation of a combination of standardised columns below which they are called near-singular."""
EXACT = 2.0**53
"""Up to which float64 has every integer."""
NAMED = 20
"""Columns that a line names; it counts the others."""
KINDS = ("real", "heavy", "integer", "category", "constant", "duplicate")


class Diagnosis(NamedTuple):
    """What was found of a table.

    Attributes:
        name: of the file.
        rows: of the file that are used.
        fitted: its space, rows and columns.
        split: how it is split, in words.
        label: name of the column of labels, and their number; empty where there is none.
        said: what was left out, a line each.
        place: where a row, counted from 0, and a column stand in the file, in words.
    """

    name: str
    rows: int
    fitted: Fitted
    split: str
    label: str
    said: tuple[str, ...]
    place: Callable[[int, str], str]


def notes(found: Diagnosis) -> tuple[str, ...]:
    """What is said of a table before a run: a line of rows, one of kinds, and what was left out."""
    columns = found.fitted.space.columns
    parts = ", ".join(f"{part} {len(rows)}" for part, rows in zip(PARTS, found.fitted.splits, strict=True))
    label = f"; label {found.label}" if found.label else ""
    count = f"{len(columns)} column{'s' * (len(columns) != 1)}"
    rows = f"{found.name}: {found.rows} rows ({parts}; {found.split}), {count}{label}"
    kinds = [f"{kind}: {listed([c.name for c in columns if c.kind == kind])}" for kind in KINDS if of(columns, kind)]
    return (rows, "; ".join(kinds), *found.said)


def of(columns: Sequence[Column], kind: str) -> bool:
    """True where a column is of the kind."""
    return any(column.kind == kind for column in columns)


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def column_lines(found: Diagnosis) -> Iterator[str]:
    """A line for each column: kind, range or words, and what to note."""
    columns = found.fitted.space.columns
    width = min(30, max(len(column.name) for column in columns))
    for column in columns:
        seen = found.fitted.seen.get(column.name)
        remarks = "; ".join([range_of(column), *(remarks_of(column, seen) if seen else ())])
        yield f"  {column.name:<{width}}  {column.kind:<9}  {remarks}"


def range_of(column: Column) -> str:
    """The range of the training rows, the words, the constant, or what a duplicate repeats."""
    if column.kind == "duplicate":
        return f"the same as {column.same_as}; not modelled, put back in samples"
    if column.kind == "constant":
        return f"{column.words[0] if column.words else f'{column.low:.10g}'}; not modelled, put back in samples"
    if column.kind == "category":
        return f"{len(column.words)} values: {listed(column.words)}"
    return f"{column.low:.6g} to {column.high:.6g}, mean {column.centre:.4g}, deviation {column.unit:.4g}"


def remarks_of(column: Column, seen: Seen) -> Iterator[str]:
    """Distinct values, ties and tails of a modelled number, and rows that training rows do not prepare for."""
    if column.kind == "category":
        if seen.strange:
            yield f"{rows_of(seen.strange, 'has', 'have')} a value that no training row has"
        return
    yield f"{seen.distinct} values"
    if column.kind == "integer" and seen.strange:
        yield f"{rows_of(seen.strange, 'lies', 'lie')} beyond that range, which samples stay in"
    if column.kind != "integer" and seen.ties is not None and seen.ties.there:
        noise = ", dequantised" if column.step else ""
        yield f"ties in {percent(seen.ties.share)} of rows, {resolution(seen)}{noise}"
    if column.kind == "integer" and column.step != 1:
        yield f"in steps of {column.step:.10g}"
    if is_heavy(column, seen):
        yield f"heavy tails (kurtosis {seen.kurtosis:.0f})"


def rows_of(strange: Sequence[object], one: str, many: str) -> str:
    """So many rows of validation and test, and their verb."""
    rows, verb = ("row", one) if len(strange) == 1 else ("rows", many)
    return f"{len(strange)} {rows} of validation and test {verb}"


def is_heavy(column: Column, seen: Seen) -> bool:
    """True for a real column that an arcsinh may help."""
    return column.kind == "real" and seen.kurtosis > HEAVY


def hints(found: Diagnosis) -> Iterator[str]:
    """What could be asked for: a map of heavy tails, a line each for the table."""
    heavy = [column.name for column in found.fitted.space.modelled if is_heavy(column, found.fitted.seen[column.name])]
    if heavy:
        yield f"heavy tails are drawn in by {of_kind(heavy[0], 'heavy')}, and so on for each such column"


def near_singular(found: Diagnosis, least: float) -> list[str]:
    """Names of the columns of the first combination of less than so many standard deviations; none without one."""
    space, train = found.fitted.space, found.fitted.splits[0]
    # Before the map of a heavy column, which would bend a line that rows lie on.
    y = space.dequantised(train[sampled(len(train))], torch.Generator().manual_seed(0)).double()
    numbers = numbers_of(found)
    chosen = y[:, [column.place for column in numbers]]
    return [numbers[place].name for place in dependent_columns(chosen, least)]


def near_singular_lines(found: Diagnosis) -> Iterator[str]:
    """What is to be said of combinations of columns that hardly vary: their names, or that none can be told."""
    names = near_singular(found, NEAR_SINGULAR)
    rows, numbers = len(found.fitted.splits[0]), len(numbers_of(found))
    if names:
        yield f"near-singular: a combination of {listed(names)} hardly varies; likelihoods along it are large"
    elif numbers > 1 and not can_be_ranked(min(rows, LOOKED_AT), numbers, NEAR_SINGULAR):
        yield f"near-singular combinations are not looked for: {rows} training rows of {numbers} columns of numbers"


def numbers_of(found: Diagnosis) -> list[Column]:
    """The modelled columns of numbers."""
    return [column for column in found.fitted.space.modelled if column.kind != "category"]


def check_singular(found: Diagnosis) -> None:
    """Refuses columns of which a combination is constant, where no density has a bound.

    Raises:
        BenchError: it names them.
    """
    names = near_singular(found, DEPENDENT)
    if names:
        raise BenchError(
            f"{found.name}: columns {listed(names)} are linearly dependent in all training rows, where no density "
            f"has a bound; leave one of them out, as by {drop(names[-1])}"
        )


def warnings(found: Diagnosis) -> Iterator[str]:
    """Lines that every row of the table's runs carries."""
    columns, seen = found.fitted.space.modelled, found.fitted.seen
    bare = [column for column in columns if unspread(column, seen[column.name])]
    coarse = [column for column in bare if seen[column.name].step >= FINEST * column.unit]
    fine = [column for column in bare if column not in coarse]
    if coarse:
        yield f"{tied(coarse, seen)}: data.ties=dequantise adds noise of that width"
    if fine:
        yield f"{tied(fine, seen)}, and noise fine enough for the others does not help: round it, or leave it out"
    lost = [column for column in columns if seen[column.name].merged is not None]
    if lost:
        yield far(lost, found)
    beyond = [column.name for column in columns if column.kind == "integer" and max(-column.low, column.high) > EXACT]
    if beyond:
        yield (
            f"{listed(beyond)}: integers beyond 2^53, which float64 rounds to others: subtract a constant, or leave "
            f"the column out by {drop(beyond[0])}"
        )
    counting = [c.name for c in columns if c.kind == "integer" and counts_rows(c, seen[c.name], found)]
    if counting:
        yield f"{counting[0]} seems to number the rows, which is no data: leave it out by {drop(counting[0])}"
    words = [c for c in columns if c.kind == "category" and seen[c.name].strange]
    if words:
        yield strange(words, found, "have a value that no training row has", "their likelihood is a guess")
    off = [c for c in columns if c.kind not in ("category", "integer") and seen[c.name].strange]
    if off:
        yield strange(off, found, "lie off the grid of the training rows", "the cells of their noise overlap others")
    if len(columns) == 1:
        yield f"one column: `bench list data {found.name}` says which entries can model it"


def far(columns: Sequence[Column], found: Diagnosis) -> str:
    """Columns of which one value leaves float32 too few numbers for the others, and what helps."""
    name = columns[0].name
    seen = found.fitted.seen[name]
    assert seen.merged is not None
    remedy = "" if columns[0].kind == "heavy" else f", or give {of_kind(name, 'heavy')}"
    return (
        f"{listed([column.name for column in columns])}: beside a far value float32 does not keep the others apart "
        f"({name}: {percent(seen.merged.share)} of training rows share one, far from "
        f"{found.place(seen.farthest, name)}), {UNBOUNDED}: leave such rows out{remedy}"
    )


def strange(columns: Sequence[Column], found: Diagnosis, fault: str, meaning: str) -> str:
    """Columns with rows that training rows do not prepare for; how many there are in the first column, and where."""
    name = columns[0].name
    rows = found.fitted.seen[name].strange
    return (
        f"{listed([column.name for column in columns])}: rows of validation and test {fault} ({name}: {len(rows)}, "
        f"the first {found.place(rows[0], name)}), so that {meaning}"
    )


def unspread(column: Column, seen: Seen) -> bool:
    """True for a number with ties that no noise spreads, or too little of it."""
    return seen.ties is not None and seen.ties.there and column.step < FINEST * column.unit


def tied(columns: Sequence[Column], seen: Mapping[str, Seen]) -> str:
    """The columns with ties and what they do to a likelihood."""
    first, names = seen[columns[0].name], [column.name for column in columns]
    verb = "has" if len(names) == 1 else "have"
    assert first.ties is not None
    return (
        f"{listed(names)} {verb} ties ({names[0]}: {percent(first.ties.share)} of training rows share a value, "
        f"{resolution(first)}), {UNBOUNDED}"
    )


def resolution(seen: Seen) -> str:
    """The grid of values with ties, in words."""
    return f"resolution {seen.step:.3g}" if seen.step else "on no grid"


def counts_rows(column: Column, seen: Seen, found: Diagnosis) -> bool:
    """True for integers that are all different and within as narrow a range as the rows are many."""
    train = len(found.fitted.splits[0])
    return seen.distinct == train > 1 and column.high - column.low < found.rows and column.place != ABSENT
