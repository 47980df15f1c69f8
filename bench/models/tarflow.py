"""The transformer autoregressive flow of pictures (Zhai et al. 2024, arXiv:2412.06329)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.errors import BenchError, NotApplicable
from bench.models.entry import Context
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.flow import Flow
from bench.models.parts.networks import soft_clamp, spread
from bench.models.parts.patches import LogDet, OverPatches, Tokens, settled_patch
from bench.models.parts.recompute import called
from bench.models.parts.transformer import LEAST_FEATURES, Cache, Transformer
from bench.models.parts.weight_average import WeightAverage
from bench.spec import DataSpec

LOG_SCALE_BOUND = 3.0
"""Largest |log-scale| of a block: without a bound trainings at high rates diverge."""
PATCHES_ACROSS = 4
"""That an unset patch leaves, where it can."""
INITIAL_GAIN = 0.01
"""Standard deviation of a new block's shifts and log-scales: near the identity, yet every weight gets a gradient."""


class CausalBlock(nn.Module):
    """z_t = (x_t - b_t) exp(-a_t), where a transformer reads (a_t, b_t) off x_1, ..., x_{t-1}; the first stays."""

    def __init__(
        self, tokens: int, numbers: int, features: int, layers: int, recompute: bool, turned: bool = False
    ) -> None:
        """`numbers` are those of a token, `features` those of the transformer.

        With `turned` the order of the tokens is turned around first.
        """
        super().__init__()
        self.recompute, self.turned = recompute, turned
        self.net = Transformer(tokens - 1, numbers, features, 2 * numbers, layers, INITIAL_GAIN)

    def forward(self, x: Tokens) -> tuple[Tokens, LogDet]:
        """All tokens at once, and the log-determinant."""
        x = x.flip(1) if self.turned else x
        raw, shift = called(self.net, x[:, :-1], self.recompute).chunk(2, -1)
        log_scale = soft_clamp(raw, LOG_SCALE_BOUND)
        z = torch.cat((x[:, :1], (x[:, 1:] - shift) * torch.exp(-log_scale)), 1)
        return z, -log_scale.flatten(1).sum(1)

    def inverse(self, z: Tokens) -> tuple[Tokens, LogDet]:
        """Token by token: each needs those before."""
        x, log_det = [z[:, 0]], z.new_zeros(len(z))
        caches: list[Cache | None] = [None] * len(self.net.layers)
        for number in range(z.shape[1] - 1):
            raw, shift = self.net.step(x[-1], number, caches).chunk(2, -1)
            log_scale = soft_clamp(raw, LOG_SCALE_BOUND)
            x.append(torch.addcmul(shift, z[:, number + 1], torch.exp(log_scale)))
            log_det = log_det + log_scale.sum(1)
        found = torch.stack(x, 1)
        return found.flip(1) if self.turned else found, log_det


class TarFlow(Flow):
    """A flow z = f(x) of pictures, z ~ N(0, I), each block autoregressive over patches."""

    own_shape = True
    takes_bfloat16 = True
    standardise = "image"

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        patch: int | None = None,
        blocks: int = 4,
        layers: int = 2,
        noise: float = 0.0,
        average: float = 0.0,
        recompute: bool = False,
    ) -> None:
        """Builds the flow.

        Args:
            data: what an example is, a picture in its own shape.
            width: features in all, spread over the transformers of all blocks, at least two each.
            patch: side of a patch in pixels; null takes the largest up to 4 that leaves four across each side, else 1.
            blocks: autoregressive maps, in both orders of patches in turn.
            layers: of each block's transformer.
            noise: standard deviation, in model space, of Gaussian noise that training adds to examples. Samples then
                take one step x + noise² ∇ log p(x) back. At 0 there is neither.
            average: width of the average of weights that is evaluated, as a share of the steps; 0 takes the last ones.
            recompute: whether a block's transformer is computed again in the backward pass: for a third more time the
                features of one block at a time are held.

        Raises:
            BenchError: for a number below 1, a negative noise, a patch below 1, or an average out of range.
            NotApplicable: for data that are no pictures, a patch that does not divide them or is all of them, and data
                with a context.
        """
        super().__init__(data, width=width)
        for name, value in {"blocks": blocks, "layers": layers}.items():
            if value < 1:
                raise BenchError(f"model.{name}={value}: give at least 1")
        if not 0 <= noise < float("inf"):
            raise BenchError(f"model.noise={noise} is no standard deviation: give a number from 0")
        self.noise = noise
        image_shape, side = settled_patch(data, patch, type(self).__name__, PATCHES_ACROSS)
        if image_shape[1] * image_shape[2] == side**2:
            raise NotApplicable(f"{type(self).__name__}: one patch is all of the picture: give a smaller model.patch")
        tokens, numbers = image_shape[1] * image_shape[2] // side**2, image_shape[0] * side**2
        features = [max(LEAST_FEATURES, share) for share in spread(width, [1] * blocks)]
        made = [CausalBlock(tokens, numbers, size, layers, recompute, n > 0) for n, size in enumerate(features)]
        self.transform = OverPatches(image_shape, side, made)
        self.average = WeightAverage(self, average) if average else None

    def evaluation_weights(self) -> dict[str, Tensor]:
        """The averaged weights, where they are averaged."""
        return {} if self.average is None else self.average.weights()

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual step, after which the average is brought up to date."""
        return GradientStep(self, settings, self.average)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats, of noisy examples where there is `noise`."""
        return super().loss(x + self.noise * torch.randn_like(x) if self.noise else x)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Draws of z from N(0, I), pushed through the inverse, and denoised where there is `noise`."""
        x = super().sample(n)
        return self.denoised(x) if self.noise else x

    def denoised(self, x: Float[Tensor, "n *event"]) -> Float[Tensor, "n *event"]:
        """x + noise² ∇ log p(x): the mean of the clean picture given a noisy one (Tweedie's formula)."""
        with torch.inference_mode(False), torch.enable_grad():
            x = x.detach().clone().requires_grad_()
            (score,) = torch.autograd.grad(self._log_prob(x).sum(), x)
        return (x + self.noise**2 * score).detach()

    def note(self) -> str | None:
        """Says that samples were denoised."""
        return f"samples take one step of denoising at noise {self.noise:g}" if self.noise else None

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: nothing changes from step to step."""
        return "works"
