"""What tests of entries share."""

from typing import TypeVar

import torch
from torch import nn

from bench.models.entry import Entry
from bench.spec import DataSpec

Net = TypeVar("Net", bound=nn.Module)


def perturbed(net: Net, scale: float = 0.2) -> Net:
    """The net with noise on every parameter: an identity start hides wrong signs."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return net


def count(cls: type[Entry], data: DataSpec, width: int) -> int:
    return sum(p.numel() for p in cls(data, width=width).parameters())
