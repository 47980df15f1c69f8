"""The VAE of pictures: gated convolutional encoder and decoder around the latent vector of `vae`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bench.errors import NotApplicable, unknown
from bench.models.entry import PictureForm
from bench.models.parts.coders import Trunk
from bench.models.parts.conv_coders import ConvEncoder, ConvLogisticDecoder, LevelEncoder, conv_decoder_for
from bench.models.parts.conv_sizes import conv_sizes
from bench.models.parts.elbo import check_not_negative
from bench.models.parts.levels import GreyLevels
from bench.models.vae import ENCODERS, VAE
from bench.spec import DataSpec, Standardise

MIXTURES = {"discretised_logistic": 1, "logistic_mixture": 5}
"""Decoders of levels, and the logistics of each pixel."""
DECODERS = ("bernoulli", "gaussian", *MIXTURES)


class VAEConv(VAE):
    """The VAE p(x) = ∫ p(x | z) N(z; 0, I) dz of pictures, trained on the ELBO with the analytic KL divergence."""

    version = 1  # its own, not that of vae
    own_shape = True
    takes_bfloat16 = True
    standardise: Standardise = "image"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 2),
        blocks: int = 1,
        decoder: Literal["bernoulli", "gaussian", "discretised_logistic", "logistic_mixture"] | None = None,
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
            decoder: law of a pixel given z; null takes `bernoulli` for bits and `gaussian` for all other data. Those of
                levels, `discretised_logistic` and `logistic_mixture` of five, give the probability of a grey level.
            posterior, samples, beta, free_bits, kl_warmup: as those of `vae`.

        Raises:
            BenchError: for a size, a number of samples or a share out of range, or an unknown name.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, data with a context, and
                a decoder of another kind of data.
        """
        super(VAE, self).__init__(
            data, width=width, latent_size=latent_size, samples=samples, beta=beta, kl_warmup=kl_warmup
        )
        if posterior not in ENCODERS:
            raise unknown("posterior", posterior, ENCODERS, "model.posterior")
        check_not_negative(free_bits=free_bits)
        self.free_bits = free_bits
        self.own_shape, self.standardise = self.picture_form({"decoder": decoder})
        sizes = conv_sizes(data, width, shape, blocks, type(self).__name__)
        trunk: Trunk = ConvEncoder(sizes.image_shape, sizes.down, blocks)
        if decoder in MIXTURES:
            levels = GreyLevels.of(data, f"model.decoder={decoder}")
            trunk = LevelEncoder(trunk, levels)
            self.decoder = ConvLogisticDecoder(self.latent_size, sizes, blocks, MIXTURES[decoder], levels)
        else:
            if decoder not in (None, "bernoulli" if data.kind == "binary" else "gaussian"):
                raise NotApplicable(f"model.decoder={decoder} is no law of {data.kind} pixels; leave it null")
            self.decoder = conv_decoder_for(data, self.latent_size, sizes, blocks)
        self.encoder = ENCODERS[posterior](trunk, self.latent_size)

    @classmethod
    def picture_form(cls, options: Mapping[str, Any]) -> PictureForm:
        """A decoder of levels takes their plain logits.

        Raises:
            BenchError: there is no decoder of that name.
        """
        decoder = options.get("decoder")
        if decoder is not None and decoder not in DECODERS:
            raise unknown("decoder", decoder, DECODERS, "model.decoder")
        return PictureForm(True, "none") if decoder in MIXTURES else super().picture_form(options)
