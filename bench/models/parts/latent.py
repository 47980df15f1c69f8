"""The base classes of latent-variable entries: posterior, prior, decoder, and a likelihood by importance weights."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import BenchError, unknown
from bench.laws.gaussian import DiagonalGaussian
from bench.models.entry import Context, LatentLaw, LogProb, PictureForm
from bench.models.parts.coders import Decoder, DiagonalEncoder, Encoder, decoder_for, shared_sizes
from bench.models.parts.conv_coders import ConvEncoder, conv_decoder_for
from bench.models.parts.conv_sizes import conv_sizes
from bench.models.parts.importance import iwae_in_chunks
from bench.models.parts.prior import WithPrior
from bench.models.parts.proposal import Proposal
from bench.spec import DataSpec, Kind

Coders = Literal["perceptron", "conv"]
CODERS = get_args(Coders)

BLOCKS = 1
"""Gated residual blocks of each level of convolutional coders."""

CHUNK_ELEMENTS = 2**21
"""Coordinates that one chunk of importance samples holds: 8 MB a tensor, which stays near the cache."""


class LatentEntry(WithPrior):
    """A latent-variable model p(x) = ∫ p(x | z) p(z) dz, with an approximate posterior q(z | x).

    A subclass sets `decoder` and defines `posterior`; where its prior is not N(0, I), also `log_prior` and
    `prior_sample`. It inherits `loss` (the one-sample ELBO, its KL divergence by Monte Carlo) and all capabilities. A
    run's record takes its own K from `eval.importance_samples`, by way of `log_weights`.
    """

    family: ClassVar[str] = "VAE"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"continuous", "discrete", "binary"})
    latent = "posterior_mean"
    importance_samples: ClassVar[int] = 1_000
    decoder: Decoder

    def posterior(self, x: Float[Tensor, "batch *event"]) -> LatentLaw:
        """q(z | x) of each example."""
        raise NotImplementedError(f"{type(self).__name__} must define posterior(x)")

    def log_likelihood(
        self, x: Float[Tensor, "batch *event"], z: Float[Tensor, "*samples batch latent"]
    ) -> Float[Tensor, "*samples batch"]:
        """log p(x | z) in nats."""
        return self.decoder.log_prob(x.flatten(1), z)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-ELBO in nats, from one draw of z."""
        return -self.log_weights(x, 1)[0]

    def log_weights(
        self, x: Float[Tensor, "batch *event"], samples: int, context: Context = None
    ) -> Float[Tensor, "samples batch"]:
        """`(samples, batch)` nats of log p(x | z) + log p(z) - log q(z | x), with z drawn from q."""
        z, log_posterior = self.posterior(x).draw(samples)
        return self.log_likelihood(x, z) + self.log_prior(z) - log_posterior

    @torch.no_grad()
    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The IWAE-K bound of each example, in nats and without gradient; memory does not grow with K."""
        chunk = CHUNK_ELEMENTS // max(1, x.numel())
        return iwae_in_chunks(lambda size: self.log_weights(x, size, context), self.importance_samples, chunk)

    def simulate(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, "n *event"]:
        """A draw of x for each z, with the noise of `log_likelihood`."""
        return self.decoder.sample(z).reshape(len(z), *self.data.event_shape)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Draws from the model's density: z from the prior, then x from p(x | z) with its noise."""
        return self.simulate(self.prior_sample(n))

    def encode(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, "batch latent"]:
        """The posterior mean, `(batch, latent_size)`."""
        return self.posterior(x).mean

    def decode(self, z: Float[Tensor, "batch latent"], context: Context = None) -> Float[Tensor, "batch *event"]:
        """The decoder's mean in model space; the probability of a 1 for binary data."""
        return self.decoder.mean(z).reshape(len(z), *self.data.event_shape)


def check_used(activation: str) -> None:
    """Refuses an activation that convolutions would not use.

    Raises:
        BenchError: it is not the default.
    """
    if activation != "relu":
        raise BenchError(f"model.activation={activation} has no effect on model.coders=conv; leave it out")


class GaussianLatentEntry(LatentEntry):
    """A latent-variable entry whose posterior is a diagonal Gaussian, read off an encoder, and its decoder.

    Attributes:
        other_sizes: hidden sizes of the entry's other nets.
        activates_others: whether these nets use the activation as well.
    """

    activates_others: ClassVar[bool] = False

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        others: Sequence[int] = (),
        coders: Coders = "perceptron",
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder, decoder and the entry's other nets.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            others: proportions of the other nets' hidden layers, on the scale of `shape`.
            coders: `perceptron`, or `conv` for those of `vae_conv`, whose levels share their channels as `shape` says.

        Raises:
            BenchError: for a size or a proportion out of range, or an unknown activation or kind of coders.
            NotApplicable: for data with a context, or convolutions of what are no pictures or cannot be halved.
        """
        super().__init__(data, width=width, latent_size=latent_size)
        self.own_shape, self.standardise = self.picture_form({"coders": coders})
        self.takes_bfloat16 = coders == "conv"
        if coders == "conv":
            if not self.activates_others:
                check_used(activation)
            sizes = conv_sizes(data, width, shape, BLOCKS, type(self).__name__, others=others)
            trunk, self.other_sizes = ConvEncoder(sizes.image_shape, sizes.down, BLOCKS), sizes.others
            self.encoder = DiagonalEncoder(trunk, self.latent_size)
            self.decoder = conv_decoder_for(data, self.latent_size, sizes, BLOCKS)
        else:
            encoder_sizes, decoder_sizes, self.other_sizes = shared_sizes(data, width, shape, others)
            self.encoder = DiagonalEncoder(Encoder(data.dim, encoder_sizes, activation), self.latent_size)
            self.decoder = decoder_for(data, self.latent_size, decoder_sizes, activation)

    @classmethod
    def picture_form(cls, options: Mapping[str, Any]) -> PictureForm:
        """Convolutions take pictures in their own shape, standardised as a whole.

        Raises:
            BenchError: there are no coders of that name.
        """
        chosen = options.get("coders", "perceptron")
        if chosen not in CODERS:
            raise unknown("kind of coders", chosen, CODERS, "model.coders")
        return PictureForm(True, "image") if chosen == "conv" else super().picture_form(options)

    def posterior(self, x: Float[Tensor, "batch *event"]) -> LatentLaw:
        """q(z | x) = N(mean(x), diag exp(2 log_scale(x)))."""
        law: DiagonalGaussian = self.encoder(x.flatten(1))
        return law

    def proposal(self, x: Float[Tensor, "batch *event"]) -> Proposal:
        """The posterior, whose mean and scale can be refined."""
        law: DiagonalGaussian = self.encoder(x.flatten(1))
        return law
