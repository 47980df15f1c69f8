import math

import pytest

from bench.errors import BenchError
from bench.ode.tableau import TABLEAUS, Tableau, named

every_tableau = pytest.mark.parametrize("method", TABLEAUS.values(), ids=TABLEAUS)


def elementary_weights(method: Tableau, b: tuple[float, ...]) -> dict[int, list[tuple[float, float]]]:
    """order -> (Σ b Φ(tree), 1/γ(tree)) of all rooted trees up to order 5 (Hairer, Nørsett & Wanner, table II.2.2)."""
    c = method.nodes

    def apply(values: list[float]) -> list[float]:
        return [math.fsum(a * v for a, v in zip(row, values, strict=False)) for row in method.stages]

    def total(values: list[float]) -> float:
        return math.fsum(weight * value for weight, value in zip(b, values, strict=True))

    def times(*factors: list[float]) -> list[float]:
        return [math.prod(values) for values in zip(*factors, strict=True)]

    c1 = list(c)
    c2, c3, c4 = times(c1, c1), times(c1, c1, c1), times(c1, c1, c1, c1)
    ac, ac2, ac3 = apply(c1), apply(c2), apply(c3)
    aac, aac2, acac = apply(ac), apply(ac2), apply(times(c1, ac))
    return {
        1: [(total([1.0] * len(c)), 1)],
        2: [(total(c1), 1 / 2)],
        3: [(total(c2), 1 / 3), (total(ac), 1 / 6)],
        4: [(total(c3), 1 / 4), (total(times(c1, ac)), 1 / 8), (total(ac2), 1 / 12), (total(aac), 1 / 24)],
        5: [
            (total(c4), 1 / 5),
            (total(times(c2, ac)), 1 / 10),
            (total(times(ac, ac)), 1 / 20),
            (total(times(c1, ac2)), 1 / 15),
            (total(times(c1, aac)), 1 / 30),
            (total(ac3), 1 / 20),
            (total(acac), 1 / 40),
            (total(aac2), 1 / 60),
            (total(apply(aac)), 1 / 120),
        ],
    }


def order_of(method: Tableau, b: tuple[float, ...]) -> int:
    """The highest order up to which every condition holds."""
    conditions = elementary_weights(method, b)
    failed = [
        order for order, pairs in conditions.items() if any(abs(found - wanted) > 1e-14 for found, wanted in pairs)
    ]
    return min(failed, default=6) - 1


@every_tableau
def test_order_conditions_hold_up_to_the_order_and_no_further(method: Tableau) -> None:
    assert order_of(method, method.weights) == method.order


@pytest.mark.parametrize("name", ["bosh3", "dopri5", "tsit5"])
def test_the_embedded_method_is_one_order_lower(name: str) -> None:
    method = named(name)
    embedded = tuple(b - e for b, e in zip(method.weights, method.error, strict=True))
    assert order_of(method, embedded) == method.order - 1


@every_tableau
def test_rows_are_explicit_and_add_up_to_the_nodes(method: Tableau) -> None:
    assert [len(row) for row in method.stages] == list(range(len(method.nodes)))
    assert len(method.weights) == len(method.nodes)
    for node, row in zip(method.nodes, method.stages, strict=True):
        assert math.fsum(row) == pytest.approx(node, abs=1e-14)


def test_first_same_as_last() -> None:
    assert {name for name, method in TABLEAUS.items() if method.first_same_as_last} == {"bosh3", "dopri5", "tsit5"}


def test_an_unknown_tableau_shows_the_known_ones() -> None:
    assert named("rk4").order == 4
    with pytest.raises(BenchError, match=r"unknown tableau 'rk5' in model\.tableau; did you mean rk4"):
        named("rk5")
