import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.laws.vmf import LARGEST_CONCENTRATION, VonMisesFisher
from bench.models.parts.importance import iwae
from bench.models.svae import SVAE
from bench.spec import DataSpec
from tests.models.helpers import perturbed

CONTINUOUS = DataSpec((4,))
BINARY = DataSpec((6,), kind="binary")


def svae(latent_size: int = 2, data: DataSpec = CONTINUOUS, scale: float = 0.2, **options: Any) -> SVAE:
    return perturbed(SVAE(data, width=40, latent_size=latent_size, **options), scale)


@pytest.mark.parametrize("latent_size", [1, 2, 10])
@pytest.mark.parametrize("data", [CONTINUOUS, BINARY], ids=["gaussian", "bernoulli"])
def test_loss_is_minus_the_mean_log_weight(data: DataSpec, latent_size: int) -> None:
    entry, draws = svae(latent_size, data), 20_000
    x = (torch.randn(1, data.dim) > 0).float() if data.kind == "binary" else torch.randn(1, data.dim)
    with torch.no_grad():
        loss = entry.loss(x.expand(draws, data.dim))
        log_weights = entry.log_weights(x, draws)[:, 0]
    error = ((loss.var() + log_weights.var()) / draws).sqrt()
    assert (loss.mean() + log_weights.mean()).abs() < 5 * error


def test_bounds_tighten_with_samples() -> None:
    entry, x = svae(3), torch.randn(500, 4)
    with torch.no_grad():
        elbo = -entry.loss(x).mean()
        ten, hundred = (iwae(entry.log_weights(x, samples)).value.mean() for samples in (10, 100))
    assert elbo < ten < hundred


def circle(radius: float, points: int = 4000) -> Tensor:
    angle = torch.arange(points) * 2 * math.pi / points
    return radius * torch.stack([torch.cos(angle), torch.sin(angle)], -1)


def test_log_weights_average_to_the_density_on_the_circle() -> None:
    """p(x) is the mean of p(x | z) over all angles of S¹."""
    entry = svae(1, scale=0.1)
    with torch.no_grad():
        # Wide posteriors and decoders: the weights then have a small variance.
        entry.encoder.concentration_head.bias -= 4.0
        entry.decoder.scale_head.linear.bias += 2.0
        x, z = torch.randn(20, 4), circle(entry.radius)
        fit = entry.decoder.log_prob(x, z[:, None].expand(len(z), 20, 2))
        log_density = torch.logsumexp(fit.double(), 0) - math.log(len(z))
        result = iwae(entry.log_weights(x, 4000))
        assert result.standard_error is not None
        # Twenty nearly standard normal errors.
        assert ((result.value - log_density) / result.standard_error).abs().max() < 4.5


class Exponential(nn.Module):
    """log p(x | z) = x · z, up to what does not depend on z."""

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        return (x * z).sum(-1)


class Exact(nn.Module):
    """Its posterior under a uniform prior on the sphere of that radius."""

    def __init__(self, radius: float) -> None:
        super().__init__()
        self.radius = radius

    def forward(self, x: Tensor) -> VonMisesFisher:
        return VonMisesFisher(nn.functional.normalize(x, dim=-1), x.norm(dim=-1) * self.radius, self.radius)


def test_weights_are_constant_where_the_posterior_is_the_true_one() -> None:
    """Every weight is then the mean of exp(x · z) under the prior: sinh k / k on S², with k = |x| radius."""
    entry = SVAE(DataSpec((3,)), width=8, latent_size=2)
    entry.encoder, entry.decoder = Exact(entry.radius), Exponential()  # type: ignore[assignment]
    x = torch.randn(5, 3)
    k = x.norm(dim=-1) * entry.radius
    # 32-bit rounding of x · z, of a size of up to 10.
    torch.testing.assert_close(entry.log_weights(x, 3), torch.log(torch.sinh(k) / k).expand(3, 5), rtol=0, atol=1e-5)


def test_the_latent_size_is_the_dimension_of_the_sphere() -> None:
    entry, x = svae(5), torch.randn(7, 4)
    z, log_q = entry.posterior(x).draw(3)
    assert (z.shape, log_q.shape) == ((3, 7, 6), (3, 7))
    torch.testing.assert_close(z.square().mean(-1), torch.ones(3, 7))
    assert entry.encode(x).shape == (7, 6)


def test_the_prior_has_variance_one_a_coordinate() -> None:
    entry = svae(4)
    z = entry.prior_sample(50_000)
    torch.testing.assert_close(z.T.cov(), torch.eye(5), rtol=0, atol=0.03)
    on, off = entry.log_prior(z), entry.log_prior(1.01 * z)
    # The sphere S⁴ of radius r has the area 8 π² r⁴ / 3, and r² is 5 here.
    torch.testing.assert_close(on, torch.full_like(on, -math.log(8 * math.pi**2 / 3 * 25)))
    assert (off == -torch.inf).all()


def test_decoding_takes_the_nearest_point_of_the_sphere() -> None:
    entry, z = svae(2), torch.randn(20, 3)
    with torch.no_grad():
        torch.testing.assert_close(entry.decode(z), entry.decode(50 * z))
        assert torch.isfinite(entry.decode(torch.zeros(1, 3))).all()


def test_encode_is_the_mean_of_the_draws() -> None:
    entry, x = svae(3), torch.randn(6, 4)
    with torch.no_grad():
        z, _ = entry.posterior(x).draw(20_000)
        torch.testing.assert_close(entry.encode(x), z.mean(0), rtol=0, atol=0.04)


def test_concentrations_are_bounded_however_far_an_example_lies() -> None:
    entry = svae(2)
    q = entry.posterior(torch.tensor([[0.0] * 4, [1e8] * 4, [-1e8] * 4]))
    assert (q.concentration >= 1).all()
    assert (q.concentration <= LARGEST_CONCENTRATION).all()
    assert torch.isfinite(entry.loss(torch.tensor([[1e4] * 4, [-1e4] * 4]))).all()


def test_a_poisoned_encoder_is_named() -> None:
    entry = svae(2)
    with torch.no_grad():
        entry.encoder.concentration_head.bias.fill_(math.nan)
    with pytest.raises(Diverged, match="concentration is nan"):
        entry.loss(torch.randn(2, 4))


def test_a_circle_is_learned() -> None:
    """Points of a noisy circle: its angle is the latent, and S¹ has the right topology."""
    angle = 2 * math.pi * torch.rand(2000)
    x = torch.stack([torch.cos(angle), torch.sin(angle)], -1) + 0.1 * torch.randn(2000, 2)
    entry = SVAE(DataSpec((2,)), width=200, latent_size=1, kl_warmup=0.2)
    trainer = entry.trainer(Optimiser(learning_rate=1e-2))
    for step in range(300):
        trainer.step(x[torch.randint(2000, (128,))], step / 300)
    # log p(x) of a uniform angle and noise 0.1, by quadrature over the angle.
    true = torch.logsumexp(-(x[:200, None] - circle(1.0, 2000)).square().sum(-1).double() / 0.02, 1)
    true = (true - math.log(2000 * 2 * math.pi * 0.01)).mean()
    with torch.no_grad():
        got = iwae(entry.log_weights(x[:200], 100)).value.double().mean()
    assert -0.02 < float(true - got) < 0.15


BAD: list[dict[str, Any]] = [
    {"latent_size": 0},
    {"width": 0},
    {"shape": [1, 0]},
    {"activation": "tahn"},
    {"samples": 0},
    {"beta": -1.0},
    {"kl_warmup": 1.5},
]


@pytest.mark.parametrize("option", BAD, ids=str)
def test_bad_options_are_named(option: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=next(iter(option))):
        SVAE(CONTINUOUS, **{"width": 8, **option})


class ReadBack(TorchDispatchMode):
    """Notes what reads a number back from a device, and what copies between devices."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, name = func(*args, **(kwargs or {})), func.overloadpacket.__name__
        devices = {leaf.device for leaf in tree_leaves((args, result)) if isinstance(leaf, Tensor)}
        if name in {"_local_scalar_dense", "nonzero", "masked_select"} or len(devices) > 1:
            self.waits.append(name)
        return result


class Literals(TorchFunctionMode):
    """Notes what makes a tensor of Python's numbers, which is copied to its device."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in {torch.tensor, torch.as_tensor, torch.from_numpy, Tensor.new_tensor}:
            self.waits.append(func.__name__)
        return func(*args, **(kwargs or {}))


@contextmanager
def noted_waits() -> Iterator[list[str]]:
    """Operations inside that on a GPU would make the host wait for it."""
    waits: list[str] = []
    with ReadBack(waits), Literals(waits):
        yield waits


def test_a_step_waits_for_no_device() -> None:
    """On torch's meta device, which has shapes and no numbers; the first step may copy constants there."""
    entry, x = SVAE(CONTINUOUS, width=40, latent_size=3, samples=2).to("meta"), torch.randn(8, 4, device="meta")
    entry.loss(x).mean().backward()
    with noted_waits() as waits:
        entry.loss(x).mean().backward()
    assert waits == []


@pytest.mark.parametrize(
    ("name", "waiting"),
    [
        ("_local_scalar_dense", lambda: torch.ones(()).item()),
        ("_local_scalar_dense", lambda: bool(torch.ones(3).all())),
        ("tensor", lambda: torch.tensor([1.0], device="meta")),
        ("_to_copy", lambda: torch.ones(1).to("meta")),
    ],
)
def test_waiting_would_be_noticed(name: str, waiting: Callable[[], object]) -> None:
    with noted_waits() as waits:
        waiting()
    assert name in waits


def test_on_a_device_a_concentration_out_of_range_is_not_a_number() -> None:
    """Pretended on the meta device: the law is built, where on a CPU it is refused."""
    concentration = torch.full((2,), math.nan)
    with pytest.raises(Diverged):
        VonMisesFisher(torch.ones(2, 3), concentration)
    assert VonMisesFisher(torch.ones(2, 3, device="meta"), concentration.to("meta")).concentration.shape == (2,)
