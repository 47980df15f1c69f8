"""Hours that a command will take, said before its first run: what a few steps of each entry cost, times what is due."""

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.cells.dry_run import clock, records_of_study
from bench.cells.ends import LONGEST_WAIT
from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.cells.planning import Orders
from bench.cells.pool import Pool
from bench.config import VALIDATIONS, is_tuned
from bench.machine.cores import cores
from bench.record.store import table_rows
from bench.trials.subjects import tunables, tuned_words
from bench.tuning import file
from bench.tuning.space import BESIDE, COUNT, middle

DataModel = tuple[str, str]
"""Data set and model."""
Fold = tuple[str, int | None, str]
"""Data set, fold where it has several, and model."""


class Training(NamedTuple):
    """What a training is asked for, on average over the cells of an entry.

    Attributes:
        steps: at most; 0 where the budget counts none.
        seconds: at most, on the training clock; infinite where the budget has no clock.
        validations: between and behind the steps.
    """

    steps: float
    seconds: float
    validations: float


class Price(NamedTuple):
    """Seconds of a step, a validation, an evaluation and the start of a cell; a fitted entry takes no steps."""

    step: float
    validation: float
    evaluation: float
    start: float = 0.0

    def training(self, asked: Training) -> float:
        """Seconds of a training, with its start and its validations."""
        steps = self.step * (asked.steps or math.inf) if self.step else 0.0
        return self.start + min(steps, asked.seconds) + asked.validations * self.validation


class Due(NamedTuple):
    """What is left to do of one entry.

    Attributes:
        trials: of tuning.
        default, tuned: final runs, as the entry comes and as its trials chose.
        trial, run: the training of each.
    """

    trials: int
    default: int
    tuned: int
    trial: Training
    run: Training

    @property
    def runs(self) -> int:
        """Final runs."""
        return self.default + self.tuned

    def of_fitted(self) -> "Due":
        """The same of an entry that is fitted: it has no trials, and its tuned runs are those as it comes."""
        return Due(0, max(self.default, self.tuned), 0, NO_TRAINING, NO_TRAINING)

    def seconds(self, price: Price) -> float:
        """Of all of it, one after the other."""
        runs = self.runs * (price.training(self.run) + price.evaluation) if self.runs else 0.0
        return runs + (self.trials * price.training(self.trial) if self.trials else 0.0)

    def __str__(self) -> str:
        """Trials and runs in words."""
        trials = f"{self.trials} trials{of_steps(self.trial)}" if self.trials else ""
        runs = f"{self.runs} runs{of_steps(self.run)}" if self.runs else ""
        return ", ".join(filter(None, (trials, runs)))


NO_TRAINING = Training(0.0, 0.0, 0.0)


def of_steps(training: Training) -> str:
    """The steps of a training in words; empty where none are counted."""
    return f" of {training.steps:,.0f} steps" if training.steps else ""


def hours_lines(
    orders: Orders, study: Path, workers: int, plan: Callable[[list[list[str]]], Orders], pool: Pool
) -> Generator[str, None, float]:
    """A line for each entry and one for all of them; none where nothing is due. Returns the seconds of all of it.

    Trials are counted as the grid has them: there are more where a best rate lies at its end. Where others use the
    machine, workers side by side get less of it than the one process that is timed.

    Args:
        orders: of the command.
        study: its folder.
        workers: that run side by side.
        plan: makes the orders of cells from the words of each.
        pool: of processes, one for each entry that is timed.
    """
    due = due_of(orders, study)
    if not due:
        return 0.0
    others = load()
    yield "timing a few steps of each entry for the hours"
    total, trials, runs, unknown = 0.0, 0, 0, []
    for pair, order in samples(orders, due, plan).items():
        price = None if order is None else measured(order, pool)
        own = due[pair] if price is None or price.step else due[pair].of_fitted()
        if not own.trials and not own.runs:
            continue
        trials, runs = trials + own.trials, runs + own.runs
        if price is None:
            unknown.append(pair[1])
            continue
        total += own.seconds(price)
        yield f"{pair[0]} {pair[1]}  {own}, about {clock(own.seconds(price))}"
    beside = total / workers * crowding(others, workers, cores())
    side = f", about {clock(beside)} with workers={workers}" if workers > 1 else ""
    rest = f"; {', '.join(unknown)} could not be timed" if unknown else ""
    both = f"{trials} trials and {runs} runs" if trials else f"{runs} runs"
    yield f"{both}: about {clock(total)} one after the other{side}{rest}"
    return beside


def load() -> float:
    """Processes that wanted a core in the last minute, on average; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def crowding(others: float, workers: int, cores: int) -> float:
    """How many times slower each of several workers is than one process alone, beside so many processes of others."""
    return max(1.0, (others + workers) / cores) / max(1.0, (others + 1) / cores)


def due_of(orders: Orders, study: Path) -> dict[DataModel, Due]:
    """What is due of each data set and entry."""
    finished = Finished()
    default: Counter[DataModel] = Counter(pair_of(order) for order in orders.cells if finished.end(order) is None)
    runs: dict[DataModel, list[Training]] = defaultdict(list)
    for order in orders.cells:
        runs[pair_of(order)].append(training_of(order.setting.config))
    tuned: Counter[DataModel] = Counter()
    trial: dict[DataModel, Training] = {}
    for config, cells in orders.untuned:
        pair = config["data"]["name"], config["model"]["name"]
        tuned[pair] += len(cells)
        runs[pair] += [training_of(config)] * len(cells)
        trial[pair] = training_of(config, trial_share(config))
    trials = trials_due(orders, study)
    tuned -= tuned_runs(study)
    return {
        pair: Due(trials[pair], default[pair], tuned[pair], trial.get(pair, NO_TRAINING), mean_of(own))
        for pair, own in runs.items()
        if default[pair] or tuned[pair] or trials[pair]
    }


def pair_of(order: Order) -> DataModel:
    """Data set and model of a cell."""
    return order.setting.place["data"], order.setting.place["model"]


def training_of(config: dict[str, Any], share: float = 1.0) -> Training:
    """The training of a cell, or that of a share of its budget."""
    budget, every = config["budget"], config["train"]["validate_every"]
    steps = max(1, round(budget["steps"] * share)) if budget["steps"] else 0
    seconds = math.inf if budget["seconds"] is None else budget["seconds"] * share
    return Training(steps, seconds, validations(steps, every))


def validations(steps: int, every: int | None) -> int:
    """Validations of a training of so many steps, 0 for a budget that counts none."""
    if every and steps:
        return math.ceil(steps / every)
    return min(steps, VALIDATIONS) if steps else VALIDATIONS


def trial_share(config: dict[str, Any]) -> float:
    """The share of a cell's budget that its trials have: that of the middle rung of its ladder."""
    rung: float = config["budget"]["rung"]
    return middle([rung, *(config["budget"]["ladder"] or [])]) / rung


def mean_of(trainings: Sequence[Training]) -> Training:
    """The training that all of them together are so many times."""
    return Training(*(sum(values) / len(trainings) for values in zip(*trainings, strict=True)))


def tuned_runs(study: Path) -> Counter[DataModel]:
    """Tuned runs that a study has already, in its table or as records."""
    rows = [*table_rows(study), *records_of_study(study)]
    ids = {row["run_id"]: row for row in rows if row.get("status") == "ok" and is_tuned(row.get("setting"))}
    return Counter((str(row["data"]), str(row["model"])) for row in ids.values())


def trials_due(orders: Orders, study: Path) -> Counter[DataModel]:
    """Trials that are left to make, of every fold by itself, on the data that the study tunes on."""
    asked: Counter[Fold] = Counter()
    for data, fold, model, _ in tunables(orders.untuned):
        asked[data, fold, model] += COUNT + BESIDE
    named = orders.untuned[0].config["tune"]["data"] if orders.untuned else None
    due: Counter[DataModel] = Counter()
    for (data, _, model), count in (asked - trials_made(study)).items():
        if named is None or data in named:
            due[data, model] += count
    return due


def trials_made(study: Path) -> Counter[Fold]:
    """Trials that a study has already, in tuning.csv or as records."""
    ids = {trial.run_id: (trial.data, trial.fold, trial.model) for trial in file.read(study) if trial.used}
    for row in records_of_study(study / "tuning"):
        ids[str(row["run_id"])] = str(row["data"]), row["fold"], str(row["model"])
    return Counter(ids.values())


def samples(
    orders: Orders, pairs: dict[DataModel, Due], plan: Callable[[list[list[str]]], Orders]
) -> dict[DataModel, Order | None]:
    """A cell of each data set and entry; None where none can be planned."""
    first: dict[DataModel, Order] = {}
    for order in reversed(orders.cells):
        if order.setting.ended is None:
            first[pair_of(order)] = order
    missing: dict[DataModel, Sequence[str]] = {}
    for config, cells in orders.untuned:
        pair = config["data"]["name"], config["model"]["name"]
        if pair in pairs and pair not in first:
            missing.setdefault(pair, tuned_words(cells[0][0], None))
    planned = plan([list(words) for words in missing.values()]) if missing else Orders()
    first |= {pair_of(order): order for order in planned.cells}
    return {pair: first.get(pair) for pair in pairs}


def measured(order: Order, pool: Pool) -> Price | None:
    """What a cell costs, measured in a process of its own; None where that ended without an answer."""
    process = pool.start({"do": "price", "order": order.plain()})
    price = None
    while process.status is None or process.pid in pool.running:
        for event in pool.events(LONGEST_WAIT):
            if event.process is process and event.message is not None and "price" in event.message:
                price = Price(**event.message["price"])
    return price
