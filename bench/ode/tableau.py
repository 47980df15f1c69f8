"""Explicit Runge-Kutta methods as data: their Butcher tableaus.

One step of size h from (t, x) evaluates k_i = f(t + c_i h, x + h Σ_j a_ij k_j) for each stage i, j < i, and ends in
x + h Σ_i b_i k_i. An embedded method of lower order with weights b_i - e_i shares the stages; h Σ_i e_i k_i estimates
the step's error.
"""

from dataclasses import dataclass
from fractions import Fraction

from bench.errors import unknown


@dataclass(frozen=True)
class Tableau:
    """One method.

    Attributes:
        name: a key of `TABLEAUS`.
        order: p, where the error over a fixed interval falls as h^p.
        nodes: c, one a stage.
        stages: a, row i holding i numbers.
        weights: b, one a stage.
        error: e, one a stage; empty for a method without an embedded one.
    """

    name: str
    order: int
    nodes: tuple[float, ...]
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    error: tuple[float, ...] = ()

    @property
    def first_same_as_last(self) -> bool:
        """True where the last stage is the value at the end of the step, which the next step begins with."""
        return self.stages[-1] == self.weights[:-1] and self.weights[-1] == 0

    @property
    def evaluations(self) -> int:
        """Stages that the end of a step depends on: all but a last one that only begins the next."""
        return len(self.nodes) - self.first_same_as_last


def rationals(*rows: str) -> tuple[tuple[float, ...], ...]:
    """Rows of fractions such as `1/6 1/3`."""
    return tuple(tuple(float(Fraction(number)) for number in row.split()) for row in rows)


def tableau(name: str, order: int, nodes: str, stages: list[str], weights: str, error: str = "") -> Tableau:
    """A tableau from its fractions; the first stage's empty row is left out."""
    (c, b, e), a = rationals(nodes, weights, error), rationals("", *stages)
    return Tableau(name, order, c, a, b, e)


EULER = tableau("euler", 1, "0", [], "1")
MIDPOINT = tableau("midpoint", 2, "0 1/2", ["1/2"], "0 1")
RK4 = tableau("rk4", 4, "0 1/2 1/2 1", ["1/2", "0 1/2", "0 0 1"], "1/6 1/3 1/3 1/6")
RK38 = tableau("rk38", 4, "0 1/3 2/3 1", ["1/3", "-1/3 1", "1 -1 1"], "1/8 3/8 3/8 1/8")
"""Kutta's 3/8 rule, which torchdiffeq calls rk4."""

BOSH3 = tableau(
    "bosh3",
    3,
    "0 1/2 3/4 1",
    ["1/2", "0 3/4", "2/9 1/3 4/9"],
    "2/9 1/3 4/9 0",
    "-5/72 1/12 1/9 -1/8",
)
"""Bogacki & Shampine (1989)."""

DOPRI5 = tableau(
    "dopri5",
    5,
    "0 1/5 3/10 4/5 8/9 1 1",
    [
        "1/5",
        "3/40 9/40",
        "44/45 -56/15 32/9",
        "19372/6561 -25360/2187 64448/6561 -212/729",
        "9017/3168 -355/33 46732/5247 49/176 -5103/18656",
        "35/384 0 500/1113 125/192 -2187/6784 11/84",
    ],
    "35/384 0 500/1113 125/192 -2187/6784 11/84 0",
    "71/57600 0 -71/16695 71/1920 -17253/339200 22/525 -1/40",
)
"""Dormand & Prince (1980)."""

TSIT5 = Tableau(
    "tsit5",
    5,
    (0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0),
    (
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
        (
            0.09646076681806523,
            0.01,
            0.4798896504144996,
            1.379008574103742,
            -3.290069515436081,
            2.324710524099774,
        ),
    ),
    (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774, 0.0),
    (
        -0.00178001105222577714,
        -0.0008164344596567469,
        0.007880878010261995,
        -0.1447110071732629,
        0.5823571654525552,
        -0.45808210592918697,
        0.015151515151515152,
    ),
)
"""Tsitouras (2011)."""

TABLEAUS = {method.name: method for method in (EULER, MIDPOINT, RK4, RK38, BOSH3, TSIT5, DOPRI5)}


def named(name: str) -> Tableau:
    """The tableau of that name.

    Raises:
        BenchError: there is none.
    """
    if name not in TABLEAUS:
        raise unknown("tableau", name, TABLEAUS, "model.tableau")
    return TABLEAUS[name]
