"""The grid of a command or a study: which cells it asks for, and the command that makes one of them alone."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override, QuotedString, RangeSweep, ValueType

from bench.errors import BenchError
from bench.setup.choices import quoted
from bench.setup.compose import parse

Grid = Sequence[Mapping[str, Sequence[Any]]]

LISTS = (ValueType.CHOICE_SWEEP, ValueType.SIMPLE_CHOICE_SWEEP, ValueType.RANGE_SWEEP)

RUNG = "budget.rung"
"""The axis that a ladder of budgets adds to a grid."""

SUBJECT = ("data", "model")
"""Axes that a product's other axes belong to, such as a solver or a number of parameters."""


def expand(
    arguments: Sequence[str], grid: Grid, multirun: bool, ladder: Sequence[float] | None = None
) -> list[list[str]]:
    """The overrides of every cell that a command asks for.

    A study's grid is a list of products of lists; its cells are the union of them. An argument that names an axis of
    the grid replaces that axis; one of `data` or `model` chooses among its products, see `chosen`. A ladder is one more
    axis, of `budget.rung`, in front of those of each product.

    Args:
        arguments: overrides as typed; with `multirun` they may be sweeps such as `seed=0,1` or `width=range(8)`.
        grid: the study's own grid, empty for a plain run.
        multirun: whether sweeps were allowed by `-m`.
        ladder: rungs that each cell is made at, where neither an argument nor its product gives a rung.

    Raises:
        BenchError: an override that does not parse, a sweep without `-m`, one of a kind that makes no list of cells, or
            a ladder within the grid.
    """
    typed = parse(list(arguments))
    check_sweeps(typed)
    swept = [override.input_line for override in typed if override.is_sweep_override()]
    if swept and not multirun:
        raise BenchError(f"'{swept[0]}' is a list of values; add -m to run each of them, or quote it to mean one value")
    grid, choosing = chosen(grid, typed)
    arguments = [words for words in arguments if words not in choosing]
    named = {override.get_key_element() for override in typed if override.input_line not in choosing}
    cells: dict[tuple[str, ...], list[str]] = {}
    for product in grid or [{}]:
        if "budget.ladder" in product:
            raise BenchError("grid: budget.ladder stands for the whole study; give this list budget.rung instead")
        product = {**({RUNG: ladder} if ladder else {}), **product}
        axes = [f"{key}={','.join(map(literal, values))}" for key, values in product.items() if key not in named]
        (batch,) = BasicSweeper.split_arguments(parse([*axes, *arguments]), max_batch_size=None)
        cells |= {tuple(cell): cell for cell in batch if tuple(cell) not in cells}
    return list(cells.values())


def chosen(grid: Grid, typed: Iterable[Override]) -> tuple[Grid, set[str]]:
    """The products of a grid with the data and models typed alone, and the arguments that chose them.

    A value that no product lists stands in for the first that one does, without what a product says of that one's own
    options, such as `model.solver`.
    """
    choosing: set[str] = set()
    for name in SUBJECT:
        of_name = [override for override in typed if override.get_key_element() == name]
        if len(of_name) != 1 or not grid or not all(product.get(name) for product in grid):
            continue
        asked = values(of_name[0])
        listed = [literal(value) for product in grid for value in product[name]]
        guests = [value for value in asked if literal(value) not in listed]
        products: list[Mapping[str, Sequence[Any]]] = []
        for product in grid:
            own = [literal(value) for value in product[name]]
            if kept := [value for value in asked if literal(value) in own]:
                products.append({**product, name: kept})
            if guests and listed[0] in own:
                plain = {key: axis for key, axis in product.items() if not key.startswith(f"{name}.")}
                products.append({**plain, name: guests})
        grid = products
        choosing.add(str(of_name[0].input_line))
    return grid, choosing


def values(override: Override) -> list[Any]:
    """The values of an override, one or those of a sweep, text without its quotes."""
    given = list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
    return [value.text if isinstance(value, QuotedString) else value for value in given]


def check_sweeps(overrides: Iterable[Override]) -> None:
    """Refuses sweeps that are no list of values.

    Raises:
        BenchError: a `glob()` or an `interval()`, or a `range()` that stands still.
    """
    for override in overrides:
        value = override.value()
        endless = isinstance(value, RangeSweep) and value.step == 0
        if override.is_sweep_override() and (endless or override.value_type not in LISTS):
            raise BenchError(
                f"'{override.input_line}' lists no values; write them out, as in seed=0,1 or seed=range(5)"
            )


def literal(value: Any) -> str:
    """A value of a study's grid in the grammar of overrides; it keeps its type, text in quotes where it needs them."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{literal(key)}:{literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(literal, value)) + "]"
    if not isinstance(value, str):
        return str(value)
    return value if reads_as_itself(value) else quoted(value)


def reads_as_itself(text: str) -> bool:
    """True for text that is the same text as a value without quotes."""
    try:
        (override,) = parse([f"text={text}"])
    except BenchError:
        return False
    return not override.is_sweep_override() and text != "" and override.value() == text


def without_rung(overrides: Sequence[str]) -> tuple[str, ...]:
    """The overrides but for that of the rung."""
    return tuple(word for word in overrides if not word.lstrip("+").startswith(f"{RUNG}="))


NOT_REPEATED = (
    "results_dir=",
    "data_root=",
    "workers=",
    "hours=",
    "tune=",
    "tune.data=",
    "tune.seed=",
    "tune.settings=",
    "track",
    "launch",
)
"""Beginnings of words that a row's command leaves out."""


def alone(overrides: Sequence[str], grid: Grid) -> list[str]:
    """The words that keep a command to one cell: `grid=[]` where the grid would add axes to its overrides."""
    return ["grid=[]"] if len(grid) > 0 and len(expand(overrides, grid, multirun=False)) > 1 else []


def command_line(overrides: Sequence[str], config_dir: Path | None, extra: Sequence[str] = ()) -> str:
    """The command that makes one cell again, by its overrides and what it needs beside them.

    Where results and data lie on this machine is left out, and what asks for tuning: what that chose stands there.
    """
    where = [] if config_dir is None else ["--config-dir", str(config_dir)]
    portable = [word for word in overrides if not word.startswith(NOT_REPEATED)]
    return shlex.join(["bench", "run", *where, *portable, *extra])
