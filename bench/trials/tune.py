"""Tuning of a study's entries: the grid of rates, wider where the best lies at its end, then two trials at the best."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.cells.order import Order, Setting
from bench.cells.planning import Orders, Untuned
from bench.config import BOTH
from bench.errors import BenchError
from bench.trials.subjects import Tunable, subject_of, tunables, tuned_words
from bench.trials.trials import Asked, Trials
from bench.tuning import file
from bench.tuning.choice import (
    Choice,
    Subject,
    asked_of_each,
    best,
    choice_of,
    ends,
    name_of,
    shortfalls,
    transferred,
    widened,
)
from bench.tuning.file import CHOSEN, OTHER_CODE, OTHER_DATA, Trial
from bench.tuning.space import BESIDE, beside, candidates, rates

OfSubject = Mapping[Subject, Sequence[Trial]]


@dataclass
class Tuning:
    """What was chosen for the entries of a command.

    Attributes:
        tunables: the entries, on each data set and fold.
        choices: of those with a trial that ended ok.
        fitted: those that have no learning rate.
        said: lines on what a reader must know.
    """

    tunables: dict[Subject, Tunable]
    choices: dict[Subject, Choice] = field(default_factory=dict)
    fitted: set[Subject] = field(default_factory=set)
    said: list[str] = field(default_factory=list)


def tuned(untuned: Sequence[Untuned], trials: Trials) -> Tuning:
    """Makes the trials that are missing and chooses, for every entry, data set and fold of some cells.

    Raises:
        BenchError: a trial cannot be planned, or data that the study names to tune on have no trials.
    """
    tuning = Tuning(tunables(untuned))
    named = next(iter(tuning.tunables.values())).config["tune"]["data"]
    on = [one for subject, one in tuning.tunables.items() if named is None or subject[0] in named]
    drop_other_data(trials, named)
    grid, of_rates = grid_made(on, trials, tuning)
    tuning.fitted = {one.subject for one in on if one.subject not in of_rates and not trials.dry}
    of_all = {subject: [*own] for subject, own in of_rates.items()}
    for subject, own in trials.made(at_best(on, of_rates, grid)).items():
        of_all[subject] += own
    trials.mark_others(one for one in on if one.subject in of_all)
    for subject, own in of_all.items():
        chosen = best(own)
        if chosen is None:
            tuning.said.append(f"{name_of(subject)}: none of its {len(own)} trials ended ok; it has no tuned runs")
        else:
            tuning.choices[subject] = choice_of(chosen)
            trials.mark([chosen.run_id], CHOSEN)
    made = [trial for own in of_all.values() for trial in own]
    tuning.said += shortfalls(made, asked_of_each(made)) if not trials.dry else []
    transfer(tuning, trials, named)
    if not trials.dry:
        file.write(trials.study, trials.rows.values())
    return tuning


def drop_other_data(trials: Trials, named: Sequence[str] | None) -> None:
    """Marks the trials on data that the study does not name."""
    if named is not None:
        trials.mark([run_id for run_id, row in trials.rows.items() if row.data not in named], OTHER_DATA)


def grid_made(on: Sequence[Tunable], trials: Trials, tuning: Tuning) -> tuple[list[float], dict[Subject, list[Trial]]]:
    """The grid of rates and its trials: one rate wider at an end, for all, where a best rate is the last one there."""
    below, above = widened(trials.rows.values())
    grid = rates(below, above)
    of_rates = trials.made([Asked(one, one.rung, rate) for one in on for rate in grid])
    lowest, highest = ends(of_rates, grid)
    wider = rates(below or bool(lowest), above or bool(highest))
    if wider != grid:
        grid = wider
        of_rates = trials.made([Asked(one, one.rung, rate) for one in on for rate in grid])
    for subjects, rate in zip(ends(of_rates, grid), (grid[0], grid[-1]), strict=True):
        tuning.said += [
            f"{name_of(subject)}: its best rate, {rate:g}, is still an end of the grid" for subject in subjects
        ]
    return grid, of_rates


def at_best(on: Sequence[Tunable], of_rates: OfSubject, grid: Sequence[float]) -> list[Asked]:
    """The trials at each entry's best rate: of its knob, and what is left of them at rates beside, the better side
    first."""
    asked = []
    for one in on:
        own = of_rates.get(one.subject, [])
        lowest = best(own)
        if lowest is None:
            continue
        rate = lowest.learning_rate
        knob, values = candidates(one.config)
        asked += [Asked(one, one.rung, rate, knob, value) for value in values]
        asked += [Asked(one, one.rung, other) for other in better_first(rate, grid, own)[: BESIDE - len(values)]]
    return asked


def better_first(rate: float, grid: Sequence[float], own: Sequence[Trial]) -> list[float]:
    """The two rates beside the best, that on the side of the better neighbour first."""
    losses = {trial.learning_rate: trial.validation for trial in own if trial.status == "ok"}
    place = grid.index(rate)
    sides = [losses.get(grid[n]) if 0 <= n < len(grid) else None for n in (place - 1, place + 1)]
    lower, upper = [float("inf") if side is None else side for side in sides]
    return beside(rate, grid)[:: 1 if lower <= upper else -1]


def transfer(tuning: Tuning, trials: Trials, named: Sequence[str] | None) -> None:
    """Gives the entries on data that are not tuned on what those that are have chosen, of this command or before.

    Raises:
        BenchError: none has.
    """
    for subject, tunable in tuning.tunables.items():
        if named is not None and subject[0] not in named:
            mark_other_code(subject, tunable, trials)
    chosen = {row.subject: choice_of(row) for row in trials.rows.values() if row.mark == CHOSEN} | tuning.choices
    trained = {subject[2:] for subject in chosen} | {row.subject[2:] for row in trials.rows.values()}
    for subject in tuning.tunables:
        if named is None or subject[0] in named:
            continue
        choice = transferred(chosen, *subject[2:])
        if choice is not None:
            known = choice.knob == tuning.tunables[subject].knob
            tuning.choices[subject] = choice if known else Choice(choice.learning_rate)
        elif subject[2:] not in trained and trials.is_fitted(tuning.tunables[subject]):
            tuning.fitted.add(subject)
        elif not (trials.dry and any(other[0] in named for other in tuning.tunables)):
            raise BenchError(
                f"{name_of(subject)}: the study tunes on {', '.join(named)}, where this entry has no trials"
                f"{' that ended ok' if subject[2:] in trained else ''}; run `bench tune` without data=, and let "
                "tune.data name data of the study"
            )


def mark_other_code(subject: Subject, tunable: Tunable, trials: Trials) -> None:
    """Marks chosen trials of this entry on other data that its code of today did not make."""
    for row in [row for row in trials.rows.values() if row.mark == CHOSEN and row.subject[2:] == subject[2:]]:
        if not trials.is_of_this_code(row, tunable):
            trials.mark([row.run_id], OTHER_CODE)


def rungs_made(tuning: Tuning, trials: Trials) -> None:
    """Makes trials at the other rungs: whether the rate that the middle one chose serves them all.

    They have the knob that it chose, as the tuned runs there have, at the rates of the grid and at the chosen one.
    """
    grid = rates(*widened(trials.rows.values()))
    on = [one for one in tuning.tunables.values() if one.subject in tuning.choices and one.subject in trials.proven]
    asked = []
    for one in on:
        chosen = tuning.choices[one.subject]
        tried = sorted({*grid, chosen.learning_rate})
        others = [rung for rung in one.rungs if rung != one.rung]
        asked += [Asked(one, rung, rate, chosen.knob, chosen.value) for rung in others for rate in tried]
    trials.made(asked)
    trials.mark_others(on, every_rung=True)
    if not trials.dry:
        file.write(trials.study, trials.rows.values())


def tuned_cells(untuned: Sequence[Untuned], tuning: Tuning) -> Iterator[tuple[list[str], Subject]]:
    """The words of every tuned cell and what it is a run of; those of entries for which nothing was chosen are left
    out."""
    for config, cells in untuned:
        for words, seed in cells:
            subject = subject_of(config, words, seed)
            choice = tuning.choices.get(subject)
            if choice is not None or subject in tuning.fitted:
                yield tuned_words(words, choice), subject


def planned_tuned(
    untuned: Sequence[Untuned], tuning: Tuning, default: Container[str], plan: Callable[[list[list[str]]], Orders]
) -> Orders:
    """The orders of the tuned cells; one that is among the `default` runs, by its id, is of both settings.

    So is that of a fitted entry, which has nothing to tune.
    """
    cells = list(tuned_cells(untuned, tuning))
    if not cells:
        return Orders()
    orders = plan([words for words, _ in cells])
    known: dict[int, Setting] = {}
    for place, order in enumerate(orders.cells):
        subject = cells[order.number][1]
        choice = tuning.choices.get(subject)
        if choice is None or (order.run_id in default and tuning.tunables[subject].comes_with(choice)):
            orders.cells[place] = replace(order, setting=as_both(order.setting, known))
    return orders


def as_both(setting: Setting, known: dict[int, Setting]) -> Setting:
    """The setting of cells whose tuned values are those that the entry comes with; `known` remembers each."""
    if id(setting) not in known:
        config: dict[str, Any] = {**setting.config, "tune": {**setting.config["tune"], "setting": BOTH}}
        known[id(setting)] = replace(setting, config=config, place={**setting.place, "setting": BOTH})
    return known[id(setting)]


def together(default: Sequence[Order], tuned: Sequence[Order]) -> list[Order]:
    """The cells of both settings, numbered anew: a run that is both is there once, with the command of the first.

    A run that is evaluated in several ways is there once for each of them.
    """
    both = {(order.run_id, order.evaluation): order for order in default}
    for order in tuned:
        key = order.run_id, order.evaluation
        both[key] = replace(order, command=both.get(key, order).command)
    return [replace(order, number=number) for number, order in enumerate(both.values())]
