import itertools

import pytest
import torch
from torch import Tensor, nn

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.cnf import CNF
from bench.models.flow_matching import FlowMatching
from bench.models.parts.matching import independent, matching_loss, optimal_transport, spread_times
from bench.spec import DataSpec
from tests.models.helpers import perturbed

TOY = DataSpec((3,))
MEAN = torch.tensor([1.5, -0.5], dtype=torch.double)
COVARIANCE = torch.tensor([[0.5, 0.3], [0.3, 2.0]], dtype=torch.double)


class Tilted(nn.Module):
    """The field that matches N(MEAN, COVARIANCE), and what its parameters, zero as yet, would add to it.

    With C = (1 - t)² Σ + t² I, the covariance of (1 - t) x + t z, it is the regression of z - x on that point y:
    E[z - x | y] = -μ + (t I - (1 - t) Σ) C⁻¹ (y - (1 - t) μ).
    """

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.zeros(2, 2, dtype=torch.double))
        self.later = nn.Parameter(torch.zeros(2, 2, dtype=torch.double))
        self.constant = nn.Parameter(torch.zeros(2, dtype=torch.double))

    def at_times(self, times: Tensor, y: Tensor) -> Tensor:
        t, eye = times[:, None, None], torch.eye(2, dtype=torch.double)
        gain = (t * eye - (1 - t) * COVARIANCE) @ torch.linalg.inv((1 - t) ** 2 * COVARIANCE + t**2 * eye)
        best = torch.einsum("bij,bj->bi", gain, y - (1 - times)[:, None] * MEAN) - MEAN
        return best + y @ self.matrix + times[:, None] * y @ self.later + self.constant


def at_rest(model: FlowMatching) -> FlowMatching:
    """The model with f = 0."""
    with torch.no_grad():
        for parameter in model.field.parameters():
            parameter.zero_()
    return model


def test_the_matching_field_of_a_gaussian_is_where_the_expected_loss_is_flat() -> None:
    data, field = torch.distributions.MultivariateNormal(MEAN, COVARIANCE), Tilted()
    gradients = []
    for _ in range(100):
        loss = matching_loss(field.at_times, data.sample((1_000,)), independent)
        parts = torch.autograd.grad(loss.mean(), list(field.parameters()))
        gradients.append(torch.cat([part.flatten() for part in parts]))
    mean, error = torch.stack(gradients).mean(0), torch.stack(gradients).std(0) / 10
    # The wrong direction of time, or the other sign of the velocity, tilts the loss by 1 and more.
    assert error.max() < 0.02
    assert (mean.abs() < 5 * error).all()


def test_the_loss_of_a_field_at_rest() -> None:
    """With f = 0 it is -log N(z - x; 0, I): (|x|² + E|z|²) / 2 and the constant of a Gaussian in three dimensions."""
    model, x = at_rest(FlowMatching(TOY, width=6)), torch.tensor([[1.0, -2.0, 0.5]])
    with torch.no_grad():
        losses = model.loss(x.expand(20_000, 3))
    expected = (5.25 + 3) / 2 + 1.5 * torch.log(torch.tensor(2 * torch.pi))
    # Five standard errors.
    assert (losses.mean() - expected).abs() < 5 * losses.std() / 20_000**0.5


def test_optimal_transport_finds_the_cheapest_of_all_pairings() -> None:
    x, z = torch.randn(6, 3), torch.randn(6, 3)
    costs = [(x - z[list(order)]).square().sum() for order in itertools.permutations(range(6))]
    paired = (x - optimal_transport(x, z)).square().sum()
    torch.testing.assert_close(paired, torch.stack(costs).min())
    assert paired < (x - independent(x, z)).square().sum()


def test_optimal_transport_uses_every_draw_once() -> None:
    """A permutation, so that x and z each keep their own law."""
    x, z = torch.randn(256, 5), torch.randn(256, 5)
    paired = optimal_transport(x, z)
    assert not paired.equal(z)
    assert sorted(paired.tolist()) == sorted(z.tolist())


def test_transported_paths_are_shorter_and_vary_less() -> None:
    """Seen in the loss of a field at rest, half of which is the squared length of a path."""
    x, means = 2 * torch.randn(256, 2), []
    for coupling in ("independent", "optimal_transport"):
        model = at_rest(FlowMatching(DataSpec((2,)), width=6, coupling=coupling))  # type: ignore[arg-type]
        means.append(model.loss(x).mean())
    # Independent pairs lie |x|² + |z|² = 10 apart in the mean, the best ones a tenth of that.
    assert means[1] < means[0] - 2


def test_times_are_spread_evenly_and_uniform_each_by_itself() -> None:
    n, repeats = 8, 4_000
    times = torch.stack([spread_times(torch.empty(n, 3)) for _ in range(repeats)])
    assert times.min() >= 0
    assert times.max() < 1
    gaps = times.sort(1).values.diff(dim=1)
    torch.testing.assert_close(gaps, torch.full_like(gaps, 1 / n))
    # A uniform variable's mean is known to sqrt(1 / 12 / repeats) = 0.005, its mean square to about as much.
    torch.testing.assert_close(times.mean(0), torch.full((n,), 0.5), rtol=0, atol=0.025)
    torch.testing.assert_close(times.square().mean(0), torch.full((n,), 1 / 3), rtol=0, atol=0.025)


def test_its_weights_are_those_of_cnf() -> None:
    model, other, x = perturbed(FlowMatching(TOY, width=24)), CNF(TOY, width=24), torch.randn(8, 3)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        found = model.log_prob(x)
        assert found.estimator == other.log_prob(x).estimator
        torch.testing.assert_close(found.value, other.log_prob(x).value)


def test_a_step_evaluates_the_field_once() -> None:
    model = FlowMatching(TOY, width=24)
    model.trainer(Optimiser()).step(torch.randn(16, 3), 0.5)
    assert model.nfe == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coupling": "optimal"}, r"unknown coupling 'optimal' in model\.coupling; did you mean optimal_transport"),
        ({"eval_rtol": 0.0}, "eval_rtol=0.0"),
        ({"input_gain": -1.0}, "input_gain=-1.0"),
        ({"width": 0}, "width=0"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        FlowMatching(TOY, **{"width": 8, **options})  # type: ignore[arg-type]
