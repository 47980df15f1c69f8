import math

import torch

from bench.models.parts.importance import effective_sample_size, iwae


def test_value_is_the_log_of_the_mean_weight() -> None:
    weights = torch.rand(50, 7) + 0.1
    torch.testing.assert_close(iwae(weights.log()).value, weights.mean(0).log())


def test_weights_far_from_one_neither_overflow_nor_vanish() -> None:
    log_weights = torch.randn(50, 3)
    for shift in (-1e4, 1e4):
        shifted = iwae(log_weights.double() + shift)
        torch.testing.assert_close(shifted.value - shift, iwae(log_weights.double()).value)


def test_equal_weights_have_no_error() -> None:
    result = iwae(torch.full((10, 3), -2.5))
    torch.testing.assert_close(result.value, torch.full((3,), -2.5))
    torch.testing.assert_close(result.standard_error, torch.zeros(3))


def test_standard_error_covers() -> None:
    """Log-normal weights of mean 1: the true value is 0."""
    sigma, samples, repeats = 0.7, 400, 4000
    result = iwae(sigma * torch.randn(samples, repeats) - sigma**2 / 2)
    assert result.standard_error is not None
    covered = (result.value.abs() < 1.96 * result.standard_error).float().mean()
    # 95 % to within the Monte Carlo error of 4000 repeats (0.35 %) and the skewness of a mean of 400 weights.
    assert 0.93 < covered < 0.965


def test_more_samples_tighten_the_bound() -> None:
    log_weights = torch.randn(200, 4000) - 0.5
    values = [iwae(log_weights[:count]).value.mean() for count in (2, 20, 200)]
    assert values[0] < values[1] < values[2] < 0.01


def test_equal_weights_are_worth_their_number_and_one_of_many_one() -> None:
    equal, one = torch.full((10,), -1e4), torch.tensor([0.0, *[-1e4] * 9])
    half = torch.tensor([1e4] * 5 + [-math.inf] * 5)
    torch.testing.assert_close(
        effective_sample_size(torch.stack([equal, one, half], 1)), torch.tensor([10.0, 1.0, 5.0])
    )


def test_the_effective_size_says_how_far_the_bound_lies_below() -> None:
    """Log-normal weights of mean 1: half of 1 / ESS - 1 / K is the bias of log(mean w), to the second order."""
    log_weights = (0.7 * torch.randn(50, 40_000) - 0.7**2 / 2).double()
    gap = -iwae(log_weights).value.mean()
    # The gap is 0.0063 nats, its Monte Carlo error 0.0006; a mean of 1 / ESS of 50 weights falls 10 % short.
    torch.testing.assert_close(gap, ((1 / effective_sample_size(log_weights) - 1 / 50) / 2).mean(), rtol=0, atol=0.003)
