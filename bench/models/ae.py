"""The deterministic autoencoder: a code and the way back, and no distribution of codes."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, Diverged
from bench.laws.gaussian import standard_normal_log_prob
from bench.models.entry import Context
from bench.models.parts.coders import LOG_SCALE_BOUND, BernoulliDecoder
from bench.models.parts.networks import check_shape, mlp, spread
from bench.models.parts.prior import WithPrior
from bench.spec import DataSpec

SMALLEST_SCALE = math.exp(-LOG_SCALE_BOUND)
"""Smallest fitted noise scale, that of the VAE's decoder too: a perfect reconstruction has no noise to fit."""


class MeanDecoder(nn.Module):
    """A Gaussian decoder N(mean(z), scale² I), its one scale fixed, or fitted when training is over.

    Attributes:
        scale: `()`, a buffer in model space; 1 until it is fitted.
        fixed: whether the scale was given.
    """

    scale: Tensor

    def __init__(
        self,
        latent_size: int,
        hidden: Sequence[int],
        dim: int,
        activation: str = "relu",
        noise_scale: float | None = None,
    ) -> None:
        """`noise_scale` fixes the scale; None leaves it to `fit`.

        Raises:
            BenchError: for a scale that is not positive, or an unknown activation.
        """
        super().__init__()
        if noise_scale is not None and not 0 < noise_scale < math.inf:
            raise BenchError(f"model.noise_scale={noise_scale} is not a standard deviation: give more than 0, or null")
        self.fixed = noise_scale is not None
        self.net = mlp([latent_size, *hidden, dim], activation=activation)
        self.register_buffer("scale", torch.tensor(1.0 if noise_scale is None else noise_scale))

    def fit(self, scale: Float[Tensor, ""], what: str) -> None:
        """Keeps a fitted scale; `what` it was fitted to stands in the error.

        Raises:
            Diverged: it is NaN or infinite.
        """
        if not scale.isfinite():
            raise Diverged(f"the noise scale fitted to {what} is {scale.item()}")
        self.scale.copy_(scale.clamp(min=SMALLEST_SCALE))

    def note(self, fitted_to: str) -> str:
        """The noise model in words, for the row."""
        how = "as given" if self.fixed else f"fitted to {fitted_to}"
        return f"noise model: N(decoder(z), s² I) in model space, s = {self.scale.item():.3g} {how}"

    def log_prob(self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]) -> Tensor:
        """log p(x | z), `(*samples, batch)` nats."""
        return standard_normal_log_prob((x - self.net(z)) / self.scale) - x.shape[-1] * torch.log(self.scale)

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """E[x | z]."""
        mean: Tensor = self.net(z)
        return mean

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z, its noise included."""
        mean = self.mean(z)
        return torch.addcmul(mean, self.scale, torch.randn_like(mean))


class AE(WithPrior):
    """The deterministic autoencoder: x is encoded and decoded, the distribution of the codes z left open.

    Training minimises the squared error as the nats of a decoder of unit variance, or the cross-entropy of binary
    pixels. `sample` decodes z ~ N(0, I), which no code was asked to follow: that its samples fail is the point. They
    are the decoder's means, without noise, because no noise was trained; binary pixels are drawn from their
    probabilities.

    There is no likelihood but that of a noise model put in afterwards, p(x | z) = N(decode(z), scale² I), or Bernoulli
    pixels: `log_likelihood`, `log_prior` and `prior_sample`, from which annealed importance sampling makes p(x).
    """

    version = 3  # a rate of its own, chosen by trials
    family = "autoencoder"
    kinds = frozenset({"continuous", "discrete", "binary"})
    latent = "posterior_mean"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        noise_scale: float | None = None,
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            noise_scale: standard deviation of the noise model of real data, in model space; null fits it after
                training, as the root mean square of the residuals of training examples.

        Raises:
            BenchError: for a size or a scale out of range, a scale for binary data, or an unknown activation.
            NotApplicable: for data with a context.
        """
        super().__init__(data, width=width, latent_size=latent_size)
        check_shape(shape)
        sizes = spread(width, [*shape, *reversed(shape)])
        self.encoder = mlp([data.dim, *sizes[: len(shape)], self.latent_size], activation=activation)
        self.decoder: BernoulliDecoder | MeanDecoder
        if data.kind == "binary":
            if noise_scale is not None:
                raise BenchError(f"model.noise_scale={noise_scale}: binary pixels have no noise scale; leave it null")
            self.decoder = BernoulliDecoder(self.latent_size, sizes[len(shape) :], data.dim, activation)
        else:
            self.decoder = MeanDecoder(self.latent_size, sizes[len(shape) :], data.dim, activation, noise_scale)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log N(x; decode(encode(x)), I) in nats, or -log p(x | encode(x)) of binary pixels."""
        return self.error(x, self.encode(x))

    def error(self, x: Float[Tensor, "batch *event"], z: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
        """`loss` for codes that are known already."""
        flat = x.flatten(1)
        if self.data.kind == "binary":
            return -self.decoder.log_prob(flat, z)
        return -standard_normal_log_prob(flat - self.decoder.mean(z))

    def note(self) -> str | None:
        """The noise model that the likelihood is of."""
        if isinstance(self.decoder, BernoulliDecoder):
            return "noise model: independent pixels of 0 or 1"
        return self.decoder.note("the residuals of training examples")

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Fits the noise scale of real data, unless it is fixed.

        Raises:
            Diverged: a residual is NaN or infinite.
        """
        if isinstance(self.decoder, MeanDecoder) and not self.decoder.fixed:
            residual = x - self.decode(self.encode(x))
            self.decoder.fit(residual.square().mean().sqrt(), f"the residuals of {len(x)} training examples")

    def log_likelihood(
        self, x: Float[Tensor, "batch *event"], z: Float[Tensor, "*samples batch latent"]
    ) -> Float[Tensor, "*samples batch"]:
        """log p(x | z) of the noise model, in nats."""
        return self.decoder.log_prob(x.flatten(1), z)

    def simulate(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, "n *event"]:
        """A draw of x for each z, with the noise of `log_likelihood`."""
        return self.decoder.sample(z).reshape(len(z), *self.data.event_shape)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Decoded draws of z from the prior: means of real data, pixels of 0 or 1."""
        z = self.prior_sample(n)
        x = self.decoder.sample(z) if self.data.kind == "binary" else self.decoder.mean(z)
        return x.reshape(n, *self.data.event_shape)

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch latent"]:
        """The code, `(batch, latent_size)`, of whatever scale training gave it."""
        z: Tensor = self.encoder(x.flatten(1))
        return z

    def decode(self, z: Float[Tensor, "batch latent"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """The reconstruction in model space; the probability of a 1 for binary data."""
        return self.decoder.mean(z).reshape(len(z), *self.data.event_shape)
