"""Every latent-variable entry on data of known density: its bounds, its own likelihood by quadrature, and the truth."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from bench.config import Optimiser
from bench.contract.testbed import train_briefly, with_labels
from bench.data.linear_gaussian import LinearGaussian
from bench.laws.gaussian import gaussian_log_prob, standard_normal_log_prob
from bench.models.gmvae import GMVAE
from bench.models.iwae import IWAE
from bench.models.m2 import M2
from bench.models.parts.coders import LOG_SCALE_BOUND, FullEncoder, GaussianDecoder
from bench.models.parts.importance import iwae
from bench.models.svae import SVAE
from bench.models.vae import VAE
from bench.models.vae_flowprior import FlowPriorVAE
from bench.models.vae_iaf import IAFVAE
from bench.models.vae_latent import VAELatent
from bench.models.vae_mean import VAEMean
from bench.models.vampprior import VampPrior
from bench.spec import DataSpec
from tests import oracle

SPEC = DataSpec((4,))
WEIGHT = torch.tensor([[1.0, 0.5], [0.8, 0.6], [0.5, 0.9], [0.0, 1.2]], dtype=torch.double)
TRUTH = LinearGaussian(WEIGHT, noise=0.5)
SIZES = (1, 5, 50, 500)

LEVEL = 4.5
"""Standard errors before a difference counts."""

Nodes = tuple[Tensor, Tensor]
"""`(nodes, inputs)` points as the decoder reads them, and `(nodes,)` logarithms of the prior's mass around each."""


def square(reach: float, points: int = 160) -> tuple[Tensor, float]:
    """Middles of the cells of a lattice on [-reach, reach]², and the logarithm of a cell's area."""
    cell = 2 * reach / points
    axis = -reach + cell * (torch.arange(points) + 0.5)
    return torch.cartesian_prod(axis, axis), 2 * math.log(cell)


def plane(entry: Any, reach: float = 8.0) -> Nodes:
    z, log_area = square(reach)
    return z, entry.log_prior(z[None])[0] + log_area


def support_of_uniform(entry: VAELatent) -> Nodes:
    return plane(entry, math.sqrt(3))


def positive_quadrant(entry: VAELatent) -> Nodes:
    """Of Gamma(1, 1), which standardised begins at -1."""
    z, log_area = square(6.0)
    return z + 5, entry.log_prior(z[None] + 5)[0] + log_area


def triangle(entry: VAELatent) -> Nodes:
    """Points of equal mass on the simplex of three coordinates, from two uniform ones."""
    u, v = (0.5 + 0.5 * square(1.0)[0]).T
    root = u.sqrt()
    y = torch.stack([1 - root, root * (1 - v), root * v], 1)
    return (y - entry.shift) / entry.scale, torch.full((len(y),), -math.log(len(y)))


def sphere(entry: SVAE, points: int = 160) -> Nodes:
    """Cells of equal area on S²: equal steps of height and of angle (Archimedes)."""
    height = -1 + 2 / points * (torch.arange(points) + 0.5)
    angle = math.pi / points * (torch.arange(2 * points) + 0.5)
    up, around = torch.cartesian_prod(height, angle).T
    flat = torch.sqrt(1 - up.square())
    z = entry.radius * torch.stack([flat * torch.cos(around), flat * torch.sin(around), up], 1)
    return z, torch.full((len(z),), -math.log(len(z)))


def plane_of_each_class(entry: M2) -> Nodes:
    z, log_area = square(8.0)
    points = [torch.cat([z, code.expand(len(z), -1)], 1) for code in entry.codes]
    return torch.cat(points), (standard_normal_log_prob(z) + log_area - math.log(2)).repeat(2)


@dataclass(frozen=True)
class Case:
    """An entry, its options, the nodes of its latent, and what it may miss of the truth's log-likelihood, nats.

    A latent that is not Gaussian misses 0.1 to 0.25; one that says nothing of x would miss 1.3.
    """

    cls: type[Any]
    options: dict[str, Any] = field(default_factory=dict)
    nodes: Callable[[Any], Nodes] = plane
    miss: float = 0.4
    spec: DataSpec = SPEC


CASES = {
    "vae": Case(VAE),
    "vae-full": Case(VAE, {"posterior": "full"}),
    # Its decoder meets no z away from a mean.
    "vae_mean": Case(VAEMean, miss=5.0),
    "laplace": Case(VAELatent, {"law": "laplace"}),
    # Without a warm-up a coordinate stays unused.
    "uniform": Case(VAELatent, {"law": "uniform", "kl_warmup": 0.5}, support_of_uniform),
    "student_t": Case(VAELatent, {"law": "student_t"}),
    "logistic": Case(VAELatent, {"law": "logistic"}),
    "gumbel": Case(VAELatent, {"law": "gumbel"}),
    "gamma": Case(VAELatent, {"law": "gamma"}, positive_quadrant),
    "dirichlet": Case(VAELatent, {"law": "dirichlet", "latent_size": 3}, triangle),
    "svae": Case(SVAE, nodes=sphere),
    "iwae": Case(IWAE),
    "vampprior": Case(VampPrior),
    "vae_iaf": Case(IAFVAE),
    "vae_flowprior": Case(FlowPriorVAE),
    "gmvae": Case(GMVAE),
    "m2": Case(M2, nodes=plane_of_each_class, spec=with_labels(SPEC)),
}


def log_marginal(entry: Any, nodes: Nodes, x: Tensor) -> Tensor:
    """log ∫ p(x | z) p(z) dz of each example, summed over nodes."""
    points, log_mass = nodes
    mean, log_scale = (part[:, None] for part in entry.decoder(points))
    parts = [gaussian_log_prob(some, mean, log_scale) + log_mass[:, None] for some in x.split(50)]
    return torch.cat([torch.logsumexp(part, 0) for part in parts])


def bound(entry: Any, x: Tensor, samples: int) -> Tensor:
    """IWAE-K of each example, the mean over as many repetitions as make 500 draws, none shared with another K."""
    return torch.stack([iwae(entry.log_weights(x, samples)).value for _ in range(SIZES[-1] // samples)]).mean(0)


def level(difference: Tensor) -> float:
    """Its mean in paired standard errors, examples and importance samples counted in."""
    return float(difference.mean() / difference.std() * math.sqrt(len(difference)))


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_bounds_rise_to_the_entrys_own_likelihood_which_lies_below_the_truths(name: str) -> None:
    case, generator = CASES[name], torch.Generator().manual_seed(0)
    data, x = TRUTH.sample(4096, generator), TRUTH.sample(300, generator)
    entry = case.cls(case.spec, width=160, **{"latent_size": 2} | case.options)
    train_briefly(entry, entry.trainer(Optimiser(learning_rate=1e-2)), data, steps=400)
    entry.eval()
    with torch.no_grad():
        nodes = case.nodes(entry)
        own, truth = log_marginal(entry, nodes, x), TRUTH.log_prob(x)
        bounds = [bound(entry, x, samples) for samples in SIZES]
    # A cell of 0.1 takes 0.1 % off each kink of a Laplace prior.
    assert float(nodes[1].exp().sum()) == pytest.approx(1, abs=5e-3)
    # Gibbs: over draws of the truth no density has a greater mean logarithm, and no bound of one.
    assert all(level(value - truth) < LEVEL for value in (own, *bounds))
    assert (truth - own).mean() < case.miss
    assert all(level(more - fewer) > -LEVEL for fewer, more in itertools.pairwise(bounds))
    assert level(bounds[-1] - bounds[0]) > LEVEL
    # Two-sided: none lies above the entry's own likelihood, and the last is five times as near as the first.
    assert all(level(value - own) < LEVEL for value in bounds)
    assert (own - bounds[-1]).mean() < (own - bounds[0]).mean() / 5


def exact(covariance: Tensor) -> VAE:
    """A VAE whose weights say that p(x, z) is the truth's, and q(z | x) the posterior but of this covariance.

    relu(a) - relu(-a) = a: four hidden units in two pairs make a net linear.
    """
    entry = VAE(SPEC, width=12, latent_size=2, shape=[1], posterior="full").double()
    encoder, decoder = entry.encoder, entry.decoder
    assert isinstance(encoder, FullEncoder)
    assert isinstance(decoder, GaussianDecoder)
    pairs = torch.cat([torch.eye(2), -torch.eye(2)]).double()
    to_mean = oracle.posterior(TRUTH, torch.eye(4, dtype=torch.double))[0].T
    triangle = torch.linalg.cholesky(covariance)
    with torch.no_grad():
        for parameter in entry.parameters():
            parameter.zero_()
        encoder.diagonal.trunk.layers[0][0].weight.copy_(pairs @ to_mean)
        encoder.diagonal.mean_head.weight.copy_(pairs.T)
        encoder.diagonal.scale_head.linear.bias.copy_(unclamped(triangle.diagonal().log()))
        encoder.below_head.bias.copy_(triangle[1, 0])
        decoder.trunk.layers[0][0].weight[:4] = pairs
        decoder.mean_head.weight.copy_(WEIGHT @ pairs.T)
        decoder.scale_head.linear.bias.fill_(float(unclamped(torch.tensor(TRUTH.noise).double().log())))
    return entry


def unclamped(log_scale: Tensor) -> Tensor:
    """What the soft clamp of log-scales sends to these."""
    return LOG_SCALE_BOUND * torch.atanh(log_scale / LOG_SCALE_BOUND)


def test_a_posterior_that_is_exact_makes_every_weight_the_likelihood() -> None:
    x = 2 * torch.randn(50, 4, dtype=torch.double)
    covariance = oracle.posterior(TRUTH, x)[1]
    with torch.no_grad():
        weights = exact(covariance).log_weights(x, 20)
    # Float64 rounds terms of some tens of nats.
    torch.testing.assert_close(weights, TRUTH.log_prob(x).expand(20, 50), rtol=0, atol=1e-11)


def test_a_posterior_without_correlation_misses_its_divergence_from_the_exact_one() -> None:
    """log p(x) - ELBO = KL(q(z | x) || p(z | x)), the same for every x, here of some 0.2 nats."""
    x = 2 * torch.randn(50, 4, dtype=torch.double)
    covariance = oracle.posterior(TRUTH, x)[1]
    diagonal = covariance.diag().diag()
    zero = torch.zeros(2, dtype=torch.double)
    divergence = kl_divergence(MultivariateNormal(zero, diagonal), MultivariateNormal(zero, covariance))
    with torch.no_grad():
        missing = (TRUTH.log_prob(x) - exact(diagonal).log_weights(x, 400)).flatten()
    assert abs(level(missing - divergence)) < LEVEL
    assert divergence > 10 * missing.std() / math.sqrt(len(missing))
