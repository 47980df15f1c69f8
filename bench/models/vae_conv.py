"""The VAE of pictures: gated convolutional encoder and decoder around the latent vector of `vae`."""

from collections.abc import Sequence
from itertools import islice
from typing import Literal

from bench.errors import BenchError, unknown
from bench.models.parts.conv_coders import ConvEncoder, conv_decoder_for
from bench.models.parts.elbo import check_not_negative
from bench.models.parts.networks import check_shape, spread
from bench.models.parts.squeeze import sides_halved
from bench.models.vae import ENCODERS, VAE
from bench.spec import DataSpec


class VAEConv(VAE):
    """The VAE p(x) = ∫ p(x | z) N(z; 0, I) dz of pictures, trained on the ELBO with the analytic KL divergence."""

    version = 1  # its own, not that of vae
    own_shape = True
    standardise = "image"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 2),
        blocks: int = 1,
        posterior: Literal["diagonal", "full"] = "diagonal",
        samples: int = 1,
        beta: float = 1.0,
        free_bits: float = 0.0,
        kl_warmup: float = 0.0,
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is, a picture in its own shape.
            width: channels in all, spread over the levels of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the channels of the encoder's levels, each of half the sides of the one before; the
                decoder mirrors them.
            blocks: gated residual blocks of each level.
            posterior, samples, beta, free_bits, kl_warmup: as those of `vae`.

        Raises:
            BenchError: for a size, a number of samples or a share out of range, or an unknown name.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, and data with a context.
        """
        super(VAE, self).__init__(
            data, width=width, latent_size=latent_size, samples=samples, beta=beta, kl_warmup=kl_warmup
        )
        if posterior not in ENCODERS:
            raise unknown("posterior", posterior, ENCODERS, "model.posterior")
        if blocks < 1:
            raise BenchError(f"model.blocks={blocks}: give at least 1")
        check_not_negative(free_bits=free_bits)
        self.free_bits = free_bits
        check_shape(shape)
        image_shape = sides_halved(data, len(shape), type(self).__name__, "a model.shape of {} numbers")
        channels = channels_of(width, [*shape, *reversed(shape)])
        trunk = ConvEncoder(image_shape, channels[: len(shape)], blocks)
        self.encoder = ENCODERS[posterior](trunk, self.latent_size)
        self.decoder = conv_decoder_for(data, self.latent_size, image_shape, channels[len(shape) :], blocks)


def channels_of(width: int, shape: Sequence[int]) -> list[int]:
    """`width` channels over levels in proportion to `shape`; one more goes to one level alone."""
    shares = iter(spread(width, [1] * sum(shape)))
    return [sum(islice(shares, share)) for share in shape]
