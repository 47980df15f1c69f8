"""Rotations and projections, whose reconstruction error is known at any noise."""

import pytest
import torch
from torch import Tensor, nn

from bench.errors import Diverged
from bench.metrics.reconstruction import noise_curve


class Linear(nn.Module):
    """Encodes by the rows of a matrix with orthonormal rows: exact when it is square, else a projection."""

    def __init__(self, rows: Tensor, latent_shape: tuple[int, ...] = (-1,)) -> None:
        super().__init__()
        self.rows, self.latent_shape = rows, latent_shape
        self.dropout = nn.Dropout(0.5)

    def encode(self, x: Tensor, context: None = None) -> Tensor:
        return self.dropout(x.flatten(1) @ self.rows.T).unflatten(1, self.latent_shape)

    def decode(self, z: Tensor, context: None = None) -> Tensor:
        return z.flatten(1) @ self.rows


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size)).Q


def itself(x: Tensor) -> Tensor:
    return x


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_rotation_is_exact_without_noise_and_errs_by_the_noise_with_it() -> None:
    entry, x = Linear(orthogonal(6), (2, 3)), torch.randn(4000, 6)
    curve = dict(noise_curve(entry, x, itself, [0.0, 0.1, 1.0], seeded(), 100))
    # float32 rounding of two products of six terms
    assert curve[0.0] < 1e-12
    # a mean of 24,000 squares of standard normals has sd sqrt(2 / 24,000) = 0.009
    assert curve[1.0] == pytest.approx(1, abs=0.037)
    # the noise of every scale is the same, so the error scales exactly
    assert curve[0.1] == pytest.approx(0.01 * curve[1.0], rel=1e-4)


def test_entries_of_equal_latent_shape_meet_the_same_noise() -> None:
    x = torch.randn(100, 6)
    one, other = (noise_curve(Linear(orthogonal(6)), x, itself, [0.5], seeded(), 70)[0][1] for _ in range(2))
    # a rotation keeps the length of the noise, up to float32 rounding
    assert one == pytest.approx(other, rel=1e-5)
    assert noise_curve(Linear(orthogonal(6)), x, itself, [0.5], seeded(1), 100)[0][1] != pytest.approx(one, rel=1e-3)


def test_a_projection_loses_what_it_leaves_out_in_data_space() -> None:
    x = torch.randn(50, 4)
    found = noise_curve(Linear(torch.eye(4)[:1]), x, lambda x: 3 * x, [0.0], seeded(), 13)[0][1]
    # float32 sums in another order
    assert found == pytest.approx(9 * x[:, 1:].square().sum().item() / 200, rel=1e-5)


def test_an_error_that_is_not_finite_is_a_divergence() -> None:
    def broken_by_noise(x: Tensor) -> Tensor:
        return torch.where(x.abs() > 0, torch.nan, x)

    with pytest.raises(Diverged, match=r"latent noise of 2\.0"):
        noise_curve(Linear(torch.eye(2)), torch.zeros(5, 2), broken_by_noise, [0.0, 2.0], seeded(), 100)


def test_an_entry_without_a_latent_is_refused() -> None:
    with pytest.raises(TypeError, match="Identity has no encode"):
        noise_curve(nn.Identity(), torch.zeros(5, 2), itself, [0.0], seeded(), 100)
