"""Variational dequantisation as an invertible map (Ho et al. 2019, arXiv:1902.00275, section 3.1).

The data set adds noise u ~ U(0, 1) to a level v. Splines T_v bend it, u' = T_v(u), and what is modelled is v + u'. They
depend on all levels of the picture and on other pixels' noise. The mean of log p over u is then the bound

    log P(v) ≥ E [log p(v + u') - log q(u' | v)],

where q is the law of u'. The map is one to one on every unit cube, hence a part of the flow like any other: its
log-determinant counts, and densities stay exact. Samples go back through it.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from nflows.transforms import Transform
from torch import Tensor, nn

from bench.models.parts.conv_flow import INITIAL_GAIN
from bench.models.parts.conv_net import GatedConvNet
from bench.models.parts.levels import GreyLevels
from bench.models.parts.monotone import Spline
from bench.models.parts.squeeze import squeezed, unsqueezed

SPLINE = Spline(bound=1.0)
"""Of noise on [-1, 1]: ends stay ends, so that noise stays within its level."""

Pictures = Float[Tensor, "batch channels height width"]
Noise = Float[Tensor, "batch channels height width"]


class NoiseCoupling(nn.Module):
    """One half of the channels of squeezed noise, bent given the other half and the levels."""

    def __init__(self, channels: int, hidden: int, blocks: int, first: bool) -> None:
        """Bends the first half of `channels` or the second, by `hidden` channels inside."""
        super().__init__()
        self.first = first
        half = channels // 2
        self.net = GatedConvNet(half + channels, hidden, half * SPLINE.outputs, blocks, INITIAL_GAIN)

    def forward(
        self, noise: Noise, levels: Pictures, inside: Pictures, back: bool = False
    ) -> tuple[Noise, Float[Tensor, " batch"]]:
        """Bent noise and the log-determinant.

        Args:
            noise: on [-1, 1].
            levels: as the net sees them.
            inside: 1 where a pixel has a level, else 0; there noise is left as it is.
            back: whether the noise of before is asked for.
        """
        (kept, changed), there = self.halves(noise), self.halves(inside)[1]
        raw = self.net(torch.cat((kept, levels), 1)).unflatten(1, (-1, SPLINE.outputs)).movedim(2, -1)
        spline = SPLINE(raw * there.unsqueeze(-1))
        before = spline.inv(changed) if back else changed
        bent, slopes = spline.call_and_ladj(before)
        log_det = slopes.flatten(1).sum(1)
        return (self.joined(kept, before), -log_det) if back else (self.joined(kept, bent), log_det)

    def halves(self, x: Pictures) -> tuple[Tensor, Tensor]:
        """The channels that stay and those that change."""
        front, rear = x.chunk(2, 1)
        return (rear, front) if self.first else (front, rear)

    def joined(self, kept: Tensor, changed: Tensor) -> Tensor:
        """The inverse of `halves`."""
        return torch.cat((changed, kept) if self.first else (kept, changed), 1)


class WithinLevels(Transform):  # type: ignore[misc]
    """From plain logits of dequantised levels to such logits, bent within each level, in units of half their range.

    As nflows' transforms do, it maps flat events to flat events. Logits beyond all levels, which samples of a flow may
    have, are left as they are.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], levels: GreyLevels, hidden: Sequence[int], blocks: int
    ) -> None:
        """`hidden` are the channels of each coupling's net."""
        super().__init__()
        self.image_shape, self.levels = image_shape, levels
        self.unit = math.log((1 - levels.alpha) / levels.alpha) / 2
        channels = 4 * image_shape[0]
        self.couplings = nn.ModuleList(
            NoiseCoupling(channels, width, blocks, first=bool(number % 2)) for number, width in enumerate(hidden)
        )

    def forward(
        self, inputs: Float[Tensor, "batch dim"], context: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """Bent logits and the log-determinant."""
        x, log_det = self.bent(inputs, back=False)
        return x / self.unit, log_det - inputs.shape[1] * math.log(self.unit)

    def inverse(
        self, inputs: Float[Tensor, "batch dim"], context: Tensor | None = None
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """Logits as the data set gives them and the log-determinant of the way back."""
        x, log_det = self.bent(inputs * self.unit, back=True)
        return x, log_det + inputs.shape[1] * math.log(self.unit)

    def bent(
        self, x: Float[Tensor, "batch dim"], back: bool
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, " batch"]]:
        """Logits whose noise went through the couplings, or back through them, and the log-determinant."""
        count = self.levels.count
        y = self.levels.fractions(x) * count
        inside = ((y > 0) & (y < count)).to(x.dtype)
        level = y.detach().floor().clamp(0, count - 1)
        # Beyond a level's end noise stays at ±1, where splines end: so densities do not jump there.
        noise = self.squeezed((2 * (y - level) - 1).clamp(-1, 1))
        seen, there = self.squeezed(2 * (level + 0.5) / count - 1), self.squeezed(inside)
        total = x.new_zeros(len(x))
        for coupling in reversed(list(self.couplings)) if back else self.couplings:
            noise, log_det = coupling(noise, seen, there, back)
            total = total + log_det
        placed = self.levels.placed(level + (unsqueezed(noise).flatten(1) + 1) / 2)
        # |dx'/dx| = |dx'/dy'| |du'/du| |dy/dx|, whose middle is the couplings'.
        slopes = self.levels.log_slopes(x) - self.levels.log_slopes(placed)
        return torch.where(inside.bool(), placed, x), total + (slopes * inside).sum(1)

    def squeezed(self, flat: Float[Tensor, "batch dim"]) -> Pictures:
        """Cells of 2 x 2 pixels as channels."""
        return squeezed(flat.reshape(-1, *self.image_shape))
