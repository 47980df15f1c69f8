"""The VampPrior: a mixture of posteriors at learned pseudo-inputs (Tomczak & Welling 2018, arXiv:1705.07120)."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, unknown
from bench.laws.gaussian import DiagonalGaussian
from bench.models.parts.latent import CHUNK_ELEMENTS, Coders, GaussianLatentEntry
from bench.models.parts.networks import check_shape, linear_layer
from bench.spec import DataSpec

PSEUDO_INPUTS = ("auto", "free", "factored")

FREE_AT_MOST = 2**12
"""Up to so many numbers `auto` learns pseudo-inputs one by one: a fifth of a budget of 20,000 parameters."""


class PseudoInputs(nn.Module):
    """u_1, ..., u_K in model space, begun as noise: standard normal, or its sigmoid for binary data.

    As K dim free numbers they are the paper's; factored, u_k = A c_k + b with codes c_k of size `rank`, they cost
    rank (K + dim) + dim, and span an affine subspace of model space (of logits, for binary data).
    """

    def __init__(self, components: int, data: DataSpec, rank: int | None) -> None:
        """`rank` of None leaves every coordinate free."""
        super().__init__()
        self.binary = data.kind == "binary"
        self.codes = nn.Parameter(torch.randn(components, data.dim if rank is None else rank))
        self.span = nn.Identity() if rank is None else linear_layer(rank, data.dim)

    def forward(self) -> Float[Tensor, "components dim"]:
        """The pseudo-inputs; within (0, 1) for binary data, between the pixels that the encoder knows."""
        points: Tensor = self.span(self.codes)
        return torch.sigmoid(points) if self.binary else points


class VampPrior(GaussianLatentEntry):
    """A VAE whose prior is p(z) = 1/K Σ q(z | u_k), learned with everything else on the ELBO."""

    version = 2  # a rate of its own, chosen by trials

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        components: int = 50,
        pseudo_inputs: Literal["auto", "free", "factored"] = "auto",
        coders: Coders = "perceptron",
    ) -> None:
        """Builds encoder, decoder and pseudo-inputs.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder and, as one more layer, the rank
                of factored pseudo-inputs.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            components: K, the number of pseudo-inputs; the paper has 500.
            pseudo_inputs: `free`, K numbers per coordinate, as in the paper: 50 of 784 coordinates are 39,200
                parameters; `factored`, of a rank that is a share of the width; `auto`, the first up to 4,096 numbers
                and the second beyond.
            coders: `perceptron`, or `conv` for the convolutional ones of `vae_conv`; `shape` then shares out channels.

        Raises:
            BenchError: for a size or a number of components out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        if components < 1:
            raise BenchError(f"model.components={components} is not a number of pseudo-inputs: give at least 1")
        if pseudo_inputs not in PSEUDO_INPUTS:
            raise unknown("kind of pseudo-inputs", pseudo_inputs, PSEUDO_INPUTS, "model.pseudo_inputs")
        check_shape(shape)
        free = pseudo_inputs == "free" or (pseudo_inputs == "auto" and components * data.dim <= FREE_AT_MOST)
        super().__init__(
            data,
            width=width,
            latent_size=latent_size,
            shape=shape,
            activation=activation,
            others=[] if free else [shape[0]],
            coders=coders,
        )
        self.pseudo_inputs = PseudoInputs(components, data, None if free else self.other_sizes[0])

    def components(self) -> DiagonalGaussian:
        """q(z | u_k) of every pseudo-input, `(components, latent)`: made anew from the parameters at each call."""
        law: DiagonalGaussian = self.encoder(self.pseudo_inputs())
        return law

    def log_prior(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """log 1/K Σ q(z | u_k) in nats, some rows of z at a time."""
        law = self.components()
        rows = max(1, CHUNK_ELEMENTS // len(law.mean))
        parts = [mixture_log_prob(part, law) for part in torch.split(z.reshape(-1, self.latent_size), rows)]
        return torch.cat(parts).reshape(z.shape[:-1])

    def prior_sample(self, n: int) -> Float[Tensor, "n latent"]:
        """`n` draws of z, each from a component drawn first."""
        law = self.components()
        chosen = torch.randint(len(law.mean), (n,), device=law.mean.device)
        z: Tensor = DiagonalGaussian(law.mean[chosen], law.log_scale[chosen]).draw(1)[0][0]
        return z


def mixture_log_prob(z: Float[Tensor, "rows latent"], law: DiagonalGaussian) -> Float[Tensor, " rows"]:
    """log of the mean density of the laws of `law` at each z, in nats.

    (z - m)² is multiplied out, so that rows and components meet in one matrix product and no `(rows, components,
    latent)` tensor is made. What cancels is of the size of (z / scale)², so that the product is taken in float64
    whatever the dtype of z: of float32 z the result is right to its own rounding. With 500 components of 16, 40 or 50
    coordinates, at scales of 0.02 and of the least, exp(-5), it is off by 8e-6 nats at most; a product in float32 was,
    by 0.01 to 0.05 and 0.1 to 0.5.
    """
    z64, mean, log_scale = z.double(), law.mean.double(), law.log_scale.double()
    precision = torch.exp(-2 * log_scale)
    constant = -0.5 * (precision * mean.square()).sum(1) - log_scale.sum(1)
    constant = constant - math.log(len(mean)) - 0.5 * z.shape[1] * math.log(2 * math.pi)
    factors = torch.cat([-0.5 * precision, precision * mean], 1)
    by_component = torch.addmm(constant, torch.cat([z64.square(), z64], 1), factors.T)
    return torch.logsumexp(by_component.to(z.dtype), 1)
