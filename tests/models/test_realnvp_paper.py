import copy

import pytest
import torch
from torch import nn

from bench.config import Optimiser
from bench.errors import BenchError, NotApplicable
from bench.models.parts.networks import ResidualNet
from bench.models.realnvp_paper import EPSILON, MOMENTUM, BatchNorm, MaskedCoupling, RealNVPPaper, weight_normalised
from bench.spec import DataSpec
from tests.models.helpers import perturbed

X = torch.randn(256, 5, generator=torch.Generator().manual_seed(1)) * torch.tensor([3.0, 1.0, 0.2, 1.0, 2.0]) + 1


def trained(dim: int = 5, steps: int = 10) -> RealNVPPaper:
    """A flow whose averages and weights have moved."""
    entry = perturbed(RealNVPPaper(DataSpec((dim,)), width=48, layers=3))
    trainer = entry.trainer(Optimiser())
    for step in range(steps):
        trainer.step(X[:, :dim], step / steps)
    return entry


def test_averages_are_moved_by_a_batch_and_normalise_it() -> None:
    norm = BatchNorm(5)
    y, log_det = norm.learn(X)
    mean = (1 - MOMENTUM) * X.mean(0)
    variance = MOMENTUM + (1 - MOMENTUM) * X.var(0, correction=0)
    torch.testing.assert_close(norm.mean, mean)
    torch.testing.assert_close(norm.variance, variance)
    torch.testing.assert_close(y, (X - mean) / (variance + EPSILON).sqrt())
    torch.testing.assert_close(log_det, -0.5 * torch.log(variance + EPSILON).sum().expand(256))
    # What was learned is what the fixed map applies: training and evaluation agree on the batch just seen.
    for learnt, fixed in zip((y, log_det), norm(X), strict=True):
        torch.testing.assert_close(learnt, fixed)


def test_averages_come_to_the_moments_of_the_data() -> None:
    norm = BatchNorm(5)
    for _ in range(200):
        norm.learn(X)
    y, _ = norm(X)
    # 0.9²⁰⁰ is 1e-9; the smallest variance, 0.04, loses a part in 400 to epsilon.
    torch.testing.assert_close(y.mean(0), torch.zeros(5), rtol=0, atol=1e-4)
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(5), rtol=0, atol=5e-3)


def test_the_fixed_map_has_its_inverse_and_log_determinant_from_the_start() -> None:
    new, moved = BatchNorm(5).double(), BatchNorm(5).double()
    moved.learn(X.double())
    for norm in (new, moved):
        y, log_det = norm(X.double())
        back, inverse_log_det = norm.inverse(y)
        torch.testing.assert_close(back, X.double())
        torch.testing.assert_close(inverse_log_det, -log_det)
        jacobian = torch.autograd.functional.jacobian(lambda v, norm=norm: norm(v[None])[0][0], X[0].double())
        torch.testing.assert_close(log_det[0], torch.linalg.slogdet(jacobian).logabsdet)
    # Averages that started at a variance of 0 would make a new map blow up by 1 / √ε.
    torch.testing.assert_close(new(X.double())[0], X.double(), rtol=1e-3, atol=0)


def test_gradients_pass_through_the_moments_of_the_batch_alone() -> None:
    norm, x = BatchNorm(2), torch.randn(4, 2, requires_grad=True)
    norm.learn(torch.randn(4, 2, requires_grad=True))
    y, _ = norm.learn(x)
    (gradient,) = torch.autograd.grad(y[0, 0], x)
    assert (gradient[:, 0] != 0).all()
    assert (gradient[:, 1] == 0).all()
    assert not norm.mean.requires_grad


def test_a_batch_of_one_has_a_finite_loss() -> None:
    entry = RealNVPPaper(DataSpec((5,)), width=48)
    assert entry.loss(X[:1]).isfinite().all()


def test_only_the_training_loss_moves_the_averages_and_sees_the_batch() -> None:
    entry = trained()
    before = copy.deepcopy(entry.state_dict())
    for mode in (True, False):
        entry.train(mode)
        together = entry.log_prob(X).value
        torch.testing.assert_close(entry.log_prob(X[:1]).value, together[:1], rtol=1e-5, atol=1e-5)
        entry.encode(X), entry.decode(X), entry.sample(3)
    entry.loss(X)
    assert all(torch.equal(value, before[name]) for name, value in entry.state_dict().items())
    entry.train()
    first = entry.loss(X)[0]
    entry.load_state_dict(before)
    crowded = torch.cat([X[:1], X + 5])
    assert (entry.loss(crowded)[0] - first).abs() > 1e-3
    moved = {name for name, value in entry.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if name.endswith(("mean", "variance"))}


def test_training_and_evaluation_agree_once_the_averages_stand() -> None:
    entry = trained()
    with torch.no_grad():
        for _ in range(300):
            loss = entry.loss(X)
        torch.testing.assert_close(loss, entry.eval().loss(X), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dim", [2, 5])
def test_log_density_and_inverse_are_exact_with_averages_that_moved(dim: int) -> None:
    entry = trained(dim).double()
    x = X[:4, :dim].double()
    z = entry.encode(x)
    base = torch.distributions.Normal(0, 1).log_prob(z).sum(1)
    for example, log_density, log_base in zip(x, entry.log_prob(x).value, base, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: entry.encode(v[None])[0], example)
        torch.testing.assert_close(log_density, log_base + torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(entry.decode(z), x)


@pytest.mark.parametrize("parity", [0, 1])
def test_a_coupling_keeps_every_second_coordinate_and_its_scale_is_bounded(parity: int) -> None:
    coupling = MaskedCoupling(5, parity, [6, 6])
    y, log_det = coupling(X)
    assert (log_det == 0).all()
    with torch.no_grad():
        coupling.scale.fill_(0.7)
        coupling.net.last[-1].bias.fill_(1e6)
    y, log_det = coupling(X)
    assert torch.equal(y[:, parity::2], X[:, parity::2])
    assert (y[:, 1 - parity :: 2] != X[:, 1 - parity :: 2]).all()
    torch.testing.assert_close(log_det, torch.full((256,), 0.7 * len(range(1 - parity, 5, 2))))


def test_weights_are_a_scale_times_a_direction_and_start_as_they_were() -> None:
    torch.manual_seed(3)
    plain = ResidualNet(3, [4, 1], 2)
    torch.manual_seed(3)
    net = weight_normalised(ResidualNet(3, [4, 1], 2))
    torch.testing.assert_close(net(X[:, :3]), plain(X[:, :3]))
    _, direction = net.first.parametrizations.weight.parameters()
    torch.testing.assert_close(direction.norm(dim=1), torch.ones(4))
    with torch.no_grad():
        direction.mul_(7)
    torch.testing.assert_close(net(X[:, :3]), plain(X[:, :3]))
    # The second layer of the block reads one unit: its direction could not learn.
    assert sum(hasattr(m, "parametrizations") for m in net.modules() if isinstance(m, nn.Linear)) == 3


def test_the_decay_is_of_the_scales_and_of_all_of_them() -> None:
    entry = trained()
    trainer = entry.trainer(Optimiser())
    entry.eval()
    penalty = trainer.objective(X) - entry.loss(X).mean()  # type: ignore[attr-defined]
    squares = sum(
        layer.parametrizations.weight.original0.square().sum()
        for layer in entry.modules()
        if isinstance(layer, nn.Linear) and hasattr(layer, "parametrizations")
    )
    squares = squares + sum(m.scale.square() for m in entry.modules() if isinstance(m, MaskedCoupling))
    # A difference of float32 losses of some ten nats.
    torch.testing.assert_close(penalty, 5e-5 * squares, rtol=0, atol=1e-5)
    assert penalty > 1e-4


def test_one_coordinate_and_bad_options_are_named() -> None:
    with pytest.raises(NotApplicable, match="at least 2"):
        RealNVPPaper(DataSpec((1,)), width=8)
    with pytest.raises(BenchError, match="layers=0"):
        RealNVPPaper(DataSpec((2,)), width=8, layers=0)
