"""Encoders and decoders that latent-variable entries share.

`width` counts the hidden units of encoder and decoder together; `shape` says how the encoder's layers share them, from
the data to the latent, and the decoder is its mirror image.
"""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.laws.gaussian import DiagonalGaussian, FullGaussian, gaussian_log_prob
from bench.models.parts.networks import activation_named, check_shape, linear_layer, mlp, soft_clamp, spread
from bench.models.parts.precision import restored
from bench.spec import DataSpec

LOG_SCALE_BOUND = 5.0
"""Largest |log-scale| of a predicted Gaussian: standard deviations from 0.007 to 148 in model space."""

INITIAL_LOG_SCALE = -2.0
"""Initial log-scales: Gaussians as wide as the data would teach the decoder to ignore its latent."""


class LogScaleHead(nn.Module):
    """A linear layer that predicts log-scales, softly clamped, and starts near `INITIAL_LOG_SCALE` for any input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = linear_layer(inputs, outputs, gain=0.1)
        nn.init.constant_(self.linear.bias, INITIAL_LOG_SCALE)

    def forward(self, hidden: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """Log-scales within ±`LOG_SCALE_BOUND`."""
        return soft_clamp(restored(self.linear(hidden)), LOG_SCALE_BOUND)


class Encoder(nn.Module):
    """The hidden layers of an encoder, ended by the activation: heads of any posterior read their parameters off it."""

    def __init__(self, dim: int, hidden: Sequence[int], activation: str = "relu") -> None:
        super().__init__()
        self.outputs = hidden[-1]
        self.layers = nn.Sequential(mlp([dim, *hidden], math.sqrt(2), activation), activation_named(activation)())

    def forward(self, x: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch hidden"]:
        """Features of x."""
        features: Tensor = self.layers(x)
        return features


class Trunk(Protocol):
    """The hidden layers of an encoder, a module, with so many outputs."""

    outputs: int

    def __call__(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch hidden"]:
        """Features of x."""
        ...


class DiagonalEncoder(nn.Module):
    """q(z | x) = N(mean(x), diag exp(2 log_scale(x))), both read off one trunk."""

    def __init__(self, trunk: Trunk, latent_size: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.mean_head = linear_layer(trunk.outputs, latent_size)
        self.scale_head = LogScaleHead(trunk.outputs, latent_size)

    def forward(self, x: Float[Tensor, "batch dim"]) -> DiagonalGaussian:
        """The posterior of each example."""
        features = self.trunk(x)
        return DiagonalGaussian(restored(self.mean_head(features)), self.scale_head(features))


class FullEncoder(nn.Module):
    """q(z | x) = N(mean(x), L(x) L(x)ᵀ) with L lower triangular, its diagonal exp(log_scale(x))."""

    def __init__(self, trunk: Trunk, latent_size: int) -> None:
        super().__init__()
        self.diagonal = DiagonalEncoder(trunk, latent_size)
        self.below_head = linear_layer(trunk.outputs, latent_size * (latent_size - 1) // 2, gain=0.1)
        self.below: Tensor
        rows, columns = torch.tril_indices(latent_size, latent_size, -1)
        self.register_buffer("below", rows * latent_size + columns, persistent=False)

    def forward(self, x: Float[Tensor, "batch dim"]) -> FullGaussian:
        """The posterior of each example."""
        features = self.diagonal.trunk(x)
        mean, log_scale = restored(self.diagonal.mean_head(features)), self.diagonal.scale_head(features)
        diagonal = torch.diag_embed(torch.exp(log_scale))
        below_values = restored(self.below_head(features))
        below = torch.zeros_like(diagonal).flatten(1).index_copy(1, self.below, below_values)
        return FullGaussian(mean, diagonal + below.view_as(diagonal))


class GaussianLaw(nn.Module):
    """p(x | z) = N(mean(z), diag exp(2 log_scale(z))); a subclass's `forward` gives mean and log-scale, x is flat."""

    def log_prob(self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]) -> Tensor:
        """log p(x | z), `(*samples, batch)` nats."""
        return self.log_prob_by(x, self(z))

    def log_prob_by(self, x: Float[Tensor, "batch dim"], read: tuple[Tensor, Tensor]) -> Tensor:
        """The same by the mean and log-scale that were read off z."""
        return gaussian_log_prob(x, *read)

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """E[x | z]."""
        mean: Tensor = self(z)[0]
        return mean

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z."""
        mean, log_scale = self(z)
        return torch.addcmul(mean, torch.exp(log_scale), torch.randn_like(mean))


class BernoulliLaw(nn.Module):
    """p(x | z): independent pixels of 0 or 1; a subclass's `forward` gives their logits, x is flat."""

    def log_prob(self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]) -> Tensor:
        """log p(x | z), `(*samples, batch)` nats."""
        return self.log_prob_by(x, self(z))

    def log_prob_by(self, x: Float[Tensor, "batch dim"], read: Tensor) -> Tensor:
        """The same by logits l that were read off z: Σ x l - softplus(l) = -Σ softplus((1 - 2 x) l)."""
        return -nn.functional.softplus((1 - 2 * x) * read).sum(-1)

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """P(x = 1 | z)."""
        return torch.sigmoid(self(z))

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z."""
        return torch.bernoulli(self.mean(z))


class GaussianDecoder(GaussianLaw):
    """A Gaussian with the scale learned per coordinate and per latent, read off perceptrons.

    Mean and log-scale share the first hidden layers and have a last one each.
    """

    def __init__(self, latent_size: int, hidden: Sequence[int], dim: int, activation: str = "relu") -> None:
        """`hidden` ends with the size of the mean's last hidden layer and that of the log-scale's."""
        super().__init__()
        *shared, mean_size, scale_size = hidden
        self.sizes = [mean_size, scale_size]
        self.trunk = Encoder(latent_size, [*shared, mean_size + scale_size], activation)
        self.mean_head = linear_layer(mean_size, dim)
        self.scale_head = LogScaleHead(scale_size, dim)

    def forward(
        self, z: Float[Tensor, "*batch latent"]
    ) -> tuple[Float[Tensor, "*batch dim"], Float[Tensor, "*batch dim"]]:
        """Mean and log-scale."""
        for_mean, for_scale = self.trunk(z).split(self.sizes, -1)
        return self.mean_head(for_mean), self.scale_head(for_scale)


class BernoulliDecoder(BernoulliLaw):
    """Pixels whose logits are read off one perceptron."""

    def __init__(self, latent_size: int, hidden: Sequence[int], dim: int, activation: str = "relu") -> None:
        super().__init__()
        self.net = mlp([latent_size, *hidden, dim], activation=activation)

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """log-odds of a 1."""
        logits: Tensor = self.net(z)
        return logits


@runtime_checkable
class Decoder(Protocol):
    """p(x | z), a module; x flat, `(batch, dim)`."""

    def log_prob(
        self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]
    ) -> Float[Tensor, "*samples batch"]:
        """log p(x | z) in nats."""
        ...

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """E[x | z]."""
        ...

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z."""
        ...


def hidden_sizes(data: DataSpec, width: int, shape: Sequence[int]) -> tuple[list[int], list[int]]:
    """Hidden sizes of encoder and decoder, for `width` hidden units in all.

    Args:
        data: what an example is; a Gaussian decoder has one last hidden layer for its mean and one for its log-scale.
        width: hidden units in all.
        shape: proportions of the encoder's hidden layers; the decoder mirrors them.

    Raises:
        BenchError: for a width or a proportion below 1.
    """
    encoder, decoder, _ = shared_sizes(data, width, shape, [])
    return encoder, decoder


def shared_sizes(
    data: DataSpec, width: int, shape: Sequence[int], others: Sequence[int]
) -> tuple[list[int], list[int], list[int]]:
    """Hidden sizes of encoder, decoder and the entry's other nets, for `width` hidden units in all.

    Args:
        data: as in `hidden_sizes`.
        width: as in `hidden_sizes`.
        shape: as in `hidden_sizes`.
        others: proportions of further layers, on the scale of `shape`.

    Raises:
        BenchError: for a width or a proportion below 1.
    """
    check_shape(shape)
    mirrored = [*reversed(shape)]
    if data.kind != "binary":
        mirrored.append(mirrored[-1])
    sizes = spread(width, [*shape, *mirrored, *others])
    decoder_start, others_start = len(shape), len(shape) + len(mirrored)
    return sizes[:decoder_start], sizes[decoder_start:others_start], sizes[others_start:]


def decoder_for(
    data: DataSpec, latent_size: int, hidden: Sequence[int], activation: str = "relu"
) -> GaussianDecoder | BernoulliDecoder:
    """The decoder of that kind of data: Bernoulli for binary, else Gaussian with a learned scale."""
    kind = BernoulliDecoder if data.kind == "binary" else GaussianDecoder
    return kind(latent_size, hidden, data.dim, activation)
