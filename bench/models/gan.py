"""The generative adversarial network (Goodfellow et al. 2014, arXiv:1406.2661): the reference in questions of blur."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.errors import unknown
from bench.models.ae import SMALLEST_SCALE, MeanDecoder
from bench.models.entry import Context
from bench.models.optimise import Trainer, adam, learning_rate
from bench.models.parts.networks import check_shape, mlp, spread
from bench.models.parts.prior import WithPrior
from bench.spec import DataSpec

OBJECTIVES = ("non_saturating", "wgan_gp")
PENALTY = 10.0
"""Weight of WGAN-GP's gradient penalty; this, its critic's steps and its betas are those of its paper's algorithm 1."""

CRITIC_STEPS = {"non_saturating": 1, "wgan_gp": 5}
"""Steps of the discriminator for one of the generator."""

BETAS = {"non_saturating": (0.5, 0.999), "wgan_gp": (0.0, 0.9)}
"""Adam's; those of the non-saturating loss after Radford et al. (2016, arXiv:1511.06434)."""

FITTED_SAMPLES = 2_000
"""Samples, and at most as many examples, that the noise scale is fitted to."""

FITTING_STEPS = 30


class GAN(WithPrior):
    """A generator g, x = g(z) with z ~ N(0, I), trained against a discriminator D of real and generated examples.

    There is no likelihood: the weights are chosen by the squared MMD between samples and validation examples. `loss`
    is what the generator minimises over its own samples, here of x: -log σ(D(x)), the discriminator's surprise in nats
    that x is real, or -D(x) of a WGAN-GP's critic, in no unit. Either says how the game stands, never how good the
    samples are.

    `sample` gives g(z) alone. A noise model put around it afterwards, p(x | z) = N(g(z), scale² I) (Wu et al. 2017,
    arXiv:1611.04273), gives annealed importance sampling a likelihood, that of samples with such noise.
    """

    version = 3  # a rate of its own, chosen by trials
    family = "GAN"
    validated_by = "mmd2"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        objective: Literal["non_saturating", "wgan_gp"] = "non_saturating",
        noise_scale: float | None = None,
    ) -> None:
        """Builds generator and discriminator.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of generator and discriminator.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the discriminator's hidden layers; the generator mirrors them.
            activation: `relu` or `tanh`.
            objective: `non_saturating` (Goodfellow et al. 2014, section 3) or `wgan_gp`, the Wasserstein critic with a
                gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028).
            noise_scale: standard deviation, in model space, of the noise model around a sample; null fits it after
                training.

        Raises:
            BenchError: for a size or a scale out of range, or an unknown objective or activation.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size)
        if objective not in OBJECTIVES:
            raise unknown("objective", objective, OBJECTIVES, "model.objective")
        self.objective = objective
        check_shape(shape)
        sizes = spread(width, [*shape, *reversed(shape)])
        self.discriminator = mlp([data.dim, *sizes[: len(shape)], 1], activation=activation)
        if objective == "wgan_gp":  # only differences of the critic's values count: a constant would lie idle
            self.discriminator[-1].register_parameter("bias", None)
        self.generator = MeanDecoder(self.latent_size, sizes[len(shape) :], data.dim, activation, noise_scale)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log σ(D(x)) in nats, or -D(x) of a WGAN-GP."""
        return self.cost(self.score(x))

    def score(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, " batch"]:
        """D(x): large where x seems real."""
        score: Tensor = self.discriminator(x.flatten(1))
        return score.squeeze(1)

    def cost(self, score: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """The loss of a player that wants the score large; a player that wants it small passes the negative."""
        return -score if self.objective == "wgan_gp" else nn.functional.softplus(-score)

    def penalty(
        self, real: Float[Tensor, "batch *event"], generated: Float[Tensor, "batch *event"]
    ) -> Float[Tensor, ""]:
        """λ E(|∇D| - 1)² at random points between real and generated ones (Gulrajani et al. 2017, equation 3)."""
        share = torch.rand(len(real), dtype=real.dtype, device=real.device).view(-1, *[1] * (real.ndim - 1))
        between = torch.lerp(real, generated, share).requires_grad_()
        (slope,) = torch.autograd.grad(self.score(between).sum(), between, create_graph=True)
        excess: Tensor = slope.flatten(1).norm(dim=1) - 1
        return PENALTY * excess.square().mean()

    def trainer(self, settings: Optimiser) -> Trainer:
        """Two optimisers that take turns."""
        return AdversarialSteps(self, settings)

    def note(self) -> str | None:
        """The noise model that the likelihood is of."""
        return self.generator.note("training examples around samples")

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Fits the noise scale, unless it is fixed: the likeliest for x to be one of so many samples with noise.

        That is the scale of a mixture of N(sample, scale² I), found by expectation and maximisation.

        Raises:
            Diverged: a sample is NaN or infinite.
        """
        if self.generator.fixed:
            return
        x = x[:FITTED_SAMPLES].flatten(1)
        squared = torch.cdist(x, self.sample(FITTED_SAMPLES).flatten(1)).square() / self.data.dim
        # The scale of each example at its nearest sample: later ones are weighted means of all distances, and none is
        # smaller.
        variance = squared.amin(1).mean()
        for _ in range(FITTING_STEPS):
            share = torch.softmax(-0.5 * self.data.dim * squared / variance.clamp(min=SMALLEST_SCALE**2), 1)
            variance = (share * squared).sum(1).mean()
        self.generator.fit(variance.sqrt(), f"{len(x)} training examples around {FITTED_SAMPLES} samples")

    def simulate(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, "n *event"]:
        """A draw of x for each z, with the noise of `log_likelihood`."""
        return self.generator.sample(z).reshape(len(z), *self.data.event_shape)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Generated examples, without noise."""
        return self.generator.mean(self.prior_sample(n)).reshape(n, *self.data.event_shape)

    def log_likelihood(
        self, x: Float[Tensor, "batch *event"], z: Float[Tensor, "*samples batch latent"]
    ) -> Float[Tensor, "*samples batch"]:
        """log p(x | z) of the noise model, in nats."""
        return self.generator.log_prob(x.flatten(1), z)


class AdversarialSteps:
    """A step of the discriminator on each batch, and of the generator after every `CRITIC_STEPS` of them.

    Both learn with Adam at the usual rate and schedule, their gradients clipped by norm.
    """

    def __init__(self, entry: GAN, settings: Optimiser) -> None:
        self.entry, self.settings = entry, settings
        self.discriminator = adam(entry.discriminator.parameters(), settings, BETAS[entry.objective])
        self.generator = adam(entry.generator.parameters(), settings, BETAS[entry.objective])
        self.turns = 0

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One update of the discriminator, and of the generator when it is its turn; the mean `loss` of x before."""
        entry = self.entry
        # This step is the discriminator's: no gradient goes into the generator.
        with torch.no_grad():
            generated = entry.sample(len(x))
        judged = entry.loss(x).mean()
        against = judged + entry.cost(-entry.score(generated)).mean()
        if entry.objective == "wgan_gp":
            against = against + entry.penalty(x, generated)
        self.update(self.discriminator, against, progress)
        self.turns += 1
        if self.turns % CRITIC_STEPS[entry.objective] == 0:
            # New draws for the generator, as in algorithm 1 of either paper.
            self.update(self.generator, entry.loss(entry.sample(len(x))).mean(), progress)
        return judged.detach()

    def update(self, player: torch.optim.Adam, objective: Float[Tensor, ""], progress: float) -> None:
        """Descends `objective` in the parameters of one player; the other's gradients are not even made."""
        (group,) = player.param_groups
        group["lr"] = learning_rate(self.settings, progress)
        player.zero_grad()
        objective.backward(inputs=group["params"])  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(group["params"], self.settings.clip_norm, foreach=True)
        player.step()

    def state_dict(self) -> dict[str, Any]:
        """Moments and step counts of both optimisers, and whose turn it is."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "generator": self.generator.state_dict(),
            "turns": self.turns,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another trainer's state."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.generator.load_state_dict(state["generator"])
        self.turns = state["turns"]
