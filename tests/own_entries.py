"""Entries as a user would write them outside the project, each of them with one habit that a test is about."""

import math
import os
import time
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from bench.data.toy_densities import EightGaussians
from bench.models.entry import Entry, LogProb


class Affine(Entry):
    """x = exp(s) z + the sum of `width` shifts: 2 dim x (width + 1) / 2 parameters and an exact density."""

    family = "affine"
    latent = "exact"

    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        self.shifts = nn.Parameter(0.1 * torch.randn(width, data.dim))
        self.log_scale = nn.Parameter(torch.zeros(data.dim))

    def loss(self, x, context=None):
        return -self.log_prob(x).value

    def sample(self, n, context=None):
        return self.decode(torch.randn(n, self.data.dim))

    def log_prob(self, x, context=None):
        z = self.encode(x)
        log_normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        return LogProb(log_normal - self.log_scale.sum(), "exact", is_bound=False)

    def encode(self, x, context=None):
        return (x - self.shifts.sum(0)) * torch.exp(-self.log_scale)

    def decode(self, z, context=None):
        return z * torch.exp(self.log_scale) + self.shifts.sum(0)


class BinaryOnly(Affine):
    """Models pixels of 0 or 1 and nothing else."""

    kinds = frozenset({"binary"})


class Pictures(Affine):
    """The same map, of pictures as (channels, height, width): it refuses flat ones."""

    own_shape = True

    def encode(self, x, context=None):
        assert x.shape[1:] == self.data.image_shape == self.data.event_shape
        return super().encode(x.flatten(1))

    def decode(self, z, context=None):
        return super().decode(z).reshape(len(z), *self.data.event_shape)


class Noisy(Affine):
    """Draws from torch's global generator in its loss and keeps a buffer: both must outlive a kill."""

    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def loss(self, x, context=None):
        if self.training:
            self.calls += 1
        return -self.log_prob(x + 0.1 * torch.randn_like(x)).value


class Diverging(Noisy):
    """Its loss is NaN from step `at_step` on."""

    def __init__(self, data, *, width: int, at_step: int = 7):
        super().__init__(data, width=width)
        self.at_step = at_step

    def loss(self, x, context=None):
        loss = super().loss(x)
        return loss * math.nan if self.training and self.calls >= self.at_step else loss


class Crashing(Affine):
    """Breaks in its loss while the file `mended` does not exist."""

    def __init__(self, data, *, width: int, mended: str = "nowhere"):
        super().__init__(data, width=width)
        self.mended = Path(mended)

    def loss(self, x, context=None):
        if not self.mended.exists():
            raise RuntimeError("the entry broke\nand said so on a second line")
        return super().loss(x)


class Slow(Affine):
    """Sleeps in every training step, and leaves a line in `log` when a training begins."""

    def __init__(self, data, *, width: int, seconds: float = 0.05, log: str | None = None):
        super().__init__(data, width=width)
        self.seconds, self.log = seconds, log

    def trainer(self, settings):
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write(f"{torch.initial_seed()} {os.getpid()}\n")
        return super().trainer(settings)

    def loss(self, x, context=None):
        time.sleep(self.seconds)
        return super().loss(x)


class Unbuildable(Affine):
    """Its constructor raises."""

    def __init__(self, data, *, width: int):
        raise ZeroDivisionError("the constructor broke")


class LossOnly(Entry):
    """The least that the contract asks for."""

    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        self.shifts = nn.Parameter(torch.zeros(width, data.dim))

    def loss(self, x, context=None):
        return 0.5 * (x - self.shifts.sum(0)).square().sum(1)

    def sample(self, n, context=None):
        return self.shifts.sum(0) + torch.randn(n, self.data.dim)


class Tied(Affine):
    """Two names for one parameter, and a parameter that is not contiguous."""

    def __init__(self, data, *, width: int):
        super().__init__(data, width=width)
        self.same = self.log_scale
        self.shifts = nn.Parameter(torch.zeros(data.dim, width).T)


class Truth(Affine):
    """The very density that the eight Gaussians are drawn from."""

    def log_prob(self, x, context=None):
        return LogProb(EightGaussians().log_prob(x), "exact", is_bound=False)

    def loss(self, x, context=None):
        return -self.log_prob(x).value + 0 * self.shifts.sum()

    def sample(self, n, context=None):
        generator = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        return EightGaussians().sample(n, generator)


class Linear(Entry):
    """An autoencoder of two matrices: its products can be counted by hand."""

    def __init__(self, data, *, width: int, activation: Literal["none"] | None = None):
        super().__init__(data, width=width)
        self.down = nn.Linear(data.dim, width, bias=False)
        self.up = nn.Linear(width, data.dim, bias=False)

    def loss(self, x, context=None):
        return (self.up(self.down(x)) - x).square().sum(1)

    def sample(self, n, context=None):
        return self.up(torch.randn(n, self.up.in_features))
