"""Jet: couplings of pictures by small vision transformers (Kolesnikov et al. 2024, arXiv:2412.15129)."""

from typing import Literal

import torch
from torch import Tensor, nn

from bench.errors import BenchError, NotApplicable
from bench.models.parts.flow import Flow
from bench.models.parts.networks import soft_clamp, spread
from bench.models.parts.patches import LogDet, OverPatches, Tokens, settled_patch
from bench.models.parts.recompute import called
from bench.models.parts.transformer import LEAST_FEATURES, Transformer
from bench.spec import DataSpec

LOG_SCALE_BOUND = 3.0
"""Largest |log-scale| of a coupling."""
PATCHES_ACROSS = 2
"""That an unset patch leaves, where it can. On digits patches of 4 were 7 nats better than of 2, in half the time."""
INITIAL_GAIN = 0.01
"""Standard deviation of a new coupling's shifts and log-scales: near the identity, yet every weight gets a gradient."""


class TokenCoupling(nn.Module):
    """y = (x2 exp(s(x1)) + t(x1), x1) of every patch, its numbers put in an order drawn once and then cut in two.

    s and t of a patch are read off the first halves of all patches.
    """

    order: Tensor
    back: Tensor

    def __init__(self, tokens: int, numbers: int, features: int, layers: int, recompute: bool) -> None:
        """`numbers` are those of a patch, `features` those of the transformer."""
        super().__init__()
        self.recompute = recompute
        self.kept, self.changed = numbers // 2, numbers - numbers // 2
        order = torch.randperm(numbers)
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))
        self.net = Transformer(tokens, self.kept, features, 2 * self.changed, layers, INITIAL_GAIN, causal=False)

    def forward(self, x: Tokens) -> tuple[Tokens, LogDet]:
        """The changed numbers in front, and the log-determinant."""
        kept, changed = x[..., self.order].tensor_split([self.kept], -1)
        log_scale, shift = self.scale_and_shift(kept)
        return torch.cat((torch.addcmul(shift, changed, torch.exp(log_scale)), kept), -1), log_scale.flatten(1).sum(1)

    def inverse(self, y: Tokens) -> tuple[Tokens, LogDet]:
        """The numbers as they were."""
        changed, kept = y.tensor_split([self.changed], -1)
        log_scale, shift = self.scale_and_shift(kept)
        x = torch.cat((kept, (changed - shift) * torch.exp(-log_scale)), -1)
        return x[..., self.back], -log_scale.flatten(1).sum(1)

    def scale_and_shift(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """The log-scale and the shift of the numbers that change."""
        raw, shift = called(self.net, kept, self.recompute).chunk(2, -1)
        return soft_clamp(raw, LOG_SCALE_BOUND), shift


class Jet(Flow):
    """A flow z = f(x) of pictures, z ~ N(0, I), of couplings whose nets see all patches at once."""

    own_shape = True
    standardise = "image"
    takes_bfloat16 = True

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        patch: int | None = None,
        couplings: int = 8,
        layers: int = 2,
        recompute: bool = False,
    ) -> None:
        """Builds the flow.

        Args:
            data: what an example is, a picture in its own shape.
            width: features in all, spread over the transformers of all couplings, at least two each.
            patch: side of a patch in pixels; null takes the largest up to 4 that leaves two across each side, else 1.
            couplings: of them all, each of other halves of a patch.
            layers: of each coupling's transformer.
            recompute: whether a coupling's transformer is computed again in the backward pass: for a third more time
                the features of one coupling at a time are held.

        Raises:
            BenchError: for a number or a patch below 1.
            NotApplicable: for data that are no pictures, a patch that does not divide them or has one number, and data
                with a context.
        """
        super().__init__(data, width=width)
        for name, value in {"couplings": couplings, "layers": layers}.items():
            if value < 1:
                raise BenchError(f"model.{name}={value}: give at least 1")
        image_shape, side = settled_patch(data, patch, type(self).__name__, PATCHES_ACROSS)
        numbers = image_shape[0] * side**2
        if numbers < 2:
            raise NotApplicable(
                f"{type(self).__name__}: a patch of one number has no halves: give a larger model.patch"
            )
        tokens = image_shape[1] * image_shape[2] // side**2
        features = [max(LEAST_FEATURES, share) for share in spread(width, [1] * couplings)]
        made = [TokenCoupling(tokens, numbers, size, layers, recompute) for size in features]
        self.transform = OverPatches(image_shape, side, made)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works`: nothing changes from step to step."""
        return "works"
