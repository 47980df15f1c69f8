"""Averages of weights over the steps of training, and the weights that an entry is evaluated with.

After step t the average of a weight w is

    a_t = β_t a_{t-1} + (1 - β_t) w_t,  β_t = (1 - 1/t)^(γ + 1),

a power of t in place of an exponential (Karras et al. 2024, arXiv:2312.02696, section 3): its profile is as wide, as a
share of training, after few steps as after many. So one width serves every budget.
"""

import numpy as np
import torch
from torch import Tensor, nn

from bench.errors import BenchError

WIDEST = 0.25
"""Largest width: at 0.289 all steps count alike, beyond it the first ones would count most."""


class WeightAverage(nn.Module):
    """The average of the trainable weights of a net, in buffers."""

    steps: Tensor

    def __init__(self, net: nn.Module, width: float) -> None:
        """Begins with the weights as they are.

        Args:
            net: whose weights are averaged; the average must not be a part of it yet.
            width: standard deviation of the profile as a share of the steps taken.

        Raises:
            BenchError: the width is not above 0, or above `WIDEST`.
        """
        super().__init__()
        self.exponent = exponent(width)
        self.names = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
        for name in self.names:
            self.register_buffer(buffer_name(name), net.get_parameter(name).detach().clone())
        self.register_buffer("steps", torch.zeros((), dtype=torch.float64))

    def weights(self) -> dict[str, Tensor]:
        """The averaged weights by the names of the net's own."""
        return {name: self.get_buffer(buffer_name(name)) for name in self.names}

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Counts one more step, after which the net has the weights that it has now. Nothing waits for the device."""
        self.steps += 1
        share = 1 - (1 - 1 / self.steps) ** self.exponent
        for name, average in self.weights().items():
            average.lerp_(net.get_parameter(name), share.to(average.dtype))


def buffer_name(name: str) -> str:
    """The name of a weight's average: a buffer's has no dots, and is none of a module's own attributes."""
    return "of/" + name.replace(".", "/")


def exponent(width: float) -> float:
    """γ + 1 of the profile whose standard deviation is `width` of the steps taken (Karras et al. 2024, appendix C).

    Raises:
        BenchError: the width is not above 0, or above `WIDEST`.
    """
    if not 0 < width <= WIDEST:
        raise BenchError(
            f"model.average={width:g}: give a share of the steps above 0, at most {WIDEST}, or 0 for the weights as "
            "they are"
        )
    # (γ + 1) / ((γ + 2)² (γ + 3)) = width², the variance of a power's profile.
    roots = np.roots([1, 7, 16 - width**-2, 12 - width**-2])
    return float(roots[abs(roots.imag) < 1e-9].real.max()) + 1
