"""Dequantisation: uniform noise on integer levels, fresh in training, fixed by a seed in evaluation."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def dequantised(raw: Shaped[Tensor, "batch *event"], generator: torch.Generator) -> Float[Tensor, "batch *event"]:
    """Levels plus noise, y = raw + u with u ~ U[0, 1) drawn from `generator`."""
    return uniform(raw.shape, generator).add_(raw.float())


def uniform(shape: torch.Size, generator: torch.Generator) -> Float[Tensor, "*shape"]:
    """Independent draws from {0, 1, ..., 65535} / 65536, float32 on the generator's device.

    That is as fine as float32 itself between 128 and 256, and costs a third of `torch.rand` on a CPU, whose generator
    would otherwise take most of the time of a batch: one word of 64 random bits makes four draws.
    """
    count = shape.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=generator.device)
    # Without an upper bound all 64 bits are drawn. Read as int16 they are uniform on -32768, ..., 32767: over 65536
    # that is [-1/2, 1/2), and 1/2 more is [0, 1).
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[:count].view(shape).float().mul_(2**-16).add_(0.5)
