import math

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.ae_moment import SHRINKAGE, AEMoment, kernel_discrepancy, moment_divergence, multiquadratic
from bench.spec import DataSpec

DATA = DataSpec((4,))


def white(n: int, latent: int) -> torch.Tensor:
    """Codes whose mean is 0 and whose covariance is I, exactly."""
    z = torch.randn(n, latent, dtype=torch.double)
    z = z - z.mean(0)
    return z @ torch.linalg.inv(torch.linalg.cholesky(z.T @ z / n)).T


def test_the_moment_penalty_and_its_gradient_are_zero_on_a_whitened_batch() -> None:
    z = white(64, 3).requires_grad_()
    penalty = moment_divergence(z)
    penalty.backward()
    torch.testing.assert_close(penalty, torch.zeros((), dtype=torch.double))
    torch.testing.assert_close(z.grad, torch.zeros_like(z))


def test_the_moment_penalty_is_the_divergence_of_gaussians() -> None:
    shift, mix = torch.tensor([0.5, -1.0, 0.0]), torch.tensor([[2.0, 0.0, 0.0], [0.3, 0.7, 0.0], [-0.5, 0.1, 1.1]])
    z = white(64, 3).float() @ mix.T + shift
    covariance = torch.lerp(mix @ mix.T, torch.eye(3), SHRINKAGE)
    law = torch.distributions.MultivariateNormal(shift, covariance)
    target = torch.distributions.MultivariateNormal(torch.zeros(3), torch.eye(3))
    torch.testing.assert_close(moment_divergence(z), torch.distributions.kl_divergence(law, target))


def test_the_moment_penalty_of_exactly_normal_codes_is_its_bias() -> None:
    n, latent = 256, 16
    values = torch.stack([moment_divergence(torch.randn(n, latent)) for _ in range(200)])
    # 0.297 nats; five standard errors are 0.013, and terms of higher order in latent / n add 0.007.
    assert float(values.mean()) == pytest.approx((latent**2 + 3 * latent) / (4 * n), abs=0.02)


def test_the_moment_penalty_has_the_right_gradient() -> None:
    z = torch.randn(6, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(moment_divergence, z)


@pytest.mark.parametrize("z", [torch.zeros(1, 5), torch.ones(64, 5), torch.randn(3, 5)], ids=["one", "same", "few"])
def test_the_moment_penalty_of_singular_batches_is_finite(z: torch.Tensor) -> None:
    z.requires_grad_()
    penalty = moment_divergence(z)
    penalty.backward()
    assert penalty.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_the_discrepancy_is_unbiased_where_codes_are_normal_and_large_where_they_are_not() -> None:
    values = torch.stack([kernel_discrepancy(torch.randn(40, 3)) for _ in range(400)])
    # Zero within five standard errors of the mean: some values are negative.
    assert values.mean().abs() < 5 * values.std() / math.sqrt(400)
    assert kernel_discrepancy(torch.randn(40, 3) + 2) > 10 * values.std()


def test_the_discrepancy_is_what_its_definition_says() -> None:
    z = torch.randn(5, 3)
    torch.manual_seed(2)
    got = kernel_discrepancy(z)
    torch.manual_seed(2)
    draws = torch.randn(5, 3)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> float:
        return 6 / (6 + float((a - b).square().sum()))

    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    own = sum(kernel(z[i], z[j]) + kernel(draws[i], draws[j]) for i, j in pairs) / 20
    crossed = sum(kernel(a, b) for a in z for b in draws) / 25
    torch.testing.assert_close(got, torch.tensor(own - 2 * crossed))


def test_the_kernel_has_a_gradient_at_equal_points() -> None:
    z = torch.zeros(3, 2, requires_grad=True)
    multiquadratic(z, z, 4).sum().backward()
    assert torch.equal(z.grad, torch.zeros(3, 2))


@pytest.mark.parametrize("penalty", ["moment", "mmd"])
def test_training_brings_codes_to_the_prior(penalty: str) -> None:
    x = torch.randn(2000, 4) * torch.tensor([3.0, 1.0, 1.0, 0.5]) + 2
    gaps = []
    for weight in (0.0, None):
        torch.manual_seed(0)
        model = AEMoment(DATA, width=64, latent_size=2, penalty=penalty, weight=weight)  # type: ignore[arg-type]
        trainer = model.trainer(Optimiser(learning_rate=1e-2))
        for step in range(100):
            trainer.step(x[torch.randint(2000, (128,))], step / 100)
        with torch.no_grad():
            gaps.append(moment_divergence(model.encode(x)))
    # Without a penalty some nats; a sampling error of 128 codes is 0.02.
    assert gaps[0] > 0.5
    assert gaps[1] < 0.1


def test_the_penalty_is_weighed_and_stands_in_the_step_alone() -> None:
    model, x = AEMoment(DATA, width=32, latent_size=2, weight=3.0), torch.randn(64, 4)
    expected = model.loss(x).mean() + 3 * moment_divergence(model.encode(x))
    torch.testing.assert_close(model.trainer(Optimiser()).step(x, 0.5), expected.detach())


@pytest.mark.parametrize(
    ("option", "value"), [("penalty", "moments"), ("weight", -1.0), ("weight", math.nan), ("weight", math.inf)]
)
def test_bad_options_are_named(option: str, value: object) -> None:
    with pytest.raises(BenchError, match=option):
        AEMoment(DATA, width=8, **{option: value})  # type: ignore[arg-type]


def test_a_batch_of_one_has_no_pairs() -> None:
    with pytest.raises(BenchError, match="batch_size=1"):
        kernel_discrepancy(torch.randn(1, 3))


def test_batches_of_one_are_refused_before_training_where_pairs_are_compared() -> None:
    AEMoment(DATA, width=8).check_training(batch_size=1, finish_examples=0)
    pairs = AEMoment(DATA, width=8, penalty="mmd")
    pairs.check_training(batch_size=2, finish_examples=0)
    with pytest.raises(BenchError, match="batch_size=1"):
        pairs.check_training(batch_size=1, finish_examples=0)
