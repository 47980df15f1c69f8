"""What every entry must do, held against a table of constructors."""

import copy
import itertools

import pytest
import torch

from bench.config import Optimiser
from bench.errors import NotApplicable
from bench.models.ae import AE
from bench.models.ae_expost import AEExPost
from bench.models.ae_moment import AEMoment
from bench.models.cnf import CNF
from bench.models.cnf_fast import CNFFast
from bench.models.entry import Entry, HasLatent
from bench.models.flow_matching import FlowMatching
from bench.models.flow_matching_ml import FlowMatchingML
from bench.models.forest_ar import ForestAR
from bench.models.gan import GAN
from bench.models.gaussian import Gaussian
from bench.models.gmm import GMM
from bench.models.gmvae import GMVAE
from bench.models.iwae import IWAE
from bench.models.kde import KDE
from bench.models.m2 import M2
from bench.models.maf import MAF
from bench.models.nsf import NSF
from bench.models.nsf_ar import NSFAR
from bench.models.realnvp import RealNVP
from bench.models.realnvp_paper import RealNVPPaper
from bench.models.svae import SVAE
from bench.models.vae import VAE
from bench.models.vae_flowprior import FlowPriorVAE
from bench.models.vae_iaf import IAFVAE
from bench.models.vae_latent import VAELatent
from bench.models.vae_mean import VAEMean
from bench.models.vampprior import VampPrior
from bench.spec import DataSpec
from tests.models.helpers import assert_budgets_are_met, count, perturbed

ENTRIES: list[type[Entry]] = [
    VAE,
    RealNVP,
    CNF,
    CNFFast,
    FlowMatching,
    FlowMatchingML,
    IWAE,
    VampPrior,
    IAFVAE,
    FlowPriorVAE,
    SVAE,
    VAELatent,
    GMVAE,
    M2,
    VAEMean,
    NSF,
    MAF,
    NSFAR,
    RealNVPPaper,
    Gaussian,
    GMM,
    KDE,
    ForestAR,
]
WITHOUT_DENSITY: list[type[Entry]] = [AE, AEMoment, AEExPost, GAN]
FLOWS: list[type[Entry]] = [
    RealNVP,
    CNF,
    CNFFast,
    FlowMatching,
    FlowMatchingML,
    NSF,
    MAF,
    NSFAR,
    RealNVPPaper,
    Gaussian,
]
COARSE: dict[tuple[type[Entry], int], int] = {(NSF, 784): 250_000, (NSFAR, 64): 40_000, (NSFAR, 784): 500_000}
"""Least budgets of entries whose last hidden units each carry 23 weights for a coordinate, by dimension."""

EVENTS = [(2,), (2, 3), (26,)]
every_entry = pytest.mark.parametrize("cls", ENTRIES)
every_flow = pytest.mark.parametrize("cls", FLOWS)
every_event = pytest.mark.parametrize("event", EVENTS, ids=str)


def told(cls: type[Entry], event: tuple[int, ...]) -> DataSpec:
    """What an entry is told of such events, with labels where it takes them."""
    return DataSpec(event, context_size=3, classes=3) if cls.conditional else DataSpec(event)


def small(cls: type[Entry], event: tuple[int, ...] = (5,)) -> Entry:
    options = {"eval_rtol": 1e-8, "eval_atol": 1e-8} if issubclass(cls, CNF) else {}
    return cls(told(cls, event), width=48, **options)  # type: ignore[arg-type]


@every_entry
@every_event
def test_shapes(cls: type[Entry], event: tuple[int, ...]) -> None:
    entry, x = small(cls, event), torch.randn(4, *event)
    assert entry.loss(x).shape == (4,)
    assert entry.log_prob(x).value.shape == (4,)
    assert entry.sample(3).shape == (3, *event)
    if isinstance(entry, HasLatent):
        assert entry.decode(entry.encode(x)).shape == x.shape


@pytest.mark.parametrize("cls", [cls for cls in ENTRIES if not cls.fitted])
def test_a_gradient_reaches_every_parameter(cls: type[Entry]) -> None:
    entry = small(cls)
    entry.loss(torch.randn(64, 5)).mean().backward()
    for name, parameter in entry.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("cls", [cls for cls in (*ENTRIES, *WITHOUT_DENSITY) if not cls.fitted])
@pytest.mark.parametrize(("dim", "least"), [(2, 20_000), (64, 20_000), (784, 50_000)])
def test_any_budget_is_met_within_two_per_cent(cls: type[Entry], dim: int, least: int) -> None:
    data = told(cls, (dim,))
    assert_budgets_are_met(cls, data, COARSE.get((cls, dim), least), neighbours=20)
    assert count(cls, data, 6_000) > 1_000_000


@every_entry
def test_evaluation_changes_no_state(cls: type[Entry]) -> None:
    entry, x = small(cls).eval(), torch.randn(8, 5)
    before = copy.deepcopy(entry.state_dict())
    with torch.inference_mode():
        entry.log_prob(x), entry.sample(4)
        if isinstance(entry, HasLatent):
            entry.decode(entry.encode(x))
    assert all(torch.equal(before[key], value) for key, value in entry.state_dict().items())


@every_entry
def test_far_points_have_a_finite_density(cls: type[Entry]) -> None:
    entry = perturbed(cls(told(cls, (5,)), width=48))
    x = torch.tensor([0.0, 1e2, -1e2, 1e3, -1e3])[:, None] * torch.ones(5)
    with torch.inference_mode():
        assert torch.isfinite(entry.log_prob(x).value).all()
        assert torch.isfinite(entry.loss(x)).all()


@every_flow
@every_event
def test_log_density_has_the_jacobian_of_encode(cls: type[Entry], event: tuple[int, ...]) -> None:
    entry = perturbed(small(cls, event)).double()
    x = torch.randn(3, *event, dtype=torch.double)
    x.requires_grad_()
    z = entry.encode(x)
    # Examples do not mix, so that one backward pass gives a row of the Jacobian of each of them.
    rows = [torch.autograd.grad(row.sum(), x, retain_graph=True)[0].flatten(1) for row in z.unbind(1)]
    log_det = torch.linalg.slogdet(torch.stack(rows, 1)).logabsdet
    base = torch.distributions.Normal(0, 1).log_prob(z).sum(1)
    # Float64; the solver's local tolerance of 1e-8 sums to less than 1e-6 over its steps.
    torch.testing.assert_close(entry.log_prob(x).value, base + log_det, rtol=0, atol=1e-6)


@every_flow
@every_event
def test_decode_inverts_encode(cls: type[Entry], event: tuple[int, ...]) -> None:
    entry = perturbed(small(cls, event)).double()
    x = torch.randn(6, *event, dtype=torch.double)
    torch.testing.assert_close(entry.decode(entry.encode(x)), x, rtol=0, atol=1e-6)


@every_flow
def test_a_flow_starts_near_the_identity(cls: type[Entry]) -> None:
    entry, x = cls(DataSpec((5,)), width=64), torch.randn(100, 5)
    # Up to the order of coordinates, which a flow may permute.
    z = entry.encode(x)
    # Last layers are 1 % of their usual size, and 8 of them follow each other: a few per cent of x in all.
    assert (z.square().sum(1) - x.square().sum(1)).abs().mean() < 0.5
    if cls is not FlowMatching:  # whose loss is that of a regression
        base = torch.distributions.Normal(0, 1).log_prob(x).sum(1)
        torch.testing.assert_close(-entry.loss(x), base, rtol=0, atol=1.0)


@every_flow
def test_the_density_integrates_to_one(cls: type[Entry]) -> None:
    entry = perturbed(cls(DataSpec((2,)), width=32), 0.1)
    axis = torch.linspace(-8, 8, 201)
    grid = torch.tensor(list(itertools.product(axis.tolist(), axis.tolist())))
    with torch.inference_mode():
        mass = sum(entry.log_prob(part).value.exp().sum() for part in grid.split(40_000)) * 0.08**2
    # The density is smooth on the scale of a cell (0.08): the sum is limited by float32 and the solver's tolerance.
    torch.testing.assert_close(mass, torch.tensor(1.0), rtol=0, atol=1e-3)


@every_flow
def test_an_example_does_not_depend_on_its_batch(cls: type[Entry]) -> None:
    entry, x = perturbed(cls(DataSpec((5,)), width=48)), torch.randn(64, 5)
    x[0] *= 20
    with torch.inference_mode():
        together = entry.log_prob(x).value
        alone = torch.cat([entry.log_prob(example[None]).value for example in x])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("cls", [cls for cls in ENTRIES if not cls.conditional])
def test_data_with_a_context_are_refused(cls: type[Entry]) -> None:
    with pytest.raises(NotApplicable, match="context"):
        cls(DataSpec((5,), context_size=3), width=48)
    with pytest.raises(NotApplicable, match=r"takes no labels: leave data\.labelled null"):
        cls(DataSpec((5,), context_size=3, classes=3), width=48)


@pytest.mark.parametrize(
    ("cls", "options", "steps"),
    [
        (VAE, {}, 500),
        (RealNVP, {"layers": 2}, 150),
        (CNF, {"divergence": "exact"}, 80),
        (FlowMatching, {"width": 160}, 1000),
        (FlowMatching, {"coupling": "optimal_transport"}, 600),
        (FlowMatchingML, {}, 250),
        (VampPrior, {"width": 160}, 300),
        (IAFVAE, {"width": 240}, 400),
        (FlowPriorVAE, {"width": 160, "flow_layers": 2}, 300),
    ],
    ids=[
        "VAE",
        "RealNVP",
        "CNF",
        "FlowMatching",
        "FlowMatching-transport",
        "FlowMatchingML",
        "VampPrior",
        "IAFVAE",
        "FlowPriorVAE",
    ],
)
def test_training_comes_near_a_gaussian(cls: type[Entry], options: dict[str, object], steps: int) -> None:
    """A correlated Gaussian, of two latents and noise, is learned to 0.05 nats in a few short steps."""
    weight = torch.tensor([[1.0, 0.0], [0.8, 0.3], [-0.5, 0.5], [0.2, -1.0]])
    truth = torch.distributions.MultivariateNormal(torch.zeros(4), weight @ weight.T + 0.25 * torch.eye(4))
    entry = cls(DataSpec((4,)), **{"width": 64, **options})  # type: ignore[arg-type]
    trainer = entry.trainer(Optimiser(learning_rate=1e-2))
    for step in range(steps):
        trainer.step(truth.sample((128,)), step / steps)
    x = truth.sample((1000,))
    with torch.inference_mode():
        gap = truth.log_prob(x) - entry.log_prob(x).value
    # 1000 points estimate the mean of this small difference to about 0.01 nats.
    assert -0.02 < gap.mean() < 0.05, gap.mean()
