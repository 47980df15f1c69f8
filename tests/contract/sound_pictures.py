"""Small sound entries of pictures in their own shape, of levels alone, of many coordinates alone, and of habits that a
check could take for faults."""

import math

import torch
from torch import nn

from bench.errors import NotApplicable
from bench.models.entry import Entry, LogProb
from bench.models.optimise import GradientStep
from bench.models.parts.weight_average import WeightAverage
from tests.contract.sound import Flow, Weighted, standard_normal


class PictureVAE(Weighted):
    """A convolutional VAE of pictures alone, with batch normalisation, dropout and no `log_prob`."""

    own_shape = True
    latent_size = 4

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        if data.image_shape is None:
            raise NotApplicable("it needs pictures")
        channels, height, wide = data.image_shape
        inner = height // 2 * (wide // 2)
        filters = max(1, width // 8)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, filters, 3, stride=2, padding=1),
            nn.BatchNorm2d(filters),
            nn.Tanh(),
            nn.Dropout(0.05),
            nn.Flatten(),
            nn.Linear(filters * inner, 2 * self.latent_size),
        )
        self.decoder = nn.Sequential(
            nn.Linear(self.latent_size, width), nn.Tanh(), nn.Linear(width, data.dim), nn.Unflatten(1, data.image_shape)
        )
        if data.kind != "binary":
            self.log_noise = nn.Parameter(torch.zeros(data.image_shape))

    def observed(self, x, z):
        decoded = self.decoder(z.flatten(0, 1)).unflatten(0, z.shape[:2])
        if self.data.kind == "binary":
            given = x.expand_as(decoded)
            return -nn.functional.binary_cross_entropy_with_logits(decoded, given, reduction="none").flatten(2).sum(2)
        return standard_normal(((x - decoded) * torch.exp(-self.log_noise)).flatten(2)) - self.log_noise.sum()


class PictureFlow(Flow):
    """The flow, of pictures in their own shape and of nothing else."""

    own_shape = True

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        if data.image_shape is None:
            raise NotApplicable("it needs pictures")

    def forward(self, x):
        return super().forward(x.flatten(1))

    def inverse(self, z):
        return super().inverse(z).reshape(len(z), *self.data.event_shape)


class LevelsOnly(Flow):
    kinds = frozenset({"discrete"})


class ManyCoordinates(Flow):
    """A flow that refuses less than 16 coordinates."""

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        if data.dim < 16:
            raise NotApplicable("it needs 16 coordinates")


class Kernels(Entry):
    """A density of kernels on the training examples, all of it buffers: fitted in one go, and very narrow."""

    fitted = True
    scale = 0.003

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.register_buffer("centres", torch.zeros(1024, data.dim))

    def finish(self, x):
        self.centres.copy_(x[:1024])

    def log_prob(self, x, context=None):
        parts = []
        for chunk in x.split(512):
            near = torch.cdist(chunk, self.centres, compute_mode="donot_use_mm_for_euclid_dist").square()
            parts.append(torch.logsumexp(-0.5 * near / self.scale**2, 1))
        constant = math.log(len(self.centres)) + x.shape[1] * math.log(self.scale * math.sqrt(2 * math.pi))
        return LogProb(torch.cat(parts) - constant, "exact", is_bound=False)

    def loss(self, x, context=None):
        return -self.log_prob(x).value

    def sample(self, n, context=None):
        centres = self.centres[torch.randint(len(self.centres), (n,))]
        return centres + self.scale * torch.randn_like(centres)


class StudentT(Entry):
    """Independent coordinates with tails like |x|⁻², those of Cauchy's law, or with more degrees of freedom."""

    degrees = 1.0

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.shifts = nn.Parameter(0.1 * torch.randn(width, data.dim))
        self.log_scale = nn.Parameter(torch.zeros(data.dim))

    @property
    def law(self):
        return torch.distributions.StudentT(self.degrees, self.shifts.sum(0), torch.exp(self.log_scale))

    def log_prob(self, x, context=None):
        return LogProb(self.law.log_prob(x).sum(1), "exact", is_bound=False)

    def loss(self, x, context=None):
        return -self.log_prob(x).value

    def sample(self, n, context=None):
        return self.law.sample((n,))


class StudentT3(StudentT):
    degrees = 3.0


class DensityOnly(Flow):
    """A density that cannot be drawn from."""

    sample = encode = decode = None


class ExactPosterior(Flow):
    """Importance weights that are all the same, as those of an exact posterior are."""

    def log_weights(self, x, samples, context=None):
        return self.density(x).expand(samples, -1)


class NoiseInTheGenerator(Flow):
    """Dropout in `sample` is part of the model; it keeps its likelihood to itself."""

    log_prob = encode = decode = None

    def sample(self, n, context=None):
        return self.inverse(nn.functional.dropout(torch.randn(n, self.data.dim), 0.1, training=True))


class Averaged(Flow):
    """It is evaluated with an average of its weights over the last steps."""

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.average = WeightAverage(self, 0.1)

    def trainer(self, settings):
        return GradientStep(self, settings, self.average)

    def evaluation_weights(self):
        return self.average.weights()


SOUND_PICTURES: dict[type[Entry], int] = {
    PictureVAE: 18,
    PictureFlow: 19,
    LevelsOnly: 20,
    ManyCoordinates: 19,
    Kernels: 16,
    StudentT: 19,
    StudentT3: 19,
    DensityOnly: 17,
    ExactPosterior: 22,
    NoiseInTheGenerator: 14,
    Averaged: 21,
}
"""Each sound entry with the number of contracts that apply to it."""
