"""Grey levels as an entry sees them: y = v + u of a level v and noise u, in logits that are not standardised.

    s = α + (1 - 2 α) y / K,  x = log(s / (1 - s)),  v = 0, ..., K - 1,  0 ≤ u < 1.

An entry that models the level itself has the density p(y) = P(v) on each unit interval, hence log p(x) = log P(v) +
log |dy/dx|.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import NotApplicable
from bench.spec import DataSpec

Values = Float[Tensor, "*batch dim"]


@dataclass(frozen=True)
class GreyLevels:
    """The way from x to y and back.

    Attributes:
        count: K.
        alpha: α.
    """

    count: int
    alpha: float

    @classmethod
    def of(cls, data: DataSpec, who: str) -> "GreyLevels":
        """Those of the data that an entry is told of.

        Args:
            data: what an example is.
            who: option that asks for levels, named in the error.

        Raises:
            NotApplicable: the data have no levels, or logits that are standardised.
        """
        if data.kind != "discrete" or data.levels is None:
            raise NotApplicable(f"{who} is for grey levels of pictures, and these data are {data.kind}")
        if data.alpha is None:
            raise NotApplicable(f"{who} is for grey levels in plain logits, whose alpha the space of these data lacks")
        return cls(data.levels, data.alpha)

    def fractions(self, x: Values) -> Values:
        """y / K; beyond [0, 1] only where no picture lies."""
        return (torch.sigmoid(x) - self.alpha) / (1 - 2 * self.alpha)

    def level(self, x: Values) -> Values:
        """v. Noise within 2e-5 of a level's end may be rounded to its neighbour's."""
        return (self.fractions(x) * self.count).floor().clamp(0, self.count - 1)

    def placed(self, y: Values) -> Values:
        """x."""
        return torch.logit(self.alpha + (1 - 2 * self.alpha) / self.count * y)

    def log_slopes(self, x: Values) -> Values:
        """log dy/dx of each coordinate, in nats."""
        return math.log(self.count / (1 - 2 * self.alpha)) - nn.functional.softplus(x) - nn.functional.softplus(-x)

    def log_slope(self, x: Values) -> Float[Tensor, "*batch"]:
        """log |det dy/dx| in nats."""
        return self.log_slopes(x).sum(-1)
