"""A VAE with an inverse autoregressive posterior (Kingma et al. 2016, arXiv:1606.04934)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError
from bench.laws.gaussian import DiagonalGaussian, Transported
from bench.models.parts.latent import Coders, GaussianLatentEntry
from bench.models.parts.made import MADE
from bench.models.parts.networks import check_shape
from bench.models.parts.precision import restored
from bench.spec import DataSpec

MADE_LAYERS = 2
"""Hidden layers of each step's MADE."""

INITIAL_GATE = 2.0
"""Initial gates, before the sigmoid: positive, so that a step forgets little of z (the paper says +1 or +2)."""

INITIAL_GAIN = 0.1
"""Standard deviation of a new step's shift and gate: near a constant step, yet every weight gets a gradient."""


class GatedStep(nn.Module):
    """A step z' = g z + (1 - g) m with g = sigmoid(s), and (m, s) read off the coordinates before (algorithm 1)."""

    def __init__(self, dim: int, hidden: Sequence[int], context_size: int, activation: str) -> None:
        super().__init__()
        self.net = MADE(dim, hidden, context_size, 2, INITIAL_GAIN, activation)

    def forward(
        self, z: Float[Tensor, "*samples batch latent"], context: Float[Tensor, "batch context"]
    ) -> tuple[Float[Tensor, "*samples batch latent"], Float[Tensor, "*samples batch"]]:
        """z' and log |det dz'/dz| = Σ log g."""
        shift, gate = map(restored, self.net(z, context))
        gate = gate + INITIAL_GATE
        return torch.lerp(shift, z, torch.sigmoid(gate)), nn.functional.logsigmoid(gate).sum(-1)


class InverseAutoregressiveFlow(nn.Module):
    """The flow of a posterior: gated steps, the order of coordinates reversed between them."""

    def __init__(self, dim: int, hidden: Sequence[Sequence[int]], context_size: int, activation: str = "relu") -> None:
        """`hidden` are the hidden sizes of each step's MADE."""
        super().__init__()
        self.steps = nn.ModuleList(GatedStep(dim, sizes, context_size, activation) for sizes in hidden)

    def forward(
        self, z: Float[Tensor, "*samples batch latent"], context: Float[Tensor, "batch context"]
    ) -> tuple[Float[Tensor, "*samples batch latent"], Float[Tensor, "*samples batch"]]:
        """The image of z and the log-determinant of its Jacobian."""
        log_det = z.new_zeros(z.shape[:-1])
        for number, step in enumerate(self.steps):
            z, step_log_det = step(z.flip(-1) if number else z, context)
            log_det = log_det + step_log_det
        return z, log_det


@dataclass(frozen=True)
class InverseAutoregressive:
    """The law of flow(z0, context), z0 from a diagonal Gaussian.

    Attributes:
        base: the law of z0.
        context: `(batch, context)`, what the flow is conditioned on.
        flow: the steps.
    """

    base: DiagonalGaussian
    context: Float[Tensor, "batch context"]
    flow: InverseAutoregressiveFlow

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The image of the base's mean, which stands for E[z | x]: that has no closed form."""
        z: Tensor = self.flow(self.base.mean, self.context)[0]
        return z

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z = flow(z0) and log q(z) = log q(z0) - log |det dz/dz0| in nats, both with gradients."""
        start, log_base = self.base.draw(samples)
        z, log_det = self.flow(start, self.context)
        # Density of a draw alone: of a given z it would take the inverse, one pass for each coordinate.
        return z, log_base - log_det


class IAFVAE(GaussianLatentEntry):
    """A VAE p(x) = ∫ p(x | z) N(z; 0, I) dz with a posterior that is a flow, trained on the ELBO."""

    version = 2  # a rate of its own, chosen by trials
    activates_others = True

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        steps: int = 2,
        coders: Coders = "perceptron",
    ) -> None:
        """Builds encoder, flow and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder, decoder and each step's MADE, which has two
                of the size of the encoder's last. Masked weights count as parameters.
            latent_size: dimension of z, at least 2; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            steps: steps of the flow; its context are the encoder's last hidden units.
            coders: `perceptron`, or `conv` for the convolutional ones of `vae_conv`; `shape` then shares out channels.

        Raises:
            BenchError: for a size or a number of steps out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        check_shape(shape)
        own = [shape[-1]] * (MADE_LAYERS * steps)
        super().__init__(
            data,
            width=width,
            latent_size=latent_size,
            shape=shape,
            activation=activation,
            others=own,
            coders=coders,
        )
        if self.latent_size < 2:
            raise BenchError(
                f"model.latent_size={self.latent_size} leaves an autoregressive posterior nothing to condition on: "
                "give at least 2"
            )
        if steps < 1:
            raise BenchError(f"model.steps={steps} is not a number of steps of the posterior: give at least 1")
        sizes = self.other_sizes
        by_step = [sizes[start : start + MADE_LAYERS] for start in range(0, len(sizes), MADE_LAYERS)]
        self.flow = InverseAutoregressiveFlow(self.latent_size, by_step, self.encoder.trunk.outputs, activation)

    def posterior(self, x: Float[Tensor, "batch *event"]) -> InverseAutoregressive:
        """q(z | x): the flow of a diagonal Gaussian, both conditioned on the encoder's features of x."""
        features = self.encoder.trunk(x.flatten(1))
        base = DiagonalGaussian(self.encoder.mean_head(features), self.encoder.scale_head(features))
        return InverseAutoregressive(base, features, self.flow)

    def proposal(self, x: Float[Tensor, "batch *event"]) -> Transported:
        """The posterior by the law of what goes into the flow, which can be refined; the flow stays as it is."""
        law = self.posterior(x)
        return Transported(law.base, lambda u: self.flow(u, law.context))
