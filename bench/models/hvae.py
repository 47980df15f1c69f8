"""A hierarchical VAE of pictures with top-down inference (Sønderby et al. 2016, arXiv:1602.02282; Child 2021)."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError
from bench.laws.gaussian import DiagonalGaussian
from bench.models.entry import Context
from bench.models.parts.coders import INITIAL_LOG_SCALE, LOG_SCALE_BOUND, BernoulliLaw, GaussianLaw
from bench.models.parts.conv_net import conv_layer
from bench.models.parts.conv_sizes import conv_sizes
from bench.models.parts.elbo import check_not_negative
from bench.models.parts.latent import LatentEntry
from bench.models.parts.networks import soft_clamp
from bench.models.parts.precision import restored
from bench.models.parts.squeeze import unsqueezed
from bench.models.parts.top_down import Group, LadderEncoder, TopDown
from bench.spec import DataSpec


class Walk(NamedTuple):
    """A way through the groups with draws of the posterior; `(samples * batch, ...)` each.

    Attributes:
        z: all groups' latents side by side.
        log_posterior: log q(z | x) in nats.
        divergences: KL(q || N(0, I)) of each group in nats, given the draws before it.
        maps: the decoder's, at the largest sides.
    """

    z: Float[Tensor, "rows latent"]
    log_posterior: Float[Tensor, " rows"]
    divergences: Float[Tensor, "rows groups"]
    maps: Float[Tensor, "rows channels height width"]


class TopDownPosterior(NamedTuple):
    """q(z | x), group after group.

    Attributes:
        features: of x, of the encoder's levels.
        top_down: the decoder's groups.
    """

    features: list[Tensor]
    top_down: TopDown

    def walk(self, samples: int, mean: bool = False) -> Walk:
        """Draws of each example, or without a draw the mean of each group given those before it."""
        features = [each.repeat(samples, 1, 1, 1) for each in self.features]
        # Empty lists by annotation: `list[Tensor]()` would not compile.
        drawn: list[Tensor] = []
        log_posterior: list[Tensor] = []
        divergences: list[Tensor] = []

        def choose(number: int, group: Group, maps: Tensor) -> Tensor:
            law: DiagonalGaussian = group.law(maps, features[self.top_down.level_of[number]])
            z, log_prob = (law.mean[None], law.log_prob(law.mean)[None]) if mean else law.draw(1)
            drawn.append(z[0])
            log_posterior.append(log_prob[0])
            divergences.append(law.kl())
            return drawn[-1]

        maps = self.top_down.walk(len(features[0]), choose)
        return Walk(torch.cat(drawn, 1), torch.stack(log_posterior).sum(0), torch.stack(divergences, 1), maps)

    def draw(self, samples: int) -> tuple[Float[Tensor, "samples batch latent"], Float[Tensor, "samples batch"]]:
        """z and log q(z | x) in nats, both with gradients."""
        walk = self.walk(samples)
        return walk.z.reshape(samples, -1, walk.z.shape[1]), walk.log_posterior.reshape(samples, -1)

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The means along the way that they make, which stand for E[z | x]: that has no closed form."""
        return self.walk(1, mean=True).z


class LadderGaussian(GaussianLaw):
    """Pixels of a Gaussian whose mean and log-scale are maps read off the last of a `TopDown`."""

    def __init__(self, top_down: TopDown, channels: int, image_channels: int) -> None:
        super().__init__()
        self.top_down = top_down
        self.last = conv_layer(channels, 8 * image_channels)

    def read(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-scale, flat, of maps at half the sides."""
        mean, raw = restored(unsqueezed(self.last(nn.functional.elu(maps)))).chunk(2, 1)
        return mean.flatten(1), soft_clamp(raw.flatten(1) + INITIAL_LOG_SCALE, LOG_SCALE_BOUND)

    def log_prob_of_maps(self, x: Float[Tensor, "rows dim"], maps: Tensor) -> Float[Tensor, " rows"]:
        """log p(x | z) in nats by the maps that z led to."""
        return self.log_prob_by(x, self.read(maps))

    def forward(self, z: Float[Tensor, "*batch latent"]) -> tuple[Tensor, Tensor]:
        """Mean and log-scale of each latent."""
        mean, log_scale = self.read(self.top_down(z.reshape(-1, z.shape[-1])))
        return mean.reshape(*z.shape[:-1], -1), log_scale.reshape(*z.shape[:-1], -1)


class LadderBernoulli(BernoulliLaw):
    """Pixels whose logits are maps read off the last of a `TopDown`."""

    def __init__(self, top_down: TopDown, channels: int, image_channels: int) -> None:
        super().__init__()
        self.top_down = top_down
        self.last = conv_layer(channels, 4 * image_channels)

    def read(self, maps: Tensor) -> Tensor:
        """Logits, flat, of maps at half the sides."""
        return restored(unsqueezed(self.last(nn.functional.elu(maps)))).flatten(1)

    def log_prob_of_maps(self, x: Float[Tensor, "rows dim"], maps: Tensor) -> Float[Tensor, " rows"]:
        """log p(x | z) in nats by the maps that z led to."""
        return self.log_prob_by(x, self.read(maps))

    def forward(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """log-odds of a 1 of each latent."""
        return self.read(self.top_down(z.reshape(-1, z.shape[-1]))).reshape(*z.shape[:-1], -1)


class HVAE(LatentEntry):
    """A VAE p(x) = ∫ p(x | z) N(z; 0, I) dz whose latent is a hierarchy of maps, trained on the ELBO."""

    own_shape = True
    takes_bfloat16 = True
    standardise = "image"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        shape: Sequence[int] = (1, 2),
        blocks: int = 1,
        groups: int = 3,
        latent_channels: int = 2,
        free_bits: float = 0.0,
    ) -> None:
        """Builds encoder, groups and decoder.

        Args:
            data: what an example is, a picture in its own shape.
            width: channels in all, spread over the levels of encoder and decoder.
            shape: proportions of the channels of the encoder's levels, each of half the sides of the one before; the
                decoder mirrors them.
            blocks: gated residual blocks of each of the encoder's levels; the decoder has one for each group.
            groups: stochastic layers, dealt out to the levels in turn, the smallest sides first.
            latent_channels: maps of latents of each group.
            free_bits: nats of each group's KL divergence that cost nothing, counted per example.

        Raises:
            BenchError: for a size or a number out of range.
            NotApplicable: for data that are no pictures, sides that cannot be halved so often, and data with a context.
        """
        for name, value in {"groups": groups, "latent_channels": latent_channels}.items():
            if value < 1:
                raise BenchError(f"model.{name}={value}: give at least 1")
        check_not_negative(free_bits=free_bits)
        image_shape, down, up, _ = conv_sizes(data, width, shape, blocks, type(self).__name__)
        dealt = [len(range(level, groups, len(shape))) for level in range(len(shape))]
        top_down = TopDown(image_shape, up, down[::-1], dealt, latent_channels)
        super().__init__(data, width=width, latent_size=sum(top_down.sizes))
        self.free_bits = free_bits
        self.encoder = LadderEncoder(image_shape, down, blocks)
        decoder = LadderBernoulli if data.kind == "binary" else LadderGaussian
        self.decoder: LadderBernoulli | LadderGaussian = decoder(top_down, up[-1], image_shape[0])

    def posterior(self, x: Float[Tensor, "batch *event"]) -> TopDownPosterior:
        """q(z | x), group after group."""
        return TopDownPosterior(self.encoder(x.flatten(1)), self.decoder.top_down)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-ELBO in nats by one draw, the divergence of each group in closed form and at `free_bits` at least."""
        walk = self.posterior(x).walk(1)
        fit = self.decoder.log_prob_of_maps(x.flatten(1), walk.maps)
        divergences = walk.divergences.clamp(min=self.free_bits) if self.free_bits else walk.divergences
        return divergences.sum(1) - fit

    def log_weights(
        self, x: Float[Tensor, "batch *event"], samples: int, context: Context = None
    ) -> Float[Tensor, "samples batch"]:
        """`(samples, batch)` nats of log p(x | z) + log p(z) - log q(z | x), from one way through the groups."""
        walk = self.posterior(x).walk(samples)
        fit = self.decoder.log_prob_of_maps(x.flatten(1).repeat(samples, 1), walk.maps)
        return (fit + self.log_prior(walk.z) - walk.log_posterior).reshape(samples, len(x))

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: nothing changes from step to step."""
        return "works"
