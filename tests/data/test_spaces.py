import math

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from bench.data.spaces import REACH, Binary, DequantisedLogit, Identity, Space, uniform
from bench.errors import BenchError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def space(levels: int, alpha: float, dim: int, dtype: torch.dtype = torch.float32) -> DequantisedLogit:
    return DequantisedLogit(levels, alpha, torch.linspace(-1, 1, dim).to(dtype), torch.linspace(0.5, 2, dim).to(dtype))


def report_coordinates(x: Tensor, of: DequantisedLogit) -> Tensor:
    """y of the report space, written from the definition."""
    s = 1 / (1 + torch.exp(-(x * of.scale + of.shift)))
    return (s - of.alpha) / (1 - 2 * of.alpha) * of.levels


def test_the_log_determinant_is_that_of_the_autograd_jacobian() -> None:
    logit = space(256, 0.05, 5, torch.float64)
    x = torch.randn(4, 5, dtype=torch.float64)
    inverse = torch.stack([jacobian(lambda row: report_coordinates(row, logit), row) for row in x])
    # Double precision leaves 1e-15 a factor; the five factors and the determinant stay well within 1e-10.
    torch.testing.assert_close(logit.log_det(x), -torch.linalg.slogdet(inverse).logabsdet, rtol=0, atol=1e-10)


def test_a_density_carried_to_the_report_space_has_the_mass_it_had() -> None:
    logit = space(17, 0.05, 1, torch.float64)
    y = torch.linspace(0, 17, 20_001, dtype=torch.float64)[:, None]
    x = (torch.logit(0.05 + 0.9 * y / 17) - logit.shift) / logit.scale
    density = torch.exp(-0.5 * x[:, 0] ** 2 - 0.5 * math.log(2 * math.pi) + logit.log_det(x))
    normal = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    mass = normal.cdf(x[-1, 0]) - normal.cdf(x[0, 0])
    # The trapezoid rule's error falls as the square of the step, 17 / 20,000.
    torch.testing.assert_close(torch.trapezoid(density, y[:, 0]), mass, rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [1e-6, 0.05, 0.4])
@pytest.mark.parametrize("levels", [17, 256])
def test_the_way_back_ends_within_the_level_it_began_in(levels: int, alpha: float) -> None:
    raw = torch.arange(levels, dtype=torch.uint8)[:, None].expand(levels, 500)
    logit = space(levels, alpha, 500)
    pixels = logit.to_data(logit.to_model(raw, generator()))
    # Single precision: 6e-8 of s, up to five times as much of a pixel at alpha = 0.4, a few roundings.
    slack = 3e-6
    assert (pixels >= raw / levels - slack).all()
    assert (pixels <= (raw + 1.0) / levels + slack).all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1


def test_samples_that_no_image_can_have_are_clipped() -> None:
    pixels = space(17, 0.05, 2).to_data(torch.tensor([[-50.0, 50.0]]))
    assert pixels.tolist() == [[0.0, 1.0]]


def test_the_dequantisation_noise_is_uniform() -> None:
    raw = torch.full((1_000, 200), 7, dtype=torch.uint8)
    logit = space(17, 0.05, 200)
    noise = report_coordinates(logit.to_model(raw, generator()), logit) - 7
    # 200,000 draws: five standard errors of the mean, sqrt(1/12/n), and of the second moment about 1/2, sqrt(1/180/n).
    assert abs(noise.mean() - 1 / 2) < 5 * math.sqrt(1 / 12 / raw.numel())
    assert abs((noise - 0.5).square().mean() - 1 / 12) < 5 * math.sqrt(1 / 180 / raw.numel())


@pytest.mark.parametrize("level", [0, 255])
def test_extreme_levels_stay_finite_at_the_smallest_alpha(level: int) -> None:
    raw = torch.full((1_000, 1_000), level, dtype=torch.uint8)
    plain = DequantisedLogit(256, 1e-6, torch.zeros(1_000), torch.ones(1_000))
    x = plain.to_model(raw, generator())
    assert x.isfinite().all()
    assert plain.log_det(x).isfinite().all()


@pytest.mark.parametrize("alpha", [0.0, 1e-7, 0.5, -0.1, math.nan])
def test_an_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(BenchError, match="alpha"):
        DequantisedLogit.fitted(torch.zeros(3, 2, dtype=torch.uint8), 17, alpha)


def test_a_fitted_space_standardises_what_it_was_fitted_on() -> None:
    raw = torch.randint(0, 17, (4_000, 6), dtype=torch.uint8)
    fitted = DequantisedLogit.fitted(raw, 17, 0.05)
    x = fitted.to_model(raw, generator(1))
    # Only the noise differs from the fit's: its share of the spread is below 1/17, over 4,000 rows far below 0.01.
    torch.testing.assert_close(x.mean(0), torch.zeros(6), rtol=0, atol=0.01)
    torch.testing.assert_close(x.std(0), torch.ones(6), rtol=0, atol=0.01)


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_a_pixel_that_training_never_lit_stays_within_reach(alpha: float) -> None:
    fitted = DequantisedLogit.fitted(torch.zeros(100, 3, dtype=torch.uint8), 256, alpha)
    x = fitted.to_model(torch.full((100, 3), 255, dtype=torch.uint8), generator())
    assert x.max() <= REACH


def test_binary_pixels_have_their_level_as_mean() -> None:
    raw = torch.arange(17, dtype=torch.uint8).expand(20_000, 17)
    x = Binary(17).to_model(raw, generator())
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert not x[:, 0].any()
    assert x[:, 16].all()
    # Five standard errors of a Bernoulli mean over 20,000 draws, at most 0.5 / sqrt(n) each.
    torch.testing.assert_close(x.mean(0), torch.arange(17) / 16, rtol=0, atol=5 * 0.5 / math.sqrt(len(raw)))


@pytest.mark.parametrize("kind", [Binary(17), space(17, 0.05, 8)], ids=["binary", "dequantised"])
def test_the_noise_depends_on_the_generator_alone(kind: Space) -> None:
    raw = torch.randint(1, 16, (50, 8), dtype=torch.uint8)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = kind.to_model(raw, generator(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(kind.to_model(raw, generator(3)), first)
    assert not torch.equal(kind.to_model(raw, generator(4)), first)


@pytest.mark.parametrize("kind", [Identity(), Binary(17)], ids=["identity", "binary"])
def test_spaces_without_a_jacobian_change_nothing(kind: Space) -> None:
    x = torch.rand(5, 3)
    assert torch.equal(kind.log_det(x), torch.zeros(5))
    assert torch.equal(kind.to_data(x), x)


def test_the_identity_hands_raw_data_on() -> None:
    raw = torch.randn(5, 3)
    assert torch.equal(Identity().to_model(raw, generator()), raw)


def test_uniform_draws_are_even_and_independent_within_a_word_of_the_generator() -> None:
    u = uniform(torch.Size([100_001, 4]), generator())  # not a multiple of four words
    assert u.dtype == torch.float32
    assert u.min() >= 0
    assert u.max() < 1
    assert (u * 2**16 == (u * 2**16).round()).all()
    counts = torch.histc(u, 256, 0, 1)
    expected = u.numel() / 256
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi_square - 255) < 5 * math.sqrt(2 * 255)  # five standard deviations of chi-square with 255 degrees
    # The four columns are the four parts of a word; a correlation of n draws has the standard deviation 1 / sqrt(n).
    correlations = torch.corrcoef(u.T) - torch.eye(4)
    assert correlations.abs().max() < 5 / math.sqrt(100_001)
