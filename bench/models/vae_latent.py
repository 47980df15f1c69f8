"""The variational autoencoder with a latent that is not Gaussian."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from bench.errors import BenchError, unknown
from bench.models.parts.coders import Encoder, decoder_for, hidden_sizes
from bench.models.parts.elbo import DivergentPosterior, WeightedELBO
from bench.models.parts.latent_laws import LAWS, Law
from bench.spec import DataSpec

ROUNDING = 1e-4
"""Distance from the support, in standard deviations of the prior, that counts as rounding."""


class LawEncoder(nn.Module):
    """q(z | x) of a law of `LAWS`, its parameters read off one perceptron."""

    def __init__(self, law: Law, dim: int, hidden: Sequence[int], latent_size: int, activation: str) -> None:
        super().__init__()
        self.law = law
        self.trunk = Encoder(dim, hidden, activation)
        self.heads = nn.ModuleList(head(hidden[-1], latent_size) for head in law.heads)

    def outputs(self, x: Float[Tensor, "batch dim"]) -> list[Float[Tensor, "batch latent"]]:
        """What the heads say, from which the law of each example is made."""
        features = self.trunk(x)
        return [head(features) for head in self.heads]

    def forward(self, x: Float[Tensor, "batch dim"]) -> Distribution:
        """The law of each example, in its own coordinates."""
        return self.law.posterior(*self.outputs(x))


@dataclass(frozen=True)
class Standardised:
    """The law of z = (y - shift) / scale.

    Attributes:
        law: of y, one for each example.
        prior: what `kl` is taken from, also a law of y.
        shift, scale: `(latent,)`.
        log_volume: log |dy/dz| in nats.
    """

    law: Distribution
    prior: Distribution
    shift: Float[Tensor, " latent"]
    scale: Float[Tensor, " latent"]
    log_volume: float

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """E z."""
        return (self.law.mean - self.shift) / self.scale

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z and log q(z) in nats, both with gradients."""
        y = self.law.rsample(torch.Size([samples]))
        log_prob: Tensor = self.law.log_prob(y)  # type: ignore[no-untyped-call]
        return (y - self.shift) / self.scale, log_prob + self.log_volume

    def kl(self) -> Float[Tensor, " batch"]:
        """KL(q || prior) in nats, the same in y and in z."""
        return kl_divergence(self.law, self.prior)


@dataclass(frozen=True)
class MovableLaw:
    """The law of y that an encoder's heads say, and z = (y - shift) / scale: a proposal that is drawn and moved in y.

    Attributes:
        law: the family.
        outputs: of the heads, `(batch, latent)` each: a location and a log-scale, or what a Dirichlet law takes.
        shift, scale: `(latent,)`.
        log_volume: log |dy/dz| in nats.
    """

    law: Law
    outputs: Sequence[Float[Tensor, "batch latent"]]
    shift: Float[Tensor, " latent"]
    scale: Float[Tensor, " latent"]
    log_volume: float

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """y and log q(y) in nats, both with gradients."""
        law = self.law.posterior(*self.outputs)
        y = law.rsample(torch.Size([samples]))
        return y, law.log_prob(y)  # type: ignore[no-untyped-call]

    def log_prob(self, y: Float[Tensor, "samples batch latent"]) -> Float[Tensor, "samples batch"]:
        """log q(y) in nats."""
        log_prob: Tensor = self.law.posterior(*self.outputs).log_prob(y)  # type: ignore[no-untyped-call]
        return log_prob

    def to_latent(self, y: Float[Tensor, "samples batch latent"]) -> tuple[Tensor, float]:
        """z and log |dz/dy| in nats."""
        return (y - self.shift) / self.scale, -self.log_volume

    def offsets(self) -> tuple[Float[Tensor, "batch latent"], ...]:
        """Zeros for each of the heads' outputs."""
        return tuple(torch.zeros_like(output) for output in self.outputs)

    def moved(self, *offsets: Float[Tensor, "batch latent"]) -> "MovableLaw":
        """The law of outputs so much larger, a location in units of its scale."""
        outputs = [output + offset for output, offset in zip(self.outputs, offsets, strict=True)]
        if len(outputs) > 1:
            outputs[0] = torch.addcmul(self.outputs[0], torch.exp(self.outputs[1]), offsets[0])
        return replace(self, outputs=outputs)


class VAELatent(WeightedELBO):
    """A VAE p(x) = ∫ p(x | z) p(z) dz with prior and posterior of one law, trained on the ELBO.

    | law | prior of y | KL divergence in training |
    | --- | --- | --- |
    | `laplace` | Laplace(0, 1) | analytic |
    | `logistic` | Logistic(0, 1) | Monte Carlo, from the draws of the loss |
    | `student_t` | Student-t(0, 1), 5 degrees of freedom | Monte Carlo, from the draws of the loss |
    | `uniform` | Uniform(0, 1) | analytic |
    | `gumbel` | Gumbel(0, 1) | analytic |
    | `gamma` | Gamma(1, 1), the exponential law | analytic |
    | `dirichlet` | Dirichlet(1, ..., 1), uniform on the simplex | analytic |

    The latent is y standardised, z = (y - E y) / sd y with the prior's moments, so that every law has mean 0 and
    standard deviation 1 a coordinate. A uniform posterior is an interval with a small share of the prior added, so that
    its importance-weighted bounds can rise to log p(x).
    """

    version = 2  # a rate of its own, chosen by trials
    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        law: str = "laplace",
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        samples: int = 1,
        beta: float = 1.0,
        kl_warmup: float = 0.0,
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            law: of prior and posterior, a key of `LAWS`.
            latent_size: coordinates of z, at least 2 for `dirichlet`, where they sum to a constant; null takes the
                dimension of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            samples: draws of z per example and step.
            beta: weight of the KL divergence in training; only 1 trains on the ELBO.
            kl_warmup: share of the budget over which that weight rises from 0 to `beta`.

        Raises:
            BenchError: for a size, a number of samples or a share out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size, samples=samples, beta=beta, kl_warmup=kl_warmup)
        if law not in LAWS:
            raise unknown("law", law, LAWS, "model.law")
        self.law = LAWS[law]
        if self.latent_size <= self.law.constraints:
            raise BenchError(f"model.latent_size={self.latent_size} leaves law={law} a single point: give at least 2")
        encoder_sizes, decoder_sizes = hidden_sizes(data, width, shape)
        self.encoder = LawEncoder(self.law, data.dim, encoder_sizes, self.latent_size, activation)
        self.decoder = decoder_for(data, self.latent_size, decoder_sizes, activation)
        prior = self.law.prior(torch.zeros(self.latent_size))
        self.register_buffer("shift", prior.mean, persistent=False)
        self.register_buffer("scale", prior.stddev, persistent=False)
        # z is y over its standard deviation: log q(z) = log q(y) + log sd for each coordinate that is free.
        self.log_volume = (self.latent_size - self.law.constraints) * math.log(float(prior.stddev[0]))

    @property
    def prior(self) -> Distribution:
        """The law of y."""
        return self.law.prior(torch.zeros_like(self.shift))

    def posterior(self, x: Float[Tensor, "batch *event"]) -> Standardised:
        """q(z | x), of the prior's law."""
        return Standardised(self.encoder(x.flatten(1)), self.prior, self.shift, self.scale, self.log_volume)

    def proposal(self, x: Float[Tensor, "batch *event"]) -> MovableLaw:
        """The posterior, whose parameters can be refined."""
        return MovableLaw(self.law, self.encoder.outputs(x.flatten(1)), self.shift, self.scale, self.log_volume)

    def divergence(
        self,
        posterior: DivergentPosterior,
        z: Float[Tensor, "samples batch latent"],
        log_posterior: Float[Tensor, "samples batch"],
    ) -> Float[Tensor, " batch"]:
        """KL(q(z | x) || p(z)) in nats: in closed form, or the mean of log q(z | x) - log p(z) over the draws."""
        if self.law.analytic:
            return posterior.kl()
        return (log_posterior - self.log_prior(z)).mean(0)

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log p(z) in nats, -infinity off the support; on the simplex, per volume along all axes of z but the last."""
        y = self.shift + self.scale * z
        supported = self.law.onto_support(y)
        outside = ((y - supported).abs() > ROUNDING * self.scale).any(-1)
        log_prob: Tensor = self.prior.log_prob(supported)  # type: ignore[no-untyped-call]
        return torch.where(outside, -torch.inf, log_prob + self.log_volume)

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` draws of z from the prior."""
        return (self.prior.sample(torch.Size([n])) - self.shift) / self.scale

    def decode(self, z: Float[Tensor, "batch latent"], context: Tensor | None = None) -> Float[Tensor, "batch *event"]:
        """The decoder's mean in model space at the point of the support that z maps to.

        Latent noise may lead off the support, where no decoder is trained: intervals clip, the simplex takes negative
        coordinates for 0 and divides by the sum.
        """
        return super().decode((self.law.onto_support(self.shift + self.scale * z) - self.shift) / self.scale)
