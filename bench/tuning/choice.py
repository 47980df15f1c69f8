"""What trials choose: the lowest validation value, never a trial that did not end well."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bench.record.store import FINISHED
from bench.tuning.file import CHOSEN, Trial
from bench.tuning.space import BESIDE, COUNT, rates, rounded

Subject = tuple[str, int | None, str, str]
"""Data set, fold, entry and options: what a choice is made for."""


class Choice(NamedTuple):
    """The settings of a tuned run.

    Attributes:
        learning_rate: of its optimiser.
        knob, value: the option beside it; empty where that is left as it comes.
    """

    learning_rate: float
    knob: str = ""
    value: str = ""


def best(trials: Iterable[Trial]) -> Trial | None:
    """The trial of the lowest validation value, of equal ones the first: rates come in rising order, knobs after them.

    None where no trial ended ok.
    """
    ended = [trial for trial in trials if trial.status == "ok" and trial.validation is not None]
    return min(ended, key=lambda trial: trial.validation or 0.0, default=None)


def choice_of(trial: Trial) -> Choice:
    """The settings that a trial had."""
    return Choice(trial.learning_rate, trial.knob, trial.value)


def by_subject(trials: Iterable[Trial]) -> dict[Subject, list[Trial]]:
    """The trials of each subject, in their order."""
    groups: dict[Subject, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.subject].append(trial)
    return dict(groups)


def ends(of_rates: Mapping[Subject, Sequence[Trial]], grid: Sequence[float]) -> tuple[list[Subject], list[Subject]]:
    """The subjects whose best rate is the lowest of the grid, and those whose is the highest."""
    chosen = {subject: trial for subject, trials in of_rates.items() if (trial := best(trials)) is not None}
    return tuple(  # type: ignore[return-value]
        [subject for subject, trial in chosen.items() if trial.learning_rate == rate] for rate in (grid[0], grid[-1])
    )


def widened(trials: Iterable[Trial]) -> tuple[bool, bool]:
    """Whether the trials that count have the rate beyond the lower and that beyond the upper end of the grid."""
    known = {trial.learning_rate for trial in trials if trial.used and not trial.knob}
    wide = rates(below=True, above=True)
    return wide[0] in known, wide[-1] in known


def asked_of_each(trials: Iterable[Trial]) -> int:
    """Trials that every subject is asked for: of the grid, as wide as it is, and beside the best."""
    return COUNT + sum(widened(trials)) + BESIDE


def shortfalls(trials: Collection[Trial], asked: int) -> list[str]:
    """A line for each subject with fewer finished trials than asked; a diverged one counts."""
    lines = []
    for subject, own in by_subject(trials).items():
        done = [trial for trial in own if trial.status in FINISHED]
        if len(done) < asked:
            others = Counter(trial.status for trial in own if trial.status not in FINISHED)
            why = f" ({', '.join(f'{count} {status}' for status, count in others.items())})" if others else ""
            lines.append(f"{name_of(subject)}: {len(done)} of {asked} trials{why}; the same command makes the others")
    return lines


def name_of(subject: Subject) -> str:
    """A subject in words, such as `digits realnvp` or `digits, fold 2, vae (model.beta=4.0)`."""
    data, fold, model, options = subject
    where = data if fold is None else f"{data}, fold {fold},"
    return f"{where} {model}" + (f" ({options})" if options else "")


def short_options(trials: Iterable[Trial]) -> list[Trial]:
    """The trials with no more options in their names than tell the subjects of an entry apart."""
    trials = list(trials)
    words: dict[tuple[str, str], list[set[str]]] = defaultdict(list)
    for data, _, model, options in {trial.subject for trial in trials}:
        words[data, model].append(set(options.split()))
    common = {key: set.intersection(*each) for key, each in words.items()}
    return [
        replace(one, options=" ".join(w for w in one.options.split() if w not in common[one.data, one.model]))
        for one in trials
    ]


def transferred(choices: Mapping[Subject, Choice], model: str, options: str) -> Choice | None:
    """What an entry takes on data that are not tuned on: the median of the rates that other data chose for it, by their
    logarithm, and the knob's value that most of them chose; of equal counts that of the lower rate.

    None where no data set has chosen.
    """
    own = [choice for (_, _, name, others), choice in choices.items() if (name, others) == (model, options)]
    if not own:
        return None
    median = statistics.geometric_mean(middle_two([choice.learning_rate for choice in own]))
    knob, value = Counter((choice.knob, choice.value) for choice in sorted(own)).most_common(1)[0][0]
    return Choice(rounded(median), knob, value)


def middle_two(values: Sequence[float]) -> list[float]:
    """The middle value twice, or the two beside the middle."""
    ordered = sorted(values)
    return [ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]]


def at_trial_rung(trials: Iterable[Trial]) -> dict[Subject, list[Trial]]:
    """The trials that count of each subject, at the rung at which one was chosen; all of one that has no choice."""
    groups = by_subject(trial for trial in trials if trial.used)
    rungs = {trial.subject: trial.rung for own in groups.values() for trial in own if trial.mark == CHOSEN}
    return {
        subject: [one for one in own if one.rung == rungs.get(subject, one.rung)] for subject, own in groups.items()
    }


def seconds_of(trials: Iterable[Trial]) -> float:
    """Training seconds of trials."""
    return sum(trial.train_seconds or 0.0 for trial in trials)
