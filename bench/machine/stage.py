"""Where a run is: its phase and how far that has come, told to whoever watches."""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from bench.machine.deadline import Deadline


class Stage(NamedTuple):
    """One moment of a run.

    Attributes:
        phase: `data`, `compile`, `train`, `fit`, `evaluate` or `record`.
        share: of the phase that is done, 0 to 1; None where nobody knows.
        value: what is known by now, short, such as `95.12 nats` or `likelihood 3/8`, a chunk.
        about: what that value is, where it is not said by itself, such as `step 160, validation nll(exact)`.
    """

    phase: str
    share: float | None = None
    value: str = ""
    about: str = ""


Watch = Callable[[Stage], None]
"""Takes each stage of a run as it begins."""


def unwatched(stage: Stage) -> None:
    """Takes a stage and tells nobody."""


class Parts:
    """The parts of an evaluation, each of which begins with a look at the clock.

    Attributes:
        begun: how many have begun.
    """

    def __init__(self, total: int, deadline: Deadline, watch: Watch) -> None:
        """`total` of them are told to `watch` as they begin."""
        self.total, self.deadline, self.watch, self.begun = total, deadline, watch, 0

    def begin(self, name: str) -> None:
        """Begins a part.

        Raises:
            TimedOut: the time is over.
        """
        self.deadline.check()
        self.watch(Stage("evaluate", self.begun / self.total, name))
        self.begun += 1

    def chunks(self, name: str, total: int | None) -> Callable[[], None]:
        """Begins a part of so many chunks, None where nobody knows; what is to be called before each of them."""
        self.begin(name)
        numbers, before = count(1), self.begun - 1

        def tick() -> None:
            self.deadline.check()
            number = next(numbers)
            of, within = ("", 0.0) if total is None else (f"/{total}", min(1.0, (number - 1) / total))
            self.watch(Stage("evaluate", (before + within) / self.total, f"{name} {number}{of}"))

        return tick
