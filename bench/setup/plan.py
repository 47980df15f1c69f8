"""From the words of a command to its resolved cells: expanded, composed and checked; nothing is written."""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.config import DEFAULT, SETTINGS, TRIAL, TUNED, Config
from bench.data.content import is_projects
from bench.errors import BenchError, CannotWrite, NotApplicable
from bench.models.entry import Entry
from bench.record.store import check_writable
from bench.setup.build import model_options
from bench.setup.cell import Cell, Resolver
from bench.setup.compose import Composer, parse
from bench.setup.grid import NOT_REPEATED, alone, command_line, expand
from bench.setup.rungs import Rungs, at_top, names_rung
from bench.tuning.space import value_of

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
class Unresolved:
    """Cells of one setting that are not resolved here.

    Attributes:
        config: of the first of them, in plain words.
        cells: place in the grid, seed and command of each.
        target: dotted paths of the entry and the data function.
        row: status and error of cells that have ended by that; None for cells that wait for a process of their own.
    """

    config: dict[str, Any]
    cells: list[tuple[int, int, str]]
    target: tuple[str, str]
    row: dict[str, str] | None = None


@dataclass
class Untuned:
    """Cells of one setting that are asked for as tuned: what their trials chose is not known here.

    Attributes:
        config: of the first of them, as the entry comes, in plain words.
        cells: overrides and seed of each.
    """

    config: dict[str, Any]
    cells: list[tuple[list[str], int]]


@dataclass
class Plan:
    """The cells of a command.

    Attributes:
        cells: those that can run, in the order of the grid.
        places: of each of them in the grid.
        refusals: those that cannot.
        others: those that are not resolved here.
        untuned: those that are asked for as tuned.
        count: cells asked for.
    """

    cells: list[Cell] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    others: list[Unresolved] = field(default_factory=list)
    untuned: list[Untuned] = field(default_factory=list)
    count: int = 0

    def by_setting(self) -> list[list[tuple[int, Cell]]]:
        """The cells that share all but their seed, each with its place in the grid."""
        settings: dict[int, list[tuple[int, Cell]]] = defaultdict(list)
        for place, cell in zip(self.places, self.cells, strict=True):
            settings[id(cell.key)].append((place, cell))
        return list(settings.values())


def plan(
    arguments: list[str],
    multirun: bool,
    config_dir: Path | None,
    say: Callable[[str], None],
    only: Container[int] | None = None,
    apart: bool = False,
    listed: list[list[str]] | None = None,
) -> Plan:
    """Every cell that a command asks for, resolved and checked.

    Cells that differ in nothing but their seed are composed and resolved once.

    Args:
        arguments: overrides as typed.
        multirun: whether they may be sweeps.
        config_dir: the user's own configuration groups.
        say: takes a line that says that a large grid is being planned, and the warnings of data sets.
        only: places of the cells to plan; None plans all.
        apart: leaves cells with code of the user's unresolved, so that this process imports none.
        listed: the overrides of every cell, in place of those that arguments and grid make.

    Raises:
        BenchError: a mistake in the command itself, in one line; that of a cell is among the refusals.
    """
    composer, resolver, planned, rungs = Composer(config_dir), Resolver(), Plan(), Rungs()
    asking = composer.config(about_grid(arguments))
    grid = asking.grid
    overrides = expand(arguments, grid, multirun, asking.budget.ladder) if listed is None else listed
    planned.count = len(overrides)
    if planned.count >= WORTH_SAYING and only is None:
        say(f"planning {planned.count} runs")
    cells: dict[int, Cell] = {}
    for words, requests in by_setting(overrides).items():
        asked = [request for request in requests if only is None or request.place in only]
        if not asked:
            continue
        try:
            extra = alone(asked[0].overrides, grid)
            config = composer.config(asked[0].overrides)
            if TUNED in settings_of(config) and only is None:
                planned.untuned.append(untuned(config, asked))
            if DEFAULT not in settings_of(config):
                continue
            extra += as_it_comes(words, config, composer, any(SETTINGS in product for product in grid))
            if apart and not (is_projects(config.model) and is_projects(config.data)):
                planned.others.append(unresolved(config, asked, composer, extra))
                continue
            if config.tune.setting == TRIAL and not has_trials(config, resolver.entry_class(config)):
                continue
            if names_rung(words) and resolver.entry_class(config).fitted:
                if rungs.repeats_fitted(words):
                    continue
                asked = [replace(one, overrides=at_top(one.overrides)) for one in asked]
                config = composer.config(asked[0].overrides)
            elif names_rung(words):
                rungs.add(words, config.budget)
            cells |= resolved(config, asked, composer, resolver, extra)
        except CannotWrite:
            raise
        except NotApplicable as reason:  # of the import: nothing of the entry or the data is known
            row = {"status": "not_applicable", "error": str(reason)}
            planned.others.append(replace(unresolved(config, asked, composer, extra), row=row))
        except BenchError as error:
            planned.refusals.append(Refusal(" ".join(words), len(asked), str(error)))
    planned.places = sorted(cells)
    planned.cells = [cells[place] for place in planned.places]
    for line in (*notes_of(planned.cells), *warnings_of(planned.cells)):
        say(line)
    return planned


def about_grid(arguments: list[str]) -> list[str]:
    """The arguments that say which study, grid and ladder a command is about.

    Raises:
        BenchError: lists of them.
    """
    about = [word for word in arguments if word.startswith(("study=", "grid=", "budget.ladder="))]
    if any(override.is_sweep_override() for override in parse(about)):
        raise BenchError(f"{' '.join(about)}: run one study at a time")
    budget = [word for word in arguments if word.startswith("budget=")]
    return about if any(override.is_sweep_override() for override in parse(budget)) else [*about, *budget]


def notes_of(cells: Iterable[Cell]) -> list[str]:
    """What is said of the data sets of the cells before anything runs, each line once, in their order."""
    lines = [f"data={cell.config.data['name']}: {line}" for cell in cells for line in cell.dataset.notes]
    return list(dict.fromkeys(lines))


def warnings_of(cells: Iterable[Cell]) -> list[str]:
    """What the data sets of the cells warn of, each line once."""
    lines = {f"warning: data={cell.config.data['name']}: {line}" for cell in cells for line in cell.dataset.warnings}
    return sorted(lines)


def settings_of(config: Config) -> list[str]:
    """The settings that a cell is asked for at; one that names its own stands as it is."""
    return config.tune.settings if config.tune.setting == DEFAULT else [DEFAULT]


def untuned(config: Config, requests: "list[Requested]") -> Untuned:
    """The cells of one setting, to be tuned."""
    seeds = [config.seed if request.seed is None else request.seed for request in requests]
    return Untuned(asdict(config), [(one.overrides, seed) for one, seed in zip(requests, seeds, strict=True)])


def has_trials(config: Config, cls: type[Entry]) -> bool:
    """False for an entry that is fitted: it has no learning rate.

    Raises:
        BenchError: its knob is no option, or has a value of a wrong type.
    """
    for knob, values in {} if cls.fitted else (config.tune.knob or {}).items():
        if value_of(asdict(config), knob) is None and "." in knob:
            raise BenchError(f"conf/model/{config.model['name']}.yaml: tuning.knob: there is no option {knob}")
        for value in values if "." not in knob else []:
            model_options(replace(config, model={**config.model, knob: value}), cls)
    return not cls.fitted


def as_it_comes(words: Iterable[str], config: Config, composer: Composer, in_grid: bool) -> list[str]:
    """The word that keeps a command to an entry as it comes, where the study, or its grid, asks for tuned ones too."""
    asked = config.tune.settings != [DEFAULT] or any(word.startswith("tune") for word in words)
    if config.tune.setting != DEFAULT or not asked:
        return []
    repeated = [word for word in words if not word.startswith(NOT_REPEATED)]
    return [] if not in_grid and composer.settings(repeated) == [DEFAULT] else [f"{SETTINGS}=[{DEFAULT}]"]


def unresolved(config: Config, requests: "list[Requested]", composer: Composer, extra: list[str]) -> Unresolved:
    """The cells of one setting, left as they are."""
    seeds = [config.seed if request.seed is None else request.seed for request in requests]
    commands = [command_line(request.overrides, composer.config_dir, extra) for request in requests]
    cells = [(one.place, seed, command) for one, seed, command in zip(requests, seeds, commands, strict=True)]
    return Unresolved(asdict(config), cells, (config.model["_target_"], config.data["_target_"]))


def resolved(
    config: Config, requests: "list[Requested]", composer: Composer, resolver: Resolver, extra: list[str]
) -> dict[int, Cell]:
    """The cells of one setting by their places in the grid: the first is resolved, the others take their seeds.

    Args:
        config: of the first.
        requests: at least one; of several each has a seed.
        composer, resolver: of the whole grid.
        extra: words that the cells' commands need beside their overrides.

    Raises:
        BenchError: no run could make them.
    """

    def command(request: Requested) -> str:
        return command_line(request.overrides, composer.config_dir, extra)

    first, *others = requests
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
