"""Trials as cells: planned, made where they are missing, and their rows in tuning.csv."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.cells.order import Order
from bench.cells.planning import Orders
from bench.errors import BenchError
from bench.record.store import FINISHED
from bench.trials.subjects import Tunable
from bench.tuning import file
from bench.tuning.choice import Subject, by_subject
from bench.tuning.file import CODE, OTHER_CODE, OTHER_PLAN, PROVEN, Trial
from bench.tuning.space import LOWEST


class Asked(NamedTuple):
    """A trial to make."""

    tunable: Tunable
    rung: float
    rate: float
    knob: str = ""
    value: str = ""


@dataclass
class Trials:
    """The trials of a command.

    Attributes:
        study: the folder of the study.
        plan: makes the orders of cells from the words of each.
        run: makes the records of orders.
        dry: whether missing trials are counted in place of being made.
        rows: of tuning.csv.
        planned: ids of the trials that were asked for.
        proven: subject -> the parts of its key that tell code and content of the data.
        missing: trials that are not made yet.
        code: subject -> the parts of its key that tell code, of entries that are not tuned where they are trained.
    """

    study: Path
    plan: Callable[[list[list[str]]], Orders]
    run: Callable[[list[Order]], object]
    dry: bool = False
    rows: dict[str, Trial] = field(default_factory=dict)
    planned: set[str] = field(default_factory=set)
    proven: dict[Subject, tuple[Any, ...]] = field(default_factory=dict)
    missing: int = 0
    code: dict[Subject, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = {row.run_id: row for row in file.read(self.study)}

    def made(self, asked: Sequence[Asked]) -> dict[Subject, list[Trial]]:
        """The rows of the trials by subject, in the order asked; without those of an entry that is not trained.

        A trial whose row stands in tuning.csv under its key is finished; any other is run. Rows of trials that were
        made are written also where the rest is interrupted.

        Raises:
            BenchError: a trial cannot be planned.
        """
        orders = self.plan([one.tunable.trial(one.rung, one.rate, one.knob, one.value) for one in asked])
        for refusal in orders.refusals:
            raise BenchError(f"{refusal.words}: {refusal.reason}")
        due = [order for order in orders.cells if not self.is_finished(order)]
        try:
            if due and self.dry:
                self.missing += len(due)
            elif due:
                self.run(due)
        finally:
            for order in orders.cells:
                self.note(asked[order.number], order)
            if due and self.rows and not self.dry:
                file.write(self.study, self.rows.values())
        return by_subject(self.rows[order.run_id] for order in orders.cells if order.run_id in self.rows)

    def is_fitted(self, tunable: Tunable) -> bool:
        """True for an entry that is not trained: none of its trials is planned."""
        orders = self.plan([tunable.trial(tunable.rung, LOWEST, "", "")])
        return not orders.cells and not orders.refusals

    def is_of_this_code(self, row: Trial, tunable: Tunable) -> bool:
        """True where a row on other data was made by the code that would make a trial of this entry now."""
        if tunable.subject not in self.code:
            orders = self.plan([tunable.trial(tunable.rung, LOWEST, "", "")])
            identity = orders.cells[0].identity() if orders.cells else {}
            self.code[tunable.subject] = tuple(identity.get(name) for name in CODE)
        return tuple(getattr(row, name) for name in CODE) == self.code[tunable.subject]

    def is_finished(self, order: Order) -> bool:
        """True where the trial's row says that a second attempt would only repeat it."""
        row = self.rows.get(order.run_id)
        return row is not None and row.status in FINISHED

    def note(self, asked: Asked, order: Order) -> None:
        """Takes the row of a trial: as it stands in the file, else from its record."""
        self.planned.add(order.run_id)
        identity = order.identity()
        self.proven[asked.tunable.subject] = tuple(identity[name] for name in PROVEN)
        data, fold, model, options = asked.tunable.subject
        about: dict[str, Any] = {"data": data, "fold": fold, "model": model, "options": options, "rung": asked.rung}
        about |= {"learning_rate": asked.rate, "knob": asked.knob, "value": asked.value, "mark": ""}
        record = None if self.is_finished(order) else order.folder.read()
        if record is not None:
            self.rows[order.run_id] = file.of_record(record, **about)
        elif order.run_id in self.rows:
            self.rows[order.run_id] = replace(self.rows[order.run_id], **about)

    def mark_others(self, on: Iterable[Tunable], every_rung: bool = False) -> None:
        """Marks the trials of these subjects that the plan does not have: of other code, or of another plan.

        Those of other rungs of the ladder are planned, and so judged, with `every_rung` alone.
        """
        for one in on:
            own = [row for row in self.rows.values() if row.subject == one.subject and row.run_id not in self.planned]
            for row in own:
                same = tuple(getattr(row, name) for name in PROVEN) == self.proven.get(one.subject)
                unjudged = same and not every_rung and row.rung != one.rung and row.rung in one.rungs
                self.rows[row.run_id] = row if unjudged else row.marked(OTHER_PLAN if same else OTHER_CODE)

    def mark(self, run_ids: Iterable[str], mark: str) -> None:
        """Marks rows."""
        for run_id in run_ids:
            self.rows[run_id] = self.rows[run_id].marked(mark)
