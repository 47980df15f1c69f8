"""From the words of a command to its resolved cells: expanded, composed and checked; nothing is written."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError, CannotWrite
from bench.record.store import check_writable
from bench.setup.cell import Cell, Resolver
from bench.setup.compose import Composer, parse
from bench.setup.grid import alone, command_line, expand

WORTH_SAYING = 100
"""Cells from which on a line says that they are being planned."""

SEED = re.compile(r"seed=(\d+)")


class Refusal(NamedTuple):
    """Cells that no run could make.

    Attributes:
        words: their overrides, but for the seed.
        cells: how many they are.
        reason: one line.
    """

    words: str
    cells: int
    reason: str


@dataclass
class Plan:
    """The cells of a command.

    Attributes:
        cells: those that can run, in the order of the grid.
        refusals: those that cannot.
    """

    cells: list[Cell] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def plan(arguments: list[str], multirun: bool, config_dir: Path | None, say: Callable[[str], None]) -> Plan:
    """Every cell that a command asks for, resolved and checked.

    Cells that differ in nothing but their seed are composed and resolved once.

    Args:
        arguments: overrides as typed.
        multirun: whether they may be sweeps.
        config_dir: the user's own configuration groups.
        say: takes a line that says that a large grid is being planned.

    Raises:
        BenchError: a mistake in the command itself, in one line; that of a cell is among the refusals.
    """
    about_grid = [argument for argument in arguments if argument.startswith(("study=", "grid="))]
    if any(override.is_sweep_override() for override in parse(about_grid)):
        raise BenchError(f"{' '.join(about_grid)}: run one study at a time")
    composer, resolver, refusals = Composer(config_dir), Resolver(), list[Refusal]()
    grid = composer.config(about_grid).grid
    overrides = expand(arguments, grid, multirun)
    if len(overrides) >= WORTH_SAYING:
        say(f"planning {len(overrides)} runs")
    cells: dict[int, Cell] = {}
    for words, requests in by_setting(overrides).items():
        try:
            cells |= resolved(requests, composer, resolver, alone(requests[0].overrides, grid))
        except CannotWrite:
            raise
        except BenchError as error:
            refusals.append(Refusal(" ".join(words), len(requests), str(error)))
    return Plan([cells[place] for place in sorted(cells)], refusals)


def resolved(requests: "list[Requested]", composer: Composer, resolver: Resolver, extra: list[str]) -> dict[int, Cell]:
    """The cells of one setting by their places in the grid: the first is resolved, the others take their seeds.

    Args:
        requests: at least one; of several each has a seed.
        composer, resolver: of the whole grid.
        extra: words that the cells' commands need beside their overrides.

    Raises:
        BenchError: no run could make them.
    """

    def command(request: Requested) -> str:
        return command_line([*request.overrides, *extra], composer.config_dir)

    first, *others = requests
    config = composer.config(first.overrides)
    check_writable(Path(config.results_dir) / config.study)
    lead = resolver.cell(config, command(first))
    if composer.reads_seed:
        return {one.place: resolver.cell(composer.config(one.overrides), command(one)) for one in requests}
    return {first.place: lead} | {
        other.place: lead.of_seed(other.seed, command(other)) for other in others if other.seed is not None
    }


@dataclass(frozen=True)
class Requested:
    """One cell as it was asked for: its place in the grid, its overrides, and its seed where that is a plain number."""

    place: int
    overrides: list[str]
    seed: int | None


def by_setting(cells: Iterable[list[str]]) -> dict[tuple[str, ...], list[Requested]]:
    """The cells of each setting: equal overrides but for `seed=`; one whose seed is no plain number stands alone."""
    settings: dict[tuple[str, ...], list[Requested]] = defaultdict(list)
    for place, overrides in enumerate(cells):
        words = [word for word in overrides if word.lstrip("+~").startswith("seed=")]
        seed = SEED.fullmatch(words[0]) if len(words) == 1 else None
        if seed and not any("${" in word for word in overrides):
            shared = tuple(word for word in overrides if not SEED.fullmatch(word))
            settings[shared].append(Requested(place, overrides, int(seed[1])))
        else:
            settings[tuple(overrides)].append(Requested(place, overrides, None))
    return settings
