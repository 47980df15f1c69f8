"""The variational autoencoder with a Gaussian-mixture latent, for clusters found without labels.

The generative side is that of Dilokthanakul et al. (2016, arXiv:1611.02648) with one learned Gaussian for each cluster
in place of their net from a further latent w to all of them, as in Jiang et al. (2017, arXiv:1611.05148). With
q(y | x, z) = p(y | z) by Bayes the divergence of y vanishes, and the bound is that of a VAE whose prior is the mixture.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from sklearn.cluster import KMeans
from torch import Tensor, nn

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.laws.gaussian import gaussian_log_prob
from bench.models.entry import Context
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.coders import LOG_SCALE_BOUND
from bench.models.parts.latent import GaussianLatentEntry
from bench.models.parts.networks import soft_clamp
from bench.spec import DataSpec

PLACING_DRAWS = 8
"""Draws of z for each example of the batch among which the components are placed."""

SMALLEST_PLACED_SCALE = 0.05

EARLY_WEIGHT = 0.1
"""Weight of the divergence from the prior before the components are placed: nearly an autoencoder, whose encodings keep
clusters apart that a whole divergence would push together."""


class GMVAE(GaussianLatentEntry):
    """A clustering VAE: p(x) = Σ_y 1/K ∫ p(x | z) N(z; μ_y, diag σ_y²) dz with K learned components, q(z | x) Gaussian.

    Components that start at random end with few of them in use, because what one has taken it keeps. So all of them
    start near the origin, where the prior is that of a plain VAE, and are placed among the encodings by k-means once a
    share of the budget is used; until then the divergence from the prior counts a tenth.
    """

    version = 2  # a rate of its own, chosen by trials
    divergence_weight = 1.0

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        components: int = 10,
        placed_at: float = 0.2,
    ) -> None:
        """Builds encoder, decoder and mixture.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            components: K, the number of clusters.
            placed_at: share of the budget after which the components are placed.

        Raises:
            BenchError: for a size, a number of components or a share out of range, or an unknown activation.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size, shape=shape, activation=activation)
        if components < 1:
            raise BenchError(f"model.components={components} is not a number of clusters: give at least 1")
        if not 0 <= placed_at <= 1:
            raise BenchError(f"model.placed_at={placed_at} is not a share of the budget: give 0 to 1")
        self.components, self.placed_at = components, placed_at
        self.means = nn.Parameter(0.1 * torch.randn(components, self.latent_size))
        self.log_scales = nn.Parameter(torch.zeros(components, self.latent_size))

    def log_joint(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch components"]:
        """log p(y, z) in nats for every component y."""
        log_scales = soft_clamp(self.log_scales, LOG_SCALE_BOUND)
        return gaussian_log_prob(z.unsqueeze(-2), self.means, log_scales) - math.log(self.components)

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) = log Σ_y p(y, z) in nats."""
        return torch.logsumexp(self.log_joint(z), -1)

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` draws: a component each, and z from it."""
        components = torch.randint(self.components, (n,), device=self.means.device)
        scales = torch.exp(soft_clamp(self.log_scales, LOG_SCALE_BOUND))
        return torch.addcmul(self.means[components], scales[components], torch.randn_like(self.means[components]))

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-ELBO in nats, from one draw of z; the divergence is weighed in training before the components are placed."""
        z, log_posterior = self.posterior(x).draw(1)
        # KL(q(z | x) || mixture) has no closed form: one draw estimates it.
        return (self.divergence_weight * (log_posterior - self.log_prior(z)) - self.log_likelihood(x, z))[0]

    def cluster(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch components"]:
        """p(y | z) at the posterior mean of z, the probability of each component."""
        return torch.softmax(self.log_joint(self.posterior(x).mean), -1)

    def check_training(self, batch_size: int, finish_examples: int) -> None:
        """Refuses more components than there are draws of one batch's encodings to place them among.

        Raises:
            BenchError: there are fewer.
        """
        draws = PLACING_DRAWS * batch_size
        if self.components > draws:
            raise BenchError(
                f"model.components={self.components}: train.batch_size={batch_size} gives {draws} draws of z to place "
                "them among; give at most so many, or larger batches"
            )

    @torch.no_grad()
    def place(self, x: Float[Tensor, "batch *event"]) -> None:
        """Puts a component on each of K clusters of the encodings of x, as wide as the cluster (k-means, ten starts).

        Raises:
            BenchError: x are too few, see `check_training`.
            Diverged: an encoding is NaN or infinite.
        """
        self.check_training(len(x), 0)
        z = self.posterior(x).draw(PLACING_DRAWS)[0].flatten(0, 1)
        if not bool(z.isfinite().all()):
            raise Diverged("encodings are NaN or infinite where the components of gmvae are placed")
        seed = int(torch.randint(2**31, ()))
        clustering = KMeans(self.components, n_init=10, random_state=seed).fit(z.double().cpu().numpy())
        members = nn.functional.one_hot(torch.from_numpy(clustering.labels_).long(), self.components).to(z)
        # k-means leaves clusters empty where fewer of the draws differ than there are clusters.
        sizes = members.sum(0)[:, None].clamp(min=1)
        means = members.T @ z / sizes
        variances = members.T @ (z - members @ means).square() / sizes
        self.means.copy_(means)
        self.log_scales.copy_(torch.log(variances.sqrt().clamp(min=SMALLEST_PLACED_SCALE)))

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step, before one of which the components are placed."""
        return PlacingStep(self, settings)


class PlacingStep(GradientStep):
    """The usual step; the first one at which `placed_at` of the budget is used places the components before it."""

    entry: GMVAE

    def __init__(self, entry: GMVAE, settings: Optimiser) -> None:
        super().__init__(entry, settings)
        self.placed = False

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One forward, backward and update."""
        if not self.placed and progress >= self.entry.placed_at:
            self.entry.place(x)
            self.placed = True
        self.entry.divergence_weight = 1.0 if self.placed else EARLY_WEIGHT
        try:
            return super().step(x, progress)
        finally:
            self.entry.divergence_weight = 1.0

    def state_dict(self) -> dict[str, Any]:
        """Adam's state, and whether the components have been placed."""
        return {"adam": super().state_dict(), "placed": self.placed}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another step's state."""
        super().load_state_dict(state["adam"])
        self.placed = state["placed"]
