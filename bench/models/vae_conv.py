"""The VAE of pictures: gated convolutional encoder and decoder around the latent vector of `vae`."""

from collections.abc import Sequence
from typing import Literal

from bench.errors import unknown
from bench.models.parts.conv_coders import ConvEncoder, conv_decoder_for
from bench.models.parts.conv_sizes import conv_sizes
from bench.models.parts.elbo import check_not_negative
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
        check_not_negative(free_bits=free_bits)
        self.free_bits = free_bits
        sizes = conv_sizes(data, width, shape, blocks, type(self).__name__)
        trunk = ConvEncoder(sizes.image_shape, sizes.down, blocks)
        self.encoder = ENCODERS[posterior](trunk, self.latent_size)
        self.decoder = conv_decoder_for(data, self.latent_size, sizes, blocks)
