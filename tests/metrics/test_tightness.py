"""What a row says of its bound, from curves and weights with a known answer."""

from dataclasses import replace

import pytest
import torch

from bench.metrics.likelihood import Likelihood, curve_sizes
from bench.metrics.tightness import fall_per_doubling, slack, tightness


def curve(gap: float, power: float, most: int = 1000) -> list[tuple[int, float]]:
    """The K-curve of a bound that lies gap K^-power below a truth of -3 nats."""
    return [(k, -3 - gap * k**-power) for k in curve_sizes(most)]


@pytest.mark.parametrize(("gap", "power"), [(5.0, 1.0), (1.0, 0.5), (0.5, 0.3), (10.0, 0.9)])
def test_the_slack_of_a_gap_that_shrinks_by_a_power_is_the_gap_that_is_left(gap: float, power: float) -> None:
    left = gap * 1000**-power
    found = slack(curve(gap, power))
    assert found == pytest.approx(left, rel=0.1)


def test_a_curve_that_still_falls_has_nine_times_its_last_fall_for_slack() -> None:
    loose = curve(3.0, 0.2)
    fall = fall_per_doubling(loose)
    assert fall is not None
    assert fall > 0.05
    assert slack(loose) == pytest.approx(9 * fall)


def test_a_curve_too_short_to_tell_has_no_slack_and_a_flat_one_none_left() -> None:
    assert slack(curve(1.0, 0.5, most=50)) is None
    assert slack([]) is None
    assert slack([(k, -3.0) for k in curve_sizes(1000)]) == 0


def likelihood(effective: float | None, **other) -> Likelihood:
    sizes = None if effective is None else torch.full((4,), effective)
    found = Likelihood(torch.zeros(4), "iwae-1000", True, None, None, curve(1.0, 0.5), 1000, sizes)
    return replace(found, **other)


def test_a_row_shows_its_slack_unless_few_weights_count() -> None:
    assert tightness(likelihood(80.0), "auto")["nll_slack_nats"] == pytest.approx(1000**-0.5, rel=0.1)
    few = tightness(likelihood(4.0), "auto")
    assert "nll_slack_nats" not in few
    assert few["warning"] == "effective sample size 4.0 of 1000: the bound is loose"
    falling = tightness(likelihood(80.0, k_curve=curve(3.0, 0.2)), "auto")
    assert falling["warning"] == "the K-curve still falls by 0.11 nats a doubling: the bound is loose"


def test_a_bound_without_effective_samples_has_no_slack() -> None:
    assert tightness(likelihood(None, weights=None, k_curve=[]), "auto") == {}


def test_what_was_not_refined_says_so_and_an_exact_density_needs_not() -> None:
    assert tightness(likelihood(80.0), "refined")["warning"] == "no proposal to refine: iwae-1000 instead"
    assert "warning" not in tightness(likelihood(80.0, estimator="refined-1000"), "refined")
    exact = likelihood(None, weights=None, k_curve=[], estimator="exact", is_bound=False)
    assert tightness(exact, "refined") == {}


def test_a_k_curve_does_not_overrule_annealing() -> None:
    """A hundred chains and more have a K-curve long enough for a slack of its own."""
    flat = [(k, -50.0) for k in (1, 2, 5, 10, 20, 50, 100, 128)]
    settled = likelihood(60.0, estimator="ais-128x100", k_curve=flat, weights=128, doubling=0.02, gap=0.8)
    unsettled = likelihood(60.0, estimator="ais-128x100", k_curve=flat, weights=128, doubling=0.9, gap=0.8)
    assert tightness(settled, "ais")["nll_slack_nats"] == 0.8
    assert "nll_slack_nats" not in tightness(unsettled, "ais")


def annealed(doubling: float, gap: float | None) -> Likelihood:
    return likelihood(9.0, estimator="ais-16x100", k_curve=[], weights=16, doubling=doubling, gap=gap)


def test_annealing_shows_the_larger_of_its_two_checks_as_slack() -> None:
    assert tightness(annealed(0.02, 0.3), "ais")["nll_slack_nats"] == 0.3
    assert tightness(annealed(0.04, -0.01), "ais")["nll_slack_nats"] == 0.04
    assert tightness(annealed(-0.01, -0.02), "ais")["nll_slack_nats"] == 0


def test_annealing_that_has_not_settled_tells_nothing_and_warns() -> None:
    found = tightness(annealed(0.07, 0.3), "ais")
    assert "nll_slack_nats" not in found
    assert (found["ais_doubling_nats"], found["ais_gap_nats"]) == (0.07, 0.3)
    assert found["warning"] == "annealing has not settled: half its steps give 0.07 nats more"
    assert "nll_slack_nats" not in tightness(annealed(0.01, None), "ais")
