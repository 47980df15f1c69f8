"""Invertible maps of pictures: channel-wise norms, couplings, and levels that factor out half of what they have made.

Each maps `(batch, channels, height, width)` to the same shape and gives its log-determinant, `(batch,)` nats; `inverse`
goes back and gives that of the way back.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import prod

import torch
from jaxtyping import Float
from nflows.transforms import Transform
from torch import Tensor, nn

from bench.models.parts.conv_net import GatedConvNet
from bench.models.parts.precision import exact
from bench.models.parts.recompute import called
from bench.models.parts.squeeze import squeezed, unsqueezed

INITIAL_GAIN = 0.01
"""Factor on a conditioner's last layer: the flow starts near the identity, yet every weight gets a gradient."""

Pictures = Float[Tensor, "batch channels height width"]
LogDet = Float[Tensor, " batch"]


class PictureMap(nn.Module):
    """An invertible map of pictures to pictures of the same shape."""

    def forward(self, x: Pictures) -> tuple[Pictures, LogDet]:
        """The picture and the log-determinant."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(x)")

    def inverse(self, y: Pictures) -> tuple[Pictures, LogDet]:
        """The way back and its log-determinant."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse(y)")


class ChannelNorm(PictureMap):
    """A scale and a shift of each channel, y = x exp(s) + t, from the identity (Kingma & Dhariwal 2018, section 3.1).

    The usual start, by the moments of a first batch, is left out: pictures come standardised as a whole.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Pictures) -> tuple[Pictures, LogDet]:
        """Scaled and shifted."""
        return torch.addcmul(self.shift, x, torch.exp(self.log_scale)), self.log_det(x)

    def inverse(self, y: Pictures) -> tuple[Pictures, LogDet]:
        """As they were."""
        return (y - self.shift) * torch.exp(-self.log_scale), -self.log_det(y)

    def log_det(self, x: Pictures) -> LogDet:
        """That of the map, the same for each picture."""
        return (x.shape[2] * x.shape[3] * self.log_scale.sum()).expand(len(x))


class Shuffle(PictureMap):
    """Channels in another order, drawn once."""

    order: Tensor
    back: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        order = torch.randperm(channels)
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))

    def forward(self, x: Pictures) -> tuple[Pictures, LogDet]:
        """In the new order."""
        return x[:, self.order], x.new_zeros(len(x))

    def inverse(self, y: Pictures) -> tuple[Pictures, LogDet]:
        """In the order of before."""
        return y[:, self.back], y.new_zeros(len(y))


class ChannelMixing(PictureMap):
    """An invertible 1 x 1 convolution, y = P L (U + diag(s)) x, from a random rotation (Kingma & Dhariwal 2018, 3.2).

    P is fixed, L unit lower and U strictly upper triangular, the signs of s fixed.
    """

    permutation: Tensor
    signs: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels)).Q
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.register_buffer("permutation", permutation)
        self.register_buffer("signs", diagonal.sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_scale = nn.Parameter(diagonal.abs().log())

    def triangles(self) -> tuple[Float[Tensor, "channels channels"], Float[Tensor, "channels channels"]]:
        """L and U + diag(s)."""
        unit = torch.eye(len(self.signs), dtype=self.lower.dtype, device=self.lower.device)
        return self.lower.tril(-1) + unit, self.upper.triu(1) + torch.diag(self.signs * torch.exp(self.log_scale))

    def forward(self, x: Pictures) -> tuple[Pictures, LogDet]:
        """Channels mixed at every place by one matrix."""
        with exact(x.device):  # rounded, it would not be the map of this determinant
            lower, upper = self.triangles()
            weight = self.permutation @ lower @ upper
            return nn.functional.conv2d(x, weight[:, :, None, None]), self.log_det(x)

    def inverse(self, y: Pictures) -> tuple[Pictures, LogDet]:
        """As they were."""
        lower, upper = self.triangles()
        columns = self.permutation.T @ y.transpose(0, 1).flatten(1)
        half = torch.linalg.solve_triangular(lower, columns, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, half, upper=True)
        return x.reshape(y.shape[1], len(y), *y.shape[2:]).transpose(0, 1), -self.log_det(y)

    def log_det(self, x: Pictures) -> LogDet:
        """That of the map, the same for each picture."""
        return (x.shape[2] * x.shape[3] * self.log_scale.sum()).expand(len(x))


class ConvCoupling(PictureMap):
    """y = (x2 exp(s(x1)) + t(x1), x1): the second part of the channels given the first, and the parts swapped.

    s is a tanh times a factor of each channel, which is learned.
    """

    def __init__(self, kept: int, channels: int, hidden: int, blocks: int, recompute: bool = False) -> None:
        """Conditions the last `channels - kept` channels on the first `kept`, by `hidden` channels inside.

        With `recompute` these are made again in the backward pass.
        """
        super().__init__()
        self.recompute = recompute
        self.kept, self.changed = kept, channels - kept
        self.net = GatedConvNet(kept, hidden, 2 * self.changed, blocks, INITIAL_GAIN)
        self.factor = nn.Parameter(torch.ones(self.changed, 1, 1))

    def forward(self, x: Pictures) -> tuple[Pictures, LogDet]:
        """The changed channels in front."""
        kept, changed = x.tensor_split([self.kept], 1)
        log_scale, shift = self.scale_and_shift(kept)
        return torch.cat((torch.addcmul(shift, changed, torch.exp(log_scale)), kept), 1), log_scale.flatten(1).sum(1)

    def inverse(self, y: Pictures) -> tuple[Pictures, LogDet]:
        """The kept channels in front again."""
        changed, kept = y.tensor_split([self.changed], 1)
        log_scale, shift = self.scale_and_shift(kept)
        return torch.cat((kept, (changed - shift) * torch.exp(-log_scale)), 1), -log_scale.flatten(1).sum(1)

    def scale_and_shift(self, kept: Pictures) -> tuple[Pictures, Pictures]:
        """The log-scale and the shift of the channels that change."""
        raw, shift = called(self.net, kept, self.recompute).chunk(2, 1)
        return torch.tanh(raw) * self.factor, shift


class Chain(PictureMap):
    """Maps one after the other."""

    def __init__(self, maps: Sequence[PictureMap]) -> None:
        super().__init__()
        self.maps = nn.ModuleList(maps)

    def forward(self, x: Pictures) -> tuple[Pictures, LogDet]:
        """Through all of them."""
        total = x.new_zeros(len(x))
        for each in self.maps:
            x, log_det = each(x)
            total = total + log_det
        return x, total

    def inverse(self, y: Pictures) -> tuple[Pictures, LogDet]:
        """Back through all of them."""
        total = y.new_zeros(len(y))
        for each in reversed(list(self.maps)):
            assert isinstance(each, PictureMap)
            y, log_det = each.inverse(y)
            total = total + log_det
        return y, total


class Levels(Transform):  # type: ignore[misc]
    """Levels of maps: each first squeezes, then maps, and all but the last then factor out half of the channels.

    As nflows' transforms do, it maps flat events to flat latents of as many numbers: those that were factored out
    first stand first.
    """

    def __init__(self, image_shape: tuple[int, int, int], levels: Sequence[PictureMap]) -> None:
        """`levels` has the map of each, of four times the channels that the level before leaves."""
        super().__init__()
        self.image_shape = image_shape
        self.levels = nn.ModuleList(levels)

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Latents and log-determinant, `(batch, dim)` and `(batch,)`."""
        x = inputs.reshape(-1, *self.image_shape)
        out: list[Tensor] = []  # `list[Tensor]()` would not compile
        total = inputs.new_zeros(len(inputs))
        for number, level in enumerate(self.levels):
            x, log_det = level(squeezed(x))
            total = total + log_det
            if number < len(self.levels) - 1:
                done, x = x.chunk(2, 1)
                out.append(done.flatten(1))
        return torch.cat([*out, x.flatten(1)], 1), total

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Events and the log-determinant of the way back, `(batch, dim)` and `(batch,)`."""
        shapes = latent_shapes(self.image_shape, len(self.levels))
        ends = list(accumulate(prod(shape) for shape in shapes))
        parts = inputs.tensor_split(ends[:-1], 1)
        total = inputs.new_zeros(len(inputs))
        x: Tensor | None = None
        for level, part, shape in reversed(list(zip(self.levels, parts, shapes, strict=True))):
            assert isinstance(level, PictureMap)
            own = part.reshape(-1, *shape)
            x, log_det = level.inverse(own if x is None else torch.cat((own, x), 1))
            total, x = total + log_det, unsqueezed(x)
        assert x is not None
        return x.flatten(1), total


def latent_shapes(image_shape: tuple[int, int, int], levels: int) -> list[tuple[int, int, int]]:
    """The shape of what each level factors out; that of the last is all it has."""
    shapes = []
    channels, height, width = image_shape
    for number in range(levels):
        channels, height, width = 4 * channels, height // 2, width // 2
        if number < levels - 1:
            channels //= 2
        shapes.append((channels, height, width))
    return shapes
