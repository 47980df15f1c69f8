"""Against scipy's scaled Bessel functions, which are accurate to some 1e-14."""

import numpy as np
import pytest
import torch
from scipy import special

from bench.laws.bessel import bessel

every_order = pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 4.5, 19.5, 31.0, 63.5])


@every_order
def test_series_and_ratio(order: float) -> None:
    x = np.concatenate([np.geomspace(1e-3, 1e3, 200), np.geomspace(1e3, 1e6, 60)])
    reference = special.ive(order, x)
    x, reference = x[reference > 1e-290], reference[reference > 1e-290]
    log_series, ratio = bessel(order, torch.from_numpy(x))
    expected = np.log(reference) + x + special.gammaln(order + 1) - order * np.log(x / 2)
    # The reference itself cancels v log x: 63.5 log 1e6 = 900 units of 1e-16.
    np.testing.assert_allclose(log_series, expected, rtol=1e-13, atol=5e-13)
    np.testing.assert_allclose(ratio, special.ive(order + 1, x) / reference, rtol=1e-12)
    assert (ratio < 1).all()


@every_order
def test_they_begin_at_zero(order: float) -> None:
    """log ₀F₁(; v + 1; x² / 4) = x² / (4 (v + 1)) + ... and the ratio x / (2 (v + 1)) + ...."""
    x = torch.tensor([0.0, 1e-6, 1e-4], dtype=torch.double)
    log_series, ratio = bessel(order, x)
    torch.testing.assert_close(log_series, x.square() / (4 * (order + 1)), rtol=0, atol=2e-14)
    torch.testing.assert_close(ratio, x / (2 * (order + 1)), rtol=1e-8, atol=0)


@every_order
def test_gradients(order: float) -> None:
    x = torch.tensor([1e-3, 0.5, 3.0, 50.0, 900.0], dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: bessel(order, t), x, atol=1e-8)


def test_half_an_order_is_elementary() -> None:
    """I_{1/2}(x) = sqrt(2 / (π x)) sinh x, and the ratio coth x - 1 / x is Langevin's function."""
    x = torch.tensor([0.1, 1.0, 10.0, 300.0], dtype=torch.double)
    log_series, ratio = bessel(0.5, x)
    torch.testing.assert_close(log_series, torch.log(torch.sinh(x) / x))
    torch.testing.assert_close(ratio, 1 / torch.tanh(x) - 1 / x)


def test_single_precision_is_computed_in_double() -> None:
    x = torch.tensor([1e5], requires_grad=True)
    log_series, ratio = bessel(1.0, x)
    assert log_series.dtype == ratio.dtype == torch.double
    # 1 - I_2 / I_1 ≈ 3 / (2 x), which 32 bits would hold to 1 %.
    assert 1 - ratio.item() == pytest.approx(1.5e-5, rel=1e-4)
    ratio.sum().backward()
    assert x.grad is not None
    assert float(x.grad) == pytest.approx(1.5e-10, rel=1e-4)
