import pytest
import torch

from bench.errors import Diverged
from bench.models.gaussian import Gaussian, packed, unpacked
from bench.models.parts.latent_density import moments
from bench.spec import DataSpec

TRUTH = torch.distributions.MultivariateNormal(
    torch.tensor([1.0, -2.0, 0.5]), torch.tensor([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
)


def fitted(x: torch.Tensor) -> Gaussian:
    entry = Gaussian(DataSpec(tuple(x.shape[1:])), width=1)
    entry.finish(x)
    return entry.eval()


def ledoit_wolf_of(x: torch.Tensor) -> torch.Tensor:
    """The covariance of Ledoit & Wolf (2004, equations 5 to 14) on coordinates divided by their deviations.

    With Z so scaled, C = ZᵀZ / n and d columns: C* = (1 - s) C + s I, s = min(b, δ) / δ, δ = |C - I|² and
    b = Σₖ |zₖ zₖᵀ - C|² / n².
    """
    x = x.double()
    deviation = x.std(0, correction=0)
    z = (x - x.mean(0)) / deviation
    n, d = z.shape
    sample, target = z.T @ z / n, torch.eye(d).double()
    distance = (sample - target).square().sum()
    noise = (z[:, :, None] * z[:, None, :] - sample).square().sum() / n**2
    share = torch.minimum(noise, distance) / distance
    return ((1 - share) * sample + share * target) * deviation * deviation[:, None]


@pytest.mark.parametrize(("examples", "columns"), [(500, 3), (12, 30), (3, 8)])
def test_it_is_the_gaussian_of_ledoit_and_wolf(examples: int, columns: int) -> None:
    """Also with fewer examples than columns, of any unit: the NLL is that of the closed form."""
    mixing = torch.randn(columns, columns)
    scale = 10.0 ** torch.linspace(-0.3, 0.3, columns)
    x, new = ((torch.randn(n, columns) @ mixing * scale).double() for n in (examples, 50))
    entry = Gaussian(DataSpec((columns,)), width=1).double()
    entry.finish(x)
    law = torch.distributions.MultivariateNormal(x.mean(0), ledoit_wolf_of(x))
    # The ridge is 1e-6 of the mean variance, felt most where three examples leave little variance in some directions.
    torch.testing.assert_close(entry.eval().log_prob(new).value, law.log_prob(new), rtol=5e-3, atol=1e-2)


def test_with_fewer_examples_than_columns_it_is_near_the_truth_where_plain_moments_are_not() -> None:
    """Twenty examples of fifty equally correlated columns, which the sample's covariance calls singular."""
    columns = 50
    truth = torch.distributions.MultivariateNormal(
        torch.zeros(columns), 0.7 * torch.eye(columns) + 0.3 * torch.ones(columns, columns)
    )
    x, new = truth.sample((20,)), truth.sample((500,))
    mean, triangle = moments(x)
    plain = torch.distributions.MultivariateNormal(mean, scale_tril=triangle)
    behind = (truth.log_prob(new) - fitted(x).log_prob(new).value).mean()
    assert 0 < behind < 25  # N(0, I) is 9 nats behind the truth; means of twenty examples cost some nats more
    assert -plain.log_prob(new.double()).mean() > 1e5


def test_units_of_the_columns_change_nothing() -> None:
    x, new = torch.randn(15, 6).double(), torch.randn(4, 6).double()
    unit = torch.tensor([1.0, 10.0, 0.1, 1.0, 3.0, 0.5]).double()
    entries = [Gaussian(DataSpec((6,)), width=1).double() for _ in range(2)]
    for entry, scale in zip(entries, (torch.ones(6).double(), unit), strict=True):
        entry.finish(x * scale)
    plain, scaled = (entry.eval().log_prob(new * s).value for entry, s in zip(entries, (1.0, unit), strict=True))
    # But for the ridge: 1e-6 of the mean variance, 2e-3 of the least.
    torch.testing.assert_close(plain, scaled + torch.log(unit).sum(), rtol=0, atol=2e-2)


def test_a_constant_column_leaves_the_others_a_density() -> None:
    x = torch.cat([TRUTH.sample((40,)), torch.full((40, 1), 3.0)], 1)
    entry = fitted(x)
    inside, far = x[:1].clone(), x[:1].clone()
    far[0, 3] += 1.0
    assert entry.log_prob(inside).value.isfinite()
    assert entry.log_prob(far).value < entry.log_prob(inside).value - 1e3


def test_the_nll_of_new_examples_comes_to_the_entropy_of_the_truth() -> None:
    entry, x = fitted(TRUTH.sample((20_000,))), TRUTH.sample((20_000,))
    # Nine numbers fitted to 20,000 examples cost 9 / 40,000 nats; the mean's own error is √(3/2 / 20,000) = 0.009.
    torch.testing.assert_close(entry.loss(x).mean(), TRUTH.entropy(), rtol=0, atol=0.04)
    # Against the truth on the same examples that error falls out.
    torch.testing.assert_close(entry.loss(x).mean(), -TRUTH.log_prob(x).mean(), rtol=0, atol=0.002)


def test_log_density_inverse_and_jacobian_are_exact() -> None:
    x = TRUTH.sample((30,)).double()
    entry = Gaussian(DataSpec((3,)), width=1).double()
    entry.finish(x)
    law = torch.distributions.MultivariateNormal(x.mean(0), ledoit_wolf_of(x))
    # The ridge, 1e-6 of the mean variance, is felt to as much in a quadratic form of some nats.
    torch.testing.assert_close(entry.log_prob(x).value, law.log_prob(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(entry.decode(entry.encode(x)), x)
    jacobian = torch.autograd.functional.jacobian(lambda v: entry.encode(v[None])[0], x[0])
    log_det = entry.transform(x[:1])[1][0]
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobian).logabsdet)


def test_events_of_any_shape_are_laid_flat() -> None:
    x = TRUTH.sample((100, 2))
    entry = fitted(x)
    assert entry.sample(4).shape == (4, 2, 3)
    torch.testing.assert_close(entry.log_prob(x).value, fitted(x.flatten(1)).log_prob(x.flatten(1)).value)


def test_more_coordinates_than_examples_have_a_density_all_the_same() -> None:
    x = torch.randn(5, 20)
    assert fitted(x).log_prob(torch.randn(3, 20)).value.isfinite().all()


def test_examples_without_a_spread_have_none() -> None:
    with pytest.raises(Diverged, match="mean variance"):
        fitted(torch.ones(10, 3))


def test_what_is_fitted_counts_as_parameters_whatever_the_width() -> None:
    counts = {sum(p.numel() for p in Gaussian(DataSpec((5,)), width=width).parameters()) for width in (1, 64)}
    assert counts == {5 + 15}


def test_triangles_are_packed_and_unpacked() -> None:
    triangles = torch.randn(2, 4, 4).tril()
    assert packed(triangles).shape == (2, 10)
    assert torch.equal(unpacked(packed(triangles), 4), triangles)
