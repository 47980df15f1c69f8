"""Copies of the sound entries that each break one contract, and the table of them all."""

import math
import random

import numpy as np
import torch
from torch import nn

from bench.models.entry import Entry, LogProb
from tests.contract.mutants_latent import (
    AnotherPosterior,
    BatchClusters,
    ClassesThatDoNotSum,
    CodeBesideTheMean,
    DensityWithoutScale,
    HugeLogPrior,
    ImpossibleDraws,
    LikelihoodPlusConstant,
    NanClusters,
    NegatedLogPrior,
    NoiseForgotten,
    NoisierDecoder,
    OneLogit,
    PriorOfAnotherScale,
    ShiftedLogPrior,
    ShiftedOnTheSphere,
    SignedClusters,
    VolumeForgotten,
)
from tests.contract.mutants_training import (
    AverageBesideTheState,
    AverageOfNoParameter,
    BroadcastLoss,
    DetachedConditioner,
    DoubleParameters,
    FinishOutsideTheState,
    FinishThatGrows,
    FittedWithoutFinish,
    FixedWidth,
    ForgetfulTrainer,
    IdleParameter,
    LeakingLoss,
    NoTrainer,
    OneShapeOnly,
    ReversedLoss,
    ScalarLoss,
    Unbuildable,
    UnseededFinish,
)
from tests.contract.sound import Flow, Latent, standard_normal, uncoupled

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


class RoughByANat(Flow):
    def rough_log_prob(self, x, context=None):
        return LogProb(self.density(x) + 1, "exact", is_bound=False)


class MeanElboCalledExact(Latent):
    log_weights = None

    def loss(self, x, context=None):
        return -Latent.log_weights(self, x, 1)[0]

    def log_prob(self, x, context=None):
        mean, log_scale = self.moments(x)
        kl = 0.5 * (torch.exp(2 * log_scale) + mean.square() - 1).sum(1) - log_scale.sum(1)
        return LogProb(self.observed(x, mean) - kl, "exact", is_bound=False)


class NoName(Flow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x), "", is_bound=False)


class WeightsWithoutPosterior(Latent):
    def log_weights(self, x, samples, context=None):
        mean, log_scale = self.moments(x)
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

    def moments(self, x):
        return super().moments(self.norm(x) if len(x) > 1 else x)


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


BROKEN: dict[type[Entry], str] = {
    WrongSign: "normalised",
    NoLogDet: "normalised",
    OneLogDetForgotten: "normalised",
    Unnormalised: "normalised",
    RightInThePlaneOnly: "truth",
    MeanOverCoordinates: "normalised",
    ElboCalledExact: "estimator",
    UnnamedElbo: "estimator",
    RoughByANat: "estimator",
    MeanElboCalledExact: "normalised",
    NoName: "estimator",
    WeightsWithoutPosterior: "normalised",
    SumOfWeights: "bound",
    OneDrawRepeated: "weights",
    WrongSampleShape: "shapes",
    DoubleSamples: "shapes",
    ColdSamples: "samples",
    NoObservationNoise: "samples",
    SamplesOfTheBase: "samples",
    NotInverse: "inverse",
    VaeCalledExact: "inverse",
    NegatedLogPrior: "prior",
    ShiftedLogPrior: "prior",
    HugeLogPrior: "prior",
    PriorOfAnotherScale: "prior",
    ImpossibleDraws: "prior",
    ShiftedOnTheSphere: "prior",
    LikelihoodPlusConstant: "decoder",
    NoiseForgotten: "decoder",
    NoisierDecoder: "marginal",
    AnotherPosterior: "posterior",
    CodeBesideTheMean: "posterior",
    VolumeForgotten: "proposal",
    DensityWithoutScale: "proposal",
    ClassesThatDoNotSum: "classes",
    OneLogit: "classes",
    NanClusters: "clusters",
    SignedClusters: "clusters",
    BatchClusters: "clusters",
    ScalarLoss: "shapes",
    BroadcastLoss: "per-example",
    ReversedLoss: "per-example",
    LeakingLoss: "per-example",
    IdleParameter: "gradients",
    DetachedConditioner: "gradients",
    ForgetfulTrainer: "resumes",
    AverageBesideTheState: "evaluated",
    AverageOfNoParameter: "evaluated",
    FinishOutsideTheState: "stored",
    FinishThatGrows: "finishes",
    UnseededFinish: "finishes",
    FittedWithoutFinish: "finishes",
    NoTrainer: "trains",
    FixedWidth: "width",
    Unbuildable: "builds",
    DoubleParameters: "builds",
    OneShapeOnly: "builds",
    Overflows: "extremes",
    CountsCalls: "state",
    SwitchesMode: "state",
    BatchStatistics: "batch",
    BatchNormInTrainMode: "batch",
    NumpySamples: "seed",
    RandomInitialisation: "seed",
    SeedsItself: "seed",
}
"""Each broken entry with the contract that names its fault."""
