"""Diagnostics of a latent: rate and distortion, active units, the aggregate posterior, gradient noise.

Most of it needs an entry with a posterior that can be drawn from and a decoder with a density, `code_diagnostics` codes
and a prior alone; none of it needs gradients but `gradient_noise`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import NotMeasured
from bench.metrics.mmd import mmd2
from bench.metrics.not_measured import measured
from bench.models.entry import Entry, HasDecoder, HasLatent, HasPosterior
from bench.record.store import Record

ACTIVE_SHARE = 0.01
"""Share of a coordinate's variance that its posterior mean has where it counts as active.

Burda et al. 2016 ask for a variance of the mean above 0.01, where the whole is about 1. Not every latent's is.
"""

COMPARED = 2_000
"""Draws of which the MMD compares all pairs: five matrices of 10,000 x 10,000 would take 20 GB."""

REPEATS = 16


def diagnostics(entry: HasPosterior, x: Float[Tensor, "n *event"], batch_rows: int) -> Record:
    """The columns that one draw of z for each example gives.

    Args:
        entry: in evaluation mode.
        x: examples in model space.
        batch_rows: most examples in one call.

    Returns:
        `rate_nats`, mean log q(z | x) - log p(z), an estimate of E KL(q(z | x) || p(z)); `distortion_nats`, mean
        -log p(x | z) in model space (Alemi et al. 2018); and those of `use` of the draws and the posterior means.
    """
    draws, means, rates, fits = [], [], [], []
    for chunk in torch.split(x, batch_rows):
        posterior = entry.posterior(chunk)
        z, log_q = posterior.draw(1)
        rates.append((log_q - entry.log_prior(z))[0])
        fits.append(entry.log_likelihood(chunk, z)[0])
        draws.append(z[0])
        means.append(posterior.mean)
    return {
        "rate_nats": float(torch.cat(rates).double().mean()),
        "distortion_nats": -float(torch.cat(fits).double().mean()),
    } | use(entry, torch.cat(draws), torch.cat(means))


def code_diagnostics(entry: Entry, x: Float[Tensor, "n *event"], batch_rows: int) -> Record:
    """The columns of `use` for an entry that codes without noise: its codes stand for draws and means alike."""
    assert isinstance(entry, HasLatent)
    assert isinstance(entry, HasDecoder)
    codes = torch.cat([entry.encode(chunk) for chunk in torch.split(x, batch_rows)])
    return use(entry, codes, codes)


def use(entry: HasDecoder, draws: Float[Tensor, "n latent"], means: Float[Tensor, "n latent"]) -> Record:
    """Active units, and distances of the examples' latents from the prior.

    Returns:
        `latent_size`; `active_units`, the coordinates whose mean has more than a hundredth of the variance that draws
        have, those left out that name a class; `posterior_collapse`, 1 where none is active, else 0; `aggregate_mmd2`,
        unbiased squared MMD between up to 2,000 of `draws` and draws of the prior; `aggregate_kl_nats`, the divergence
        between the Gaussians with the moments of the two, and `aggregate_kl_floor`, that between as many other draws of
        the prior and these.
    """
    prior, again = entry.prior_sample(len(draws)), entry.prior_sample(len(draws))
    share = means.double().var(0) > ACTIVE_SHARE * draws.double().var(0)
    active = int(share[: len(share) - getattr(entry, "class_coordinates", 0)].sum())
    distances = measured(
        {
            "aggregate_mmd2": lambda: mmd2(draws[:COMPARED], prior[:COMPARED]),
            "aggregate_kl_nats": lambda: gaussian_divergence(draws, prior),
            "aggregate_kl_floor": lambda: gaussian_divergence(again, prior),
        }
    )
    return {
        "latent_size": draws.shape[1],
        "active_units": active,
        "posterior_collapse": int(active == 0),
    } | distances


def gaussian_divergence(draws: Float[Tensor, "n latent"], reference: Float[Tensor, "m latent"]) -> float:
    """KL(N(m, S) || N(m0, S0)) in nats with the moments of `draws` and those of `reference`.

    With n draws of a law like the reference's it is not 0 but near (latent² + 3 latent) / (4 n), and the same again for
    the reference.

    Raises:
        NotMeasured: the covariance of the reference is singular.
    """
    latent = draws.shape[1]
    mean, reference_mean = draws.double().mean(0), reference.double().mean(0)
    covariance, reference_covariance = (
        torch.cov(each.double().T).reshape(latent, latent) for each in (draws, reference)
    )
    ridge = 1e-9 * torch.eye(latent, dtype=torch.float64, device=draws.device)
    # KL = ½ (tr S0⁻¹ S + δᵀ S0⁻¹ δ - d + log det S0 - log det S), S0 by its Cholesky factor.
    factor, failed = torch.linalg.cholesky_ex(reference_covariance + ridge)
    if int(failed):
        raise NotMeasured("the covariance of the prior's draws is singular")
    spread = torch.cholesky_solve(covariance, factor).diagonal().sum()
    shift = (reference_mean - mean) @ torch.cholesky_solve((reference_mean - mean).unsqueeze(1), factor)[:, 0]
    log_volumes = 2 * factor.diagonal().log().sum() - torch.logdet(covariance + ridge)
    return 0.5 * float(spread + shift - latent + log_volumes)


def gradient_noise(entry: nn.Module, x: Float[Tensor, "batch *event"], draws: list[int]) -> list[tuple[int, float]]:
    """Relative noise of the mean loss's gradient that comes from drawing z, by the number of draws per example.

    Args:
        entry: with a `loss`; where it has a number of draws `samples`, that is set and put back. Of an entry without,
            whose loss takes one draw, k losses are averaged, which leaves a k-th of the variance.
        x: one batch; the noise is that of z alone, not of which examples a batch holds.
        draws: values of `samples`.

    Returns:
        (k, total variance of the gradient over parameters / squared norm of its mean), from 16 gradients each. The
        squared norm is corrected for the noise that is left in the mean; where nothing is left of it, the ratio is
        infinite and not listed.
    """
    parameters = [p for p in entry.parameters() if p.requires_grad]
    before = getattr(entry, "samples", None)
    if not isinstance(before, int):
        variance, signal = _moments(entry, x, parameters)
        return [(k, variance / k / signal) for k in draws if signal > 0]
    ratios = []
    try:
        for k in draws:
            entry.samples = k  # type: ignore[assignment]
            variance, signal = _moments(entry, x, parameters)
            if signal > 0:
                ratios.append((k, variance / signal))
    finally:
        entry.samples = before  # type: ignore[assignment]
    return ratios


def _moments(entry: nn.Module, x: Tensor, parameters: list[nn.Parameter]) -> tuple[float, float]:
    """Total variance of the gradient, and the squared norm of its mean."""
    gradients = torch.stack([_gradient(entry, x, parameters) for _ in range(REPEATS)])
    variance = float(gradients.var(0).sum())
    # The mean of so many gradients holds a share of their noise: |mean|² is too large by variance / REPEATS on average.
    return variance, float(gradients.mean(0).square().sum()) - variance / REPEATS


def _gradient(entry: nn.Module, x: Tensor, parameters: list[nn.Parameter]) -> Float[Tensor, " parameters"]:
    """The gradient of the mean loss as one vector."""
    with torch.enable_grad():
        loss: Tensor = entry.loss(x).mean()  # type: ignore[operator]
        parts = torch.autograd.grad(loss, parameters, allow_unused=True)
    pairs = zip(parameters, parts, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in pairs])
