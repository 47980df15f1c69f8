"""The rows that race in `bench speed reach`: their learning rates, rivals and aims."""

from dataclasses import dataclass, replace

from bench.speed.cnf_problem import Size
from bench.speed.ladder.rows import ROWS, STOCK, Row
from bench.speed.method import Method

HIGH_RATE = 0.01
MATCHING = ("flow-matching", "matching-compiled", "matching-graph")


@dataclass(frozen=True)
class Racer:
    """A row on its way to the target.

    Attributes:
        row: what trains.
        beside: keys of rows; it is compared with the one of them that gets to the target first.
        times: how many times faster than that one it should be; None where nothing is asked.
        seldom: how many times less often its NLL is measured. Between a few steps of two milliseconds an evaluation
            leaves caches cold, which no training meets: compiled, 1.8 to 2.2 ms by fives and 1.4 to 1.8 by fifties.
    """

    row: Row
    beside: tuple[str, ...] = (STOCK.key,)
    times: float | None = None
    seldom: int = 1


def at_rate(row: Row, rate: float) -> Row:
    """The row with another learning rate."""

    def start(size: Size) -> Method:
        optimiser = replace(size.setting.optimiser, learning_rate=rate)
        return row.start(Size(replace(size.setting, optimiser=optimiser), size.dim, size.device))

    return replace(row, key=f"{row.key}-rate-{rate:g}", name=f"{row.name}, learning rate {rate:g}", start=start)


def racers() -> tuple[Racer, ...]:
    """FFJORD, then the fastest rows of each kind of the ladder, some of them also at the higher learning rate.

    A row that is left out takes the steps of one of these: its time to the target follows from its time of a step.
    """
    by_key = {row.key: row for row in ROWS}
    asked = {"compiled": 12.0, "compiled-38": 12.0, "graph": 12.0} | dict.fromkeys(MATCHING, 40.0)
    seldom = dict.fromkeys(MATCHING, 10)
    fastest = ("rk4", "by-hand", "compiled", "compiled-38", "graph", "triton-graph", *MATCHING, "diffrax", "jax-rk4")
    fast = {key: at_rate(by_key[key], HIGH_RATE) for key in (STOCK.key, "compiled", *MATCHING)}
    return (
        Racer(STOCK),
        *(Racer(by_key[key], times=asked.get(key), seldom=seldom.get(key, 1)) for key in fastest),
        *(
            Racer(row, (STOCK.key, fast[STOCK.key].key), asked.get(key), seldom.get(key, 1))
            for key, row in fast.items()
        ),
    )
