"""The continuous flow of pictures: its probed density against the exact one, its training, its mistakes."""

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.metrics.solver import solver_errors
from bench.models.cnf_conv import CNFConv
from bench.spec import DataSpec
from tests.models.helpers import perturbed

SHAPE = (1, 4, 4)
DATA = DataSpec(SHAPE, image_shape=SHAPE)


def small(**options: object) -> CNFConv:
    torch.manual_seed(0)
    return perturbed(CNFConv(DATA, width=8, **options), 0.1)  # type: ignore[arg-type]


def test_probes_average_to_the_exact_trace_and_say_their_error() -> None:
    probed, exact, x = small(probes=4), small(probes=0), torch.randn(256, *SHAPE)
    with torch.no_grad():
        estimate, truth = probed.log_prob(x), exact.log_prob(x)
    assert (estimate.estimator, truth.estimator) == ("ode-hutchinson-4(rtol=0.0001)", "ode-exact(rtol=0.0001)")
    assert not estimate.is_bound
    assert truth.standard_error is None
    assert estimate.standard_error is not None
    gap, error = estimate.value - truth.value, estimate.standard_error
    assert error.min() > 0
    # Of 256 independent errors: the mean within four of its own, and squares as large as they say, within a third.
    assert abs(gap.mean()) < 4 * (error.square().mean() / 256) ** 0.5
    assert gap.square().mean() / error.square().mean() == pytest.approx(1, abs=0.35)


def test_the_density_is_that_of_the_jacobian() -> None:
    flow = small(probes=0, eval_rtol=1e-7, eval_atol=1e-7).double()
    x = torch.randn(2, *SHAPE, dtype=torch.double)
    z = flow.encode(x)
    jacobians = [torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], each) for each in x]
    log_det = torch.stack([torch.linalg.slogdet(each.flatten(1)).logabsdet for each in jacobians])
    expected = torch.distributions.Normal(0, 1).log_prob(z).sum(1) + log_det
    torch.testing.assert_close(flow.log_prob(x).value, expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(flow.decode(z), x, atol=1e-4, rtol=0)


def test_training_by_one_probe_is_unbiased() -> None:
    flow, x = small(rtol=1e-5, atol=1e-5), torch.randn(1, *SHAPE)
    with torch.no_grad():
        losses = torch.cat([flow.loss(x.expand(200, *SHAPE)) for _ in range(2)])
        truth = -small(probes=0).log_prob(x).value
    assert abs(losses.mean() - truth) < 4 * losses.std() / 20


@pytest.mark.parametrize("options", [{}, {"adjoint": True}, {"kinetic": 0.1, "jacobian": 0.1}])
def test_a_step_moves_every_parameter(options: dict[str, object]) -> None:
    flow = small(**options)
    before = {name: value.clone() for name, value in flow.named_parameters()}
    assert torch.isfinite(flow.trainer(Optimiser()).step(torch.randn(16, *SHAPE), 0.1))
    assert all(not torch.equal(before[name], value) for name, value in flow.named_parameters())


def test_the_solvers_error_is_not_the_probes() -> None:
    """Both solves draw the same probes: what differs is the solver, far below the noise of a trace."""
    flow, x = small(), torch.randn(40, *SHAPE)
    assert flow.reference_examples == 16
    assert abs(solver_errors(flow, x)["solver_error_nats"]) < 1e-3 < float(flow.log_prob(x).standard_error.mean())  # type: ignore[union-attr]


def test_mistakes_are_named() -> None:
    with pytest.raises(BenchError, match=r"model\.probes=1: give at least 2"):
        small(probes=1)
    with pytest.raises(BenchError, match=r"did you mean .*dopri5"):
        small(solver="dopri4")
