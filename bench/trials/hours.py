"""Hours that a command will take, said before its first run: what a few steps of each entry cost, times what is due."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.cells.dry_run import clock, records_of_study
from bench.cells.ends import LONGEST_WAIT
from bench.cells.finished import Finished
from bench.cells.order import Order
from bench.cells.planning import Orders
from bench.cells.pool import Pool
from bench.record.store import table_rows
from bench.trials.subjects import tuned_words
from bench.tuning import file
from bench.tuning.space import BESIDE, COUNT, middle

VALIDATIONS = 50
"""Of a training, where `train.validate_every` does not say."""

DataModel = tuple[str, str]
"""Data set and model."""


class Price(NamedTuple):
    """Seconds of a step, a validation and an evaluation; a fitted entry takes no steps."""

    step: float
    validation: float
    evaluation: float

    def training(self, steps: int) -> float:
        """Seconds of a training of so many steps, with its validations."""
        return steps * self.step + VALIDATIONS * self.validation


class Due(NamedTuple):
    """What is left to do of one entry.

    Attributes:
        trials, trial_steps: of tuning.
        default, tuned, run_steps: of final runs, as the entry comes and as its trials chose.
    """

    trials: int
    trial_steps: int
    default: int
    tuned: int
    run_steps: int

    @property
    def runs(self) -> int:
        """Final runs."""
        return self.default + self.tuned

    def of_fitted(self) -> "Due":
        """The same of an entry that is fitted: it has no trials, and its tuned runs are those as it comes."""
        return Due(0, 0, max(self.default, self.tuned), 0, 0)

    def seconds(self, price: Price) -> float:
        """Of all of it, one after the other."""
        runs = self.runs * (price.training(self.run_steps) + price.evaluation)
        return runs + self.trials * price.training(self.trial_steps)

    def __str__(self) -> str:
        """Trials and runs in words."""
        trials = f"{self.trials} trials of {self.trial_steps:,} steps, " if self.trials else ""
        steps = f" of {self.run_steps:,} steps" if self.run_steps else ""
        return f"{trials}{self.runs} runs{steps}"


def hours_lines(
    orders: Orders, study: Path, workers: int, plan: Callable[[list[list[str]]], Orders], pool: Pool
) -> Iterator[str]:
    """A line for each entry and one for all of them; none where nothing is due.

    Trials are counted as the grid has them: there are two more where a best rate lies at its end.

    Args:
        orders: of the command.
        study: its folder.
        workers: that run side by side.
        plan: makes the orders of cells from the words of each.
        pool: of processes, one for each entry that is timed.
    """
    due = due_of(orders, study)
    if not due:
        return
    yield "timing a few steps of each entry for the hours"
    total, trials, runs, unknown = 0.0, 0, 0, []
    for pair, order in samples(orders, due, plan).items():
        price = None if order is None else measured(order, pool)
        own = due[pair] if price is None or price.step else due[pair].of_fitted()
        trials, runs = trials + own.trials, runs + own.runs
        if price is None:
            unknown.append(pair[1])
            continue
        total += own.seconds(price)
        yield f"{pair[0]} {pair[1]}  {own}, about {clock(own.seconds(price))}"
    side = f", about {clock(total / workers)} with workers={workers}" if workers > 1 else ""
    rest = f"; {', '.join(unknown)} could not be timed" if unknown else ""
    both = f"{trials} trials and {runs} runs" if trials else f"{runs} runs"
    yield f"{both}: about {clock(total)} one after the other{side}{rest}"


def due_of(orders: Orders, study: Path) -> dict[DataModel, Due]:
    """What is due of each data set and entry."""
    finished = Finished()
    default: Counter[DataModel] = Counter(pair_of(order) for order in orders.cells if finished.end(order) is None)
    steps = {pair_of(order): steps_of(order.setting.config) for order in orders.cells}
    tuned: Counter[DataModel] = Counter()
    trial_steps: dict[DataModel, int] = {}
    for config, cells in orders.untuned:
        pair = config["data"]["name"], config["model"]["name"]
        tuned[pair] += len(cells)
        steps[pair] = max(steps.get(pair, 0), steps_of(config))
        trial_steps[pair] = steps_of_trial(config)
    trials = Counter(dict.fromkeys(tuned, COUNT + BESIDE)) - trials_made(study)
    tuned -= tuned_runs(study)
    return {
        pair: Due(trials[pair], trial_steps.get(pair, 0), default[pair], tuned[pair], steps[pair])
        for pair in steps
        if default[pair] or tuned[pair] or trials[pair]
    }


def pair_of(order: Order) -> DataModel:
    """Data set and model of a cell."""
    return order.setting.place["data"], order.setting.place["model"]


def steps_of(config: dict[str, Any]) -> int:
    """Steps of a cell's budget; 0 where it counts none."""
    return int(config["budget"]["steps"] or 0)


def steps_of_trial(config: dict[str, Any]) -> int:
    """Steps of a cell's trials: of the middle rung of its ladder."""
    rung: float = config["budget"]["rung"]
    share: float = middle([rung, *(config["budget"]["ladder"] or [])]) / rung
    return max(1, round(steps_of(config) * share))


def tuned_runs(study: Path) -> Counter[DataModel]:
    """Tuned runs that a study has already, in its table or as records."""
    rows = [*table_rows(study), *records_of_study(study)]
    ids = {row["run_id"]: row for row in rows if row.get("status") == "ok" and "tuned" in str(row.get("setting"))}
    return Counter((str(row["data"]), str(row["model"])) for row in ids.values())


def trials_made(study: Path) -> Counter[DataModel]:
    """Trials that a study has already, in tuning.csv or as records."""
    ids = {trial.run_id: (trial.data, trial.model) for trial in file.read(study) if trial.used}
    ids |= {str(row["run_id"]): (str(row["data"]), str(row["model"])) for row in records_of_study(study / "tuning")}
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
