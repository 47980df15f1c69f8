"""Bounds that no density passes: held by the best one there is, and passed by a wrong one."""

import math

import pytest
import torch

from bench.errors import Impossible
from bench.metrics.possible import check_likelihood, entropy


def record(nll: float, error: float | None = 0.01, **more: float) -> dict:
    return {"nll_nats": nll, "nll_standard_error": error, **more}


def test_entropy_of_rows() -> None:
    assert entropy(torch.arange(50).reshape(50, 1)) == pytest.approx(math.log(50))
    assert entropy(torch.zeros(50, 3)) == pytest.approx(0, abs=1e-12)
    rows = torch.tensor([[1, 2]] * 3 + [[3, 4]])
    assert entropy(rows) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


def test_the_best_density_of_levels_is_at_the_bound_and_less_is_impossible() -> None:
    levels = torch.randint(3, (5000, 2))
    _, counts = levels.unique(dim=0, return_counts=True)
    shares = counts / len(levels)
    best = float(-(shares * shares.log()).sum())
    assert best == pytest.approx(2 * math.log(3), abs=0.01)
    check_likelihood(record(best), 2, levels)
    with pytest.raises(Impossible, match=r"nll_nats = 1.1 is below 2\.1\d+, the entropy of the test examples"):
        check_likelihood(record(1.1), 2, levels)


def test_five_standard_errors_are_allowed() -> None:
    levels = torch.arange(100).reshape(100, 1)
    check_likelihood(record(4.5, 0.03), 1, levels)
    with pytest.raises(Impossible):
        check_likelihood(record(4.5, 0.02), 1, levels)
    check_likelihood(record(-4.5, None), 1, levels)


def test_probabilities_of_levels_are_held_to_the_same_bound() -> None:
    levels = torch.arange(100).reshape(100, 1)
    discrete = {"discrete_nll_nats": 4.5, "discrete_nll_standard_error": 0.03}
    check_likelihood(record(5.0, **discrete), 1, levels)
    with pytest.raises(Impossible, match="discrete_nll_nats = 4 is below"):
        check_likelihood(record(5.0, **discrete | {"discrete_nll_nats": 4.0}), 1, levels)


def test_bits_below_zero_are_named() -> None:
    with pytest.raises(Impossible, match=r"bits_per_dim = -1.72 is below 0"):
        check_likelihood(record(-76.3, 1.0, bits_per_dim=-1.72), 64, torch.zeros(100, 64))


def test_a_density_of_continuous_data_has_no_bound() -> None:
    check_likelihood(record(-1000.0), 2, None)


@pytest.mark.parametrize(("kl", "holds"), [(-2.061, False), (-0.04, True), (0.0, True), (-0.06, False), (1.0, True)])
def test_a_divergence_below_zero_is_impossible(kl: float, holds: bool) -> None:
    columns = record(3.0, kl_to_truth=kl, kl_standard_error=0.01)
    if holds:
        check_likelihood(columns, 2, None)
    else:
        with pytest.raises(Impossible, match="kl_to_truth = "):
            check_likelihood(columns, 2, None)
