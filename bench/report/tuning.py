"""Tuning as tables: rates by entries with the best in bold, what was chosen and what that cost, and rung by rung."""

from collections.abc import Sequence
from pathlib import Path

from bench.record.writing import write_atomically
from bench.report.inert import markdown_cell
from bench.report.markup import markdown
from bench.report.numbers import plain
from bench.report.tables import Table, TableCell
from bench.report.terminal_tables import aligned
from bench.tuning import file
from bench.tuning.choice import (
    Subject,
    asked_of_each,
    at_trial_rung,
    best,
    by_subject,
    name_of,
    seconds_of,
    short_options,
    shortfalls,
)
from bench.tuning.file import CHOSEN, Trial
from bench.tuning.space import BESIDE, rates

MARKDOWN = "tuning.md"
"""In a study's folder: the tables of its trials."""

ENOUGH_TO_SAY = 0.1
"""Nats of validation that the middle rung's rate may lose at another rung without being said."""


def written(study: Path) -> list[str]:
    """Writes tuning.md from tuning.csv; the lines that a terminal shows.

    Raises:
        BenchError: the file cannot be read, or the folder not be written.
    """
    trials = file.read(study)
    tables = tuning_tables(trials)
    write_atomically(study / MARKDOWN, markdown(tables))
    lines = [line for table in tables for line in (table.title, *aligned(table), *table.notes, "")]
    return [*lines, f"trials: {study / file.FILE}", f"table:  {study / MARKDOWN}"]


def tuning_tables(trials: Sequence[Trial]) -> list[Table]:
    """The tables of a study's trials; none where it has none that count."""
    used = short_options(trial for trial in trials if trial.used)
    if not used:
        return []
    tables = [rate_table(used, len(trials) - len(used))]
    several = {trial.subject for trial in used if len({one.rung for one in used if one.subject == trial.subject}) > 1}
    tables += [rung_table([trial for trial in used if trial.subject in several])] if several else []
    return [table._replace(notes=list(map(markdown_cell, table.notes))) for table in tables]


def rate_table(trials: Sequence[Trial], others: int) -> Table:
    """Best validation value by learning rate, the two further trials, the choice and the seconds of all.

    Args:
        trials: that count.
        others: trials that do not.
    """
    groups = at_trial_rung(trials)
    grid = [rate for rate in rates(True, True) if any(is_of_grid(one, rate) for own in groups.values() for one in own)]
    rows = [row_of(subject, own, grid) for subject, own in groups.items()]
    headings = [
        "data",
        "model",
        *(f"{rate:g}" for rate in grid),
        "at the best",
        "at the best",
        "chosen",
        "trials",
        "seconds",
    ]
    made = [trial for own in groups.values() for trial in own]
    rungs = sorted({f"{trial.rung:g}" for trial in made})
    notes = [
        "Best validation value of each trial, in nats unless marked mmd2, by learning rate; bold: what was chosen. "
        f"Every trial has its whole schedule at rung {', '.join(rungs)} and a seed of no other run, and never sees the "
        "test split.",
        *([f"{others} trials of other code, data or options are not used; tuning.csv marks them."] if others else []),
        *at_ends(groups, grid),
        *(
            f"{name_of(subject)}: no trial ended ok; it has no tuned runs."
            for subject in groups
            if not best(groups[subject])
        ),
        *shortfalls(made, asked_of_each(made)),
    ]
    return Table("tuning", "Tuning: validation by learning rate", headings, rows, notes)


def is_of_grid(trial: Trial, rate: float) -> bool:
    """True for the trial of a rate of the grid."""
    return trial.learning_rate == rate and not trial.knob


def at_ends(groups: dict[Subject, list[Trial]], grid: Sequence[float]) -> list[str]:
    """A line for each entry whose best rate of the grid is one of its ends."""
    lines = []
    for subject, own in groups.items():
        lowest = best(trial for trial in own if not trial.knob and trial.learning_rate in grid)
        if lowest is not None and lowest.learning_rate in (grid[0], grid[-1]):
            lines.append(f"{name_of(subject)}: its best rate, {lowest.learning_rate:g}, is an end of the grid.")
    return lines


def row_of(subject: Subject, own: Sequence[Trial], grid: Sequence[float]) -> list[TableCell]:
    """One entry's row."""
    data, fold, model, options = subject
    names = [data if fold is None else f"{data}, fold {fold}", f"{model} ({options})" if options else model]
    of_grid = {trial.learning_rate: trial for trial in own if trial.learning_rate in grid and not trial.knob}
    cells = [value_cell(of_grid.get(rate)) for rate in grid]
    others = [trial for trial in own if trial not in of_grid.values()]
    further = [further_cell(trial) for trial in others] + [TableCell("", None)] * (BESIDE - len(others))
    chosen = next((trial for trial in own if trial.mark == CHOSEN), None)
    seconds = seconds_of(own)
    return [
        *(TableCell(name, name) for name in names),
        *cells,
        *further[:BESIDE],
        TableCell("none" if chosen is None else settings(chosen), None if chosen is None else chosen.learning_rate),
        TableCell(str(len(own)), len(own)),
        TableCell(plain(seconds, 3), seconds),
    ]


def value_cell(trial: Trial | None) -> TableCell:
    """A trial's validation value, or how it ended."""
    if trial is None:
        return TableCell("", None)
    if trial.status != "ok" or trial.validation is None:
        return TableCell(trial.status, None)
    unit = " mmd2" if trial.validated_by == "mmd2" else ""
    return TableCell(f"{plain(trial.validation)}{unit}", trial.validation, trial.mark == CHOSEN)


def further_cell(trial: Trial) -> TableCell:
    """A trial at the best rate of the grid: what it tried, and its value."""
    text, sort, bold = value_cell(trial)
    return TableCell(f"{what(trial)}: {text}", sort if sort is None else f"{sort}", bold)


def what(trial: Trial) -> str:
    """What a trial beside the grid tried."""
    return f"{short_name(trial.knob)}={trial.value}" if trial.knob else f"{trial.learning_rate:g}"


def settings(trial: Trial) -> str:
    """The settings that a trial had."""
    return f"{trial.learning_rate:g}" + (f", {short_name(trial.knob)}={trial.value}" if trial.knob else "")


def short_name(knob: str) -> str:
    """The last part of an option's name."""
    return knob.rpartition(".")[2]


def rung_table(trials: Sequence[Trial]) -> Table:
    """The best rate at each rung with the chosen knob, and what the chosen rate loses there."""
    rungs = sorted({trial.rung for trial in trials})
    rows, notes = [], []
    for subject, own in by_subject(trials).items():
        served = next((trial for trial in own if trial.mark == CHOSEN), None)
        cells = []
        for rung in rungs:
            alike = [one for one in own if served and one.rung == rung and knob_of(one) == knob_of(served)]
            lowest = best(alike)
            same = best(one for one in alike if served and one.learning_rate == served.learning_rate)
            cells.append(loss_cell(lowest, same))
            if loss_of(lowest, same) > ENOUGH_TO_SAY:
                notes.append(said_loss(subject, rung, served, lowest, loss_of(lowest, same)))
        name = name_of(subject)
        rows.append([TableCell(name, name), *cells])
    rule = f"No loss is above {ENOUGH_TO_SAY:g} nats." if not notes else ""
    notes = [
        "Best rate at each rung, with the knob that was chosen, and in brackets the nats of validation that the chosen "
        f"rate loses there. {rule}".strip(),
        *notes,
    ]
    headings = ["entry", *(f"rung {rung:g}" for rung in rungs)]
    return Table("rungs", "Does one rate serve all rungs?", headings, rows, notes)


def knob_of(trial: Trial) -> tuple[str, str]:
    """The option tried beside the rate, and its value."""
    return trial.knob, trial.value


def said_loss(subject: Subject, rung: float, served: Trial | None, lowest: Trial | None, loss: float) -> str:
    """A line on a rung that the chosen rate does not serve."""
    rate = "no chosen rate" if served is None else f"{served.learning_rate:g}"
    lost = "diverged" if loss == float("inf") else f"loses {loss:.2f} nats"
    best_there = "" if lowest is None else f" to {lowest.learning_rate:g}"
    return f"{name_of(subject)}: at rung {rung:g} {rate} {lost}{best_there}, more than {ENOUGH_TO_SAY:g}."


def loss_of(lowest: Trial | None, same: Trial | None) -> float:
    """Nats that a trial lies above the lowest; infinite where it did not end well, 0 where none did."""
    if lowest is None or lowest.validation is None:
        return 0.0
    return float("inf") if same is None or same.validation is None else same.validation - lowest.validation


def loss_cell(lowest: Trial | None, same: Trial | None) -> TableCell:
    """The best rate and the loss in brackets."""
    if lowest is None:
        return TableCell("none", None)
    loss = loss_of(lowest, same)
    text = "all: it diverged there" if loss == float("inf") else f"{loss:.2f}"
    return TableCell(f"{lowest.learning_rate:g} ({text})", loss)
