"""The entries of a study that are tuned, on each data set and fold, and the words of their trials and tuned cells."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.cells.planning import Untuned
from bench.config import TRIAL, TUNED
from bench.errors import BenchError
from bench.tuning.choice import Choice, Subject
from bench.tuning.space import RATE, fold_of, middle, option_of, options_of, value_of, word


class Tunable(NamedTuple):
    """An entry on a data set and fold, as a study trains it.

    Attributes:
        subject: its name in tuning.csv.
        config: of one of its cells, as the entry comes, in plain words.
        words: overrides that its cells share.
        rungs: of its cells and of the study's ladder.
    """

    subject: Subject
    config: dict[str, Any]
    words: tuple[str, ...]
    rungs: tuple[float, ...]

    @property
    def knob(self) -> str:
        """Its knob; empty where it has none."""
        return next(iter(self.config["tune"]["knob"] or {}), "")

    @property
    def rung(self) -> float:
        """Of its trials."""
        return middle(self.rungs)

    @property
    def seed(self) -> int:
        """Of its trials."""
        return int(self.config["tune"]["seed"]) + (self.subject[1] or 0)

    def trial(self, rung: float, rate: float, knob: str, value: str) -> list[str]:
        """The words of one of its trials."""
        fold = self.subject[1]
        words = [f"seed={self.seed}", f"budget.rung={rung!r}", f"tune.setting={TRIAL}"]
        return [
            *chosen_words(self.words, Choice(rate, knob, value)),
            *([] if fold is None else [f"data.fold={fold}"]),
            *words,
        ]

    def comes_with(self, choice: Choice) -> bool:
        """True where a choice is what the entry comes with."""
        own = word(value_of(self.config, choice.knob)) if choice.knob else ""
        return bool(self.config["train"]["optimiser"]["learning_rate"] == choice.learning_rate and own == choice.value)


def subject_of(config: dict[str, Any], words: Sequence[str], seed: int) -> Subject:
    """What a cell is a run of."""
    knob = next(iter(config["tune"]["knob"] or {}), None)
    data, model = config["data"], config["model"]
    return data["name"], fold_of(data, seed), model["name"], options_of(words, knob)


def tunables(untuned: Sequence[Untuned]) -> dict[Subject, Tunable]:
    """Every entry, data set and fold of the cells.

    Raises:
        BenchError: a final run has the seed of a trial, or the grid varies what trials would choose.
    """
    first: dict[Subject, tuple[dict[str, Any], tuple[str, ...]]] = {}
    rungs: dict[Subject, set[float]] = defaultdict(set)
    seeds: dict[Subject, set[int]] = defaultdict(set)
    for config, cells in untuned:
        for words, seed in cells:
            subject = subject_of(config, words, seed)
            own, _ = first.setdefault(subject, (config, tuple(shared(words))))
            if tuned_values(own) != tuned_values(config):
                raise BenchError(
                    f"{subject[0]} {subject[2]}: the grid has several values of the learning rate or the knob, which "
                    "tuning chooses; leave that axis out, or take tune.settings=[default]"
                )
            rungs[subject] |= {config["budget"]["rung"], *(config["budget"]["ladder"] or [])}
            seeds[subject].add(seed)
    found = {subject: Tunable(subject, *first[subject], tuple(sorted(rungs[subject]))) for subject in first}
    for subject, tunable in found.items():
        if tunable.seed in seeds[subject]:
            raise BenchError(f"tune.seed: seed {tunable.seed} is also of a final run; give trials one of their own")
    return found


def tuned_values(config: dict[str, Any]) -> tuple[Any, ...]:
    """Learning rate and knob of a cell as it comes."""
    knobs = config["tune"]["knob"] or {}
    return config["train"]["optimiser"]["learning_rate"], *(value_of(config, knob) for knob in knobs)


def shared(words: Sequence[str]) -> list[str]:
    """The words of a cell but for seed, fold, rung and setting."""
    own = ("seed=", "data.fold=", "budget.rung=", "tune=", "tune.setting=", "tune.settings=")
    return [word for word in words if not word.lstrip("+").startswith(own)]


def chosen_words(words: Sequence[str], choice: Choice) -> list[str]:
    """A cell's words with the chosen rate and knob in place of its own."""
    chosen = {RATE: repr(choice.learning_rate)} | ({option_of(choice.knob): choice.value} if choice.knob else {})
    kept = [word for word in words if word.lstrip("+").partition("=")[0] not in chosen]
    return [*kept, *(f"{option}={value}" for option, value in chosen.items())]


def tuned_words(words: Sequence[str], choice: Choice | None) -> list[str]:
    """The words of a tuned cell; without a choice those of an entry that has nothing to tune."""
    own = [word for word in words if not word.lstrip("+").startswith(("tune=", "tune.setting=", "tune.settings="))]
    return [*(own if choice is None else chosen_words(own, choice)), f"tune.setting={TUNED}"]
