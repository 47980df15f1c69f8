"""The discretised mixture of logistics is a law on levels, the one that it draws from."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from bench.models.parts.levels import GreyLevels
from bench.models.parts.logistic_law import LogisticLaw, Reading, log_mass

COUNT = 9


class Fixed(LogisticLaw):
    """The same mixtures for every z."""

    def __init__(self, read: Reading) -> None:
        super().__init__()
        self.levels, self.read = GreyLevels(COUNT, 0.01), read

    def forward(self, z: Tensor) -> Reading:
        return tuple(part.expand(*z.shape[:-1], *part.shape) for part in self.read)  # type: ignore[return-value]


def mixtures(pixels: int, count: int, dtype: torch.dtype = torch.float64) -> Reading:
    generator = torch.Generator().manual_seed(0)
    log_weights, means, log_scales = torch.randn(3, pixels, count, generator=generator, dtype=dtype)
    return log_weights.log_softmax(-1), 0.6 * means, log_scales - 2


def masses(read: Reading) -> Tensor:
    """P of each level, `(levels, pixels)`."""
    levels = torch.arange(COUNT, dtype=read[0].dtype)[:, None].expand(COUNT, read[0].shape[0])
    return log_mass(levels, COUNT, read).exp()


def test_masses_are_differences_of_distribution_functions_and_sum_to_one() -> None:
    read = mixtures(5, 3)
    weights, means, scales = (part.numpy() for part in (read[0].exp(), read[1], read[2].exp()))
    edges = np.concatenate([[-np.inf], 2 * np.arange(1, COUNT) / COUNT - 1, [np.inf]])
    below = (weights * expit((edges[:, None, None] - means) / scales)).sum(-1)
    np.testing.assert_allclose(masses(read).numpy(), np.diff(below, axis=0), rtol=1e-9, atol=1e-15)
    torch.testing.assert_close(masses(read).sum(0), torch.ones(5, dtype=torch.float64))


@pytest.mark.parametrize("mean", [-40.0, -1.0, 0.3, 40.0])
@pytest.mark.parametrize("log_scale", [-5.0, 0.0, 5.0])
def test_far_out_and_narrow_logistics_have_finite_values_and_gradients(mean: float, log_scale: float) -> None:
    """In float32 the plain difference of two distribution functions would be 0, its logarithm -inf."""
    means, log_scales = (torch.full((COUNT, 1), value, requires_grad=True) for value in (mean, log_scale))
    value = log_mass(torch.arange(COUNT).float(), COUNT, (torch.zeros(COUNT, 1), means, log_scales))
    gradients = torch.autograd.grad(value.sum(), [means, log_scales])
    assert all(bool(part.isfinite().all()) for part in (value, *gradients))
    exact = log_mass(torch.arange(COUNT).double(), COUNT, (torch.zeros(COUNT, 1), means.double(), log_scales.double()))
    torch.testing.assert_close(value.double(), exact, rtol=1e-4, atol=1e-5)


def test_draws_have_these_masses_and_the_mean_is_their_middle() -> None:
    read = mixtures(4, 3, torch.float32)
    law, n = Fixed(read), 40_000
    torch.manual_seed(0)
    drawn = law.levels.level(law.sample(torch.zeros(n, 1)))
    seen = torch.stack([(drawn == level).float().mean(0) for level in range(COUNT)])
    expected = masses(read)
    error = (expected * (1 - expected) / n).sqrt()
    assert bool(((seen - expected).abs() <= 5 * error + 1e-6).all())
    mean_level = (torch.arange(COUNT).float()[:, None] * expected).sum(0)
    torch.testing.assert_close(law.levels.fractions(law.mean(torch.zeros(1))) * COUNT, mean_level + 0.5)


def test_the_density_is_even_within_a_level_and_its_mass_is_the_levels() -> None:
    law, z = Fixed(mixtures(2, 3)), torch.zeros(1, 1, dtype=torch.float64)
    y = torch.tensor([[3.01, 5.5], [3.99, 5.02]], dtype=torch.float64)
    x = law.levels.placed(y)
    in_levels = law.log_prob(x, z) - law.levels.log_slope(x)
    torch.testing.assert_close(in_levels, masses(law.read)[[3, 5], [0, 1]].log().sum().expand(2))
