"""Two small sound entries, a flow and a VAE, and copies of them that each break one contract."""

import math
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.models.entry import Entry, LogProb
from bench.models.importance import iwae
from bench.models.optimise import GradientStep


def standard_normal(z: Tensor) -> Tensor:
    return (-0.5 * z.square() - 0.5 * math.log(2 * math.pi)).sum(-1)


class Flow(Entry):
    """An affine map and two affine couplings, the identity at first."""

    family = "flow"
    latent = "exact"

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.kept = data.dim // 2
        rest = data.dim - self.kept
        self.shift = nn.Parameter(torch.zeros(data.dim))
        self.log_scale = nn.Parameter(torch.zeros(data.dim))
        self.first = conditioner(self.kept, width, rest)
        self.second = conditioner(rest, width, self.kept)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = (x - self.shift) * torch.exp(-self.log_scale)
        a, b = y.tensor_split([self.kept], 1)
        b, log_b = coupled(self.first, a, b)
        a, log_a = coupled(self.second, b, a)
        return torch.cat([a, b], 1), log_a + log_b - self.log_scale.sum()

    def loss(self, x, context=None):
        return -self.density(x)

    def density(self, x):
        z, log_det = self(x)
        return standard_normal(z) + log_det

    def log_prob(self, x, context=None):
        return LogProb(self.density(x), "exact", is_bound=False)

    def sample(self, n, context=None):
        return self.inverse(torch.randn(n, self.data.dim))

    def encode(self, x, context=None):
        return self(x)[0]

    def decode(self, z, context=None):
        return self.inverse(z)

    def inverse(self, z):
        a, b = z.tensor_split([self.kept], 1)
        a = uncoupled(self.second, b, a)
        b = uncoupled(self.first, a, b)
        return torch.cat([a, b], 1) * torch.exp(self.log_scale) + self.shift


class Latent(Entry):
    """A VAE with Gaussian or Bernoulli pixels."""

    family = "VAE"
    kinds = frozenset({"continuous", "discrete", "binary"})

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.encoder = nn.Sequential(nn.Linear(data.dim, width), nn.Tanh(), nn.Linear(width, 4))
        self.decoder = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, data.dim))
        if data.kind != "binary":
            self.log_noise = nn.Parameter(torch.zeros(data.dim))

    def posterior(self, x):
        mean, log_scale = self.encoder(x).chunk(2, 1)
        return mean, log_scale.clamp(-5, 5)

    def observed(self, x, z):
        if self.data.kind == "binary":
            return -nn.functional.binary_cross_entropy_with_logits(
                self.decoder(z), x.expand(*z.shape[:-1], -1), reduction="none"
            ).sum(-1)
        return standard_normal((x - self.decoder(z)) * torch.exp(-self.log_noise)) - self.log_noise.sum()

    def log_weights(self, x, samples, context=None):
        mean, log_scale = self.posterior(x)
        noise = torch.randn(samples, *mean.shape)
        z = mean + noise * torch.exp(log_scale)
        return self.observed(x, z) + standard_normal(z) - standard_normal(noise) + log_scale.sum(1)

    def loss(self, x, context=None):
        return -self.log_weights(x, 1)[0]

    def log_prob(self, x, context=None):
        return iwae(self.log_weights(x, 64))

    def sample(self, n, context=None):
        decoded = self.decoder(torch.randn(n, 2))
        if self.data.kind == "binary":
            return torch.bernoulli(torch.sigmoid(decoded))
        return decoded + torch.randn_like(decoded) * torch.exp(self.log_noise)

    def encode(self, x, context=None):
        return self.posterior(x)[0]

    def decode(self, z, context=None):
        decoded = self.decoder(z)
        return torch.sigmoid(decoded) if self.data.kind == "binary" else decoded


class SamplerOnly(Flow):
    """A flow that keeps its likelihood and its latent to itself."""

    log_prob = encode = decode = None


class FlowMatching(Entry):
    """A field trained without a likelihood (Lipman et al. 2023), solved by 64 midpoint steps with an exact trace."""

    family = "ODE flow"
    latent = "exact"

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.field = nn.Sequential(nn.Linear(data.dim + 1, width), nn.Tanh(), nn.Linear(width, data.dim))

    def loss(self, x, context=None):
        time, noise = torch.rand(len(x), 1), torch.randn_like(x)
        path = time * x + (1 - time) * noise
        return (self.field(torch.cat([path, time], 1)) - (x - noise)).square().sum(1)

    def rate(self, x, time):
        hidden = torch.tanh(self.field[0](torch.cat([x, x.new_full((len(x), 1), time)], 1)))
        trace = (self.field[2].weight.T * self.field[0].weight[:, :-1]).sum(1)
        return self.field[2](hidden), (1 - hidden.square()) @ trace

    def solve(self, x, start, end, steps=64):
        step, log_det = (end - start) / steps, torch.zeros(len(x))
        for k in range(steps):
            time = start + k * step
            x_middle = x + 0.5 * step * self.rate(x, time)[0]
            velocity, divergence = self.rate(x_middle, time + 0.5 * step)
            x, log_det = x + step * velocity, log_det + step * divergence
        return x, log_det

    def log_prob(self, x, context=None):
        z, log_det = self.solve(x, 1.0, 0.0)
        return LogProb(standard_normal(z) + log_det, "ode-exact(midpoint-64)", is_bound=False)

    def sample(self, n, context=None):
        return self.decode(torch.randn(n, self.data.dim))

    def encode(self, x, context=None):
        return self.solve(x, 1.0, 0.0)[0]

    def decode(self, z, context=None):
        return self.solve(z, 0.0, 1.0)[0]


def conditioner(inputs: int, width: int, outputs: int) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), nn.Linear(width, 2 * outputs))
    nn.init.zeros_(net[2].weight)
    nn.init.zeros_(net[2].bias)
    return net


def coupled(net: nn.Module, given: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
    log_scale, shift = net(given).chunk(2, 1)
    log_scale = 2 * torch.tanh(log_scale)
    return changed * torch.exp(log_scale) + shift, log_scale.sum(1)


def uncoupled(net: nn.Module, given: Tensor, changed: Tensor) -> Tensor:
    log_scale, shift = net(given).chunk(2, 1)
    return (changed - shift) * torch.exp(-2 * torch.tanh(log_scale))


# Likelihood


class WrongSign(Flow):
    def log_prob(self, x, context=None):
        z, log_det = self(x)
        return LogProb(standard_normal(z) - log_det, "exact", is_bound=False)


class NoLogDet(Flow):
    def log_prob(self, x, context=None):
        return LogProb(standard_normal(self(x)[0]), "exact", is_bound=False)


class OneLogDetForgotten(Flow):
    def forward(self, x):
        z, log_det = super().forward(x)
        return z, log_det + self.log_scale.sum()


class Unnormalised(Flow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x) + 0.05, "exact", is_bound=False)


class RightInThePlaneOnly(Flow):
    def density(self, x):
        z, log_det = self(x)
        return -0.5 * z.square().sum(1) - math.log(2 * math.pi) + log_det


class MeanOverCoordinates(Flow):
    def density(self, x):
        z, log_det = self(x)
        return standard_normal(z) / z.shape[1] + log_det


class ElboCalledExact(Latent):
    def log_prob(self, x, context=None):
        return LogProb(-self.loss(x), "exact", is_bound=False)


class UnnamedElbo(Latent):
    def log_prob(self, x, context=None):
        return LogProb(-self.loss(x), "elbo", is_bound=False)


class MeanElboCalledExact(Latent):
    log_weights = None

    def loss(self, x, context=None):
        return -Latent.log_weights(self, x, 1)[0]

    def log_prob(self, x, context=None):
        mean, log_scale = self.posterior(x)
        kl = 0.5 * (torch.exp(2 * log_scale) + mean.square() - 1).sum(1) - log_scale.sum(1)
        return LogProb(self.observed(x, mean) - kl, "exact", is_bound=False)


class NoName(Flow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x), "", is_bound=False)


class WeightsWithoutPosterior(Latent):
    def log_weights(self, x, samples, context=None):
        mean, log_scale = self.posterior(x)
        z = mean + torch.randn(samples, *mean.shape) * torch.exp(log_scale)
        return self.observed(x, z) + standard_normal(z)


class SumOfWeights(Latent):
    def log_prob(self, x, context=None):
        return LogProb(torch.logsumexp(self.log_weights(x, 64), 0), "iwae-64", is_bound=True)


class OneDrawRepeated(Latent):
    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, 1).expand(samples, -1)


# Samples and latents


class WrongSampleShape(Flow):
    def sample(self, n, context=None):
        return super().sample(n)[:, None]


class DoubleSamples(Flow):
    def sample(self, n, context=None):
        return super().sample(n).double()


class ColdSamples(Flow):
    def sample(self, n, context=None):
        return self.inverse(0.9 * torch.randn(n, self.data.dim))


class NoObservationNoise(Latent):
    def sample(self, n, context=None):
        return self.decode(torch.randn(n, 2))


class SamplesOfTheBase(Flow):
    def sample(self, n, context=None):
        return torch.randn(n, *self.data.event_shape)


class NotInverse(Flow):
    def decode(self, z, context=None):
        a, b = z.tensor_split([self.kept], 1)
        b = uncoupled(self.first, a, b)
        a = uncoupled(self.second, b, a)
        return torch.cat([a, b], 1) * torch.exp(self.log_scale) + self.shift


class VaeCalledExact(Latent):
    latent = "exact"


# Training


class ScalarLoss(Flow):
    def loss(self, x, context=None):
        return super().loss(x).mean()


class BroadcastLoss(Flow):
    def loss(self, x, context=None):
        return super().loss(x).mean().expand(len(x))


class ReversedLoss(Latent):
    def loss(self, x, context=None):
        return super().loss(x).flip(0)


class IdleParameter(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.idle = nn.Parameter(torch.ones(3))


class DetachedConditioner(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.second.register_forward_hook(lambda module, inputs, output: output.detach())


class Forgetful(GradientStep):
    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class ForgetfulTrainer(Flow):
    def trainer(self, settings):
        return Forgetful(self, settings)


class NoTrainer(Flow):
    def trainer(self, settings):
        return torch.optim.SGD(self.parameters(), lr=settings.learning_rate)


class FixedWidth(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=32)


class Unbuildable(Flow):
    def __init__(self, data, *, width: int) -> None:
        raise RuntimeError("no such luck")


class DoubleParameters(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.double()


class OneShapeOnly(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        if data.dim != 2:
            raise ValueError("the plane only")


# Isolation


class Overflows(Flow):
    def density(self, x):
        z, log_det = self(x)
        huge = torch.exp(x.abs().sum(1))
        return standard_normal(z) + log_det + (huge - huge)


class CountsCalls(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.register_buffer("calls", torch.zeros(()))

    def log_prob(self, x, context=None):
        self.calls += 1
        return super().log_prob(x)


class SwitchesMode(Flow):
    def sample(self, n, context=None):
        self.train()
        return super().sample(n)


class BatchStatistics(Flow):
    def log_prob(self, x, context=None):
        centred = self.density(x)
        return LogProb(centred - 1e-2 * (x - x.mean(0)).square().sum(1), "exact", is_bound=False)


class BatchNormInTrainMode(Latent):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.norm = nn.BatchNorm1d(data.dim, affine=False, track_running_stats=False)

    def posterior(self, x):
        return super().posterior(self.norm(x) if len(x) > 1 else x)


class NumpySamples(Flow):
    def sample(self, n, context=None):
        noise = np.random.default_rng().standard_normal((n, self.data.dim))
        return self.inverse(torch.from_numpy(noise).float())


class RandomInitialisation(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        nn.init.constant_(self.shift, random.random())


class SeedsItself(Flow):
    def sample(self, n, context=None):
        torch.manual_seed(0)
        return super().sample(n)


SOUND: dict[type[Entry], tuple[str, ...]] = {
    Flow: ("bound: no log_weights",),
    Latent: ("inverse: latent is posterior_mean",),
    SamplerOnly: (
        "estimator: no log_prob",
        "normalised: no log_prob and no log_weights",
        "bound: no log_prob",
        "truth: no log_prob and no log_weights",
        "samples: no log_prob and no log_weights",
        "inverse: no encode and decode",
    ),
    FlowMatching: ("bound: no log_weights",),
}
"""Each sound entry with the contracts that do not apply to it."""

BROKEN: dict[type[Entry], tuple[str, ...]] = {
    WrongSign: ("normalised", "samples", "truth"),
    NoLogDet: ("normalised", "samples", "truth"),
    OneLogDetForgotten: ("normalised", "truth"),
    Unnormalised: ("normalised", "truth"),
    RightInThePlaneOnly: ("truth",),
    MeanOverCoordinates: ("normalised", "samples", "truth"),
    ElboCalledExact: ("estimator",),
    UnnamedElbo: ("estimator",),
    MeanElboCalledExact: ("normalised", "samples"),
    NoName: ("estimator",),
    WeightsWithoutPosterior: ("normalised", "samples", "truth"),
    SumOfWeights: ("bound",),
    OneDrawRepeated: ("bound", "normalised", "samples"),
    WrongSampleShape: ("shapes",),
    DoubleSamples: ("shapes",),
    ColdSamples: ("samples",),
    NoObservationNoise: ("samples",),
    SamplesOfTheBase: ("samples",),
    NotInverse: ("inverse",),
    VaeCalledExact: ("inverse",),
    ScalarLoss: ("shapes",),
    BroadcastLoss: ("per-example",),
    ReversedLoss: ("per-example",),
    IdleParameter: ("gradients",),
    DetachedConditioner: ("gradients",),
    ForgetfulTrainer: ("resumes",),
    NoTrainer: ("trains",),
    FixedWidth: ("width",),
    Unbuildable: ("builds",),
    DoubleParameters: ("builds",),
    OneShapeOnly: ("builds",),
    Overflows: ("extremes",),
    CountsCalls: ("state",),
    SwitchesMode: ("state",),
    BatchStatistics: ("batch",),
    BatchNormInTrainMode: ("batch", "per-example"),
    NumpySamples: ("seed",),
    RandomInitialisation: ("seed",),
    SeedsItself: ("seed",),
}
"""Each broken entry with the contract that names its fault first, and those that may fall with it."""
