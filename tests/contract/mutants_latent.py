"""Copies of the sound entries that each break a contract of the latent's densities, of classes or of clusters."""

import math

import torch
from torch import nn

from bench.laws.gaussian import DiagonalGaussian
from bench.models.svae import SVAE
from tests.contract.sound import Decoded, Labelled, Whole, standard_normal

# Prior


class NegatedLogPrior(Decoded):
    def log_prior(self, z):
        return 100 - super().log_prior(z)


class ShiftedLogPrior(Decoded):
    def log_prior(self, z):
        return super().log_prior(z) + 0.3


class PriorOfAnotherScale(Decoded):
    def log_prior(self, z):
        return standard_normal(z / 1.5) - 2 * math.log(1.5)


class ImpossibleDraws(Decoded):
    def log_prior(self, z):
        return torch.where(z.abs().amax(-1) < 3, super().log_prior(z), -torch.inf)


class HugeLogPrior(Decoded):
    def log_prior(self, z):
        return super().log_prior(z) + 1000


class ShiftedOnTheSphere(SVAE):
    def log_prior(self, z):
        return super().log_prior(z) + 0.3

    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, samples) - 0.3


# Proposal


class Squeezed(DiagonalGaussian):
    """Its draws are twice as large in the latent, and no volume says so."""

    def to_latent(self, u):
        return 2 * u, 0.0

    def moved(self, *offsets):
        law = super().moved(*offsets)
        return Squeezed(law.mean, law.log_scale)


class VolumeForgotten(Whole):
    def proposal(self, x):
        mean, log_scale = self.moments(x)
        return Squeezed(mean / 2, log_scale - math.log(2))


class ForgetsItsScale(DiagonalGaussian):
    def log_prob(self, z):
        return super().log_prob(z) + self.log_scale.sum(-1)


class DensityWithoutScale(Whole):
    def proposal(self, x):
        return ForgetsItsScale(*self.moments(x))


# Decoder


class LikelihoodPlusConstant(Decoded):
    def log_likelihood(self, x, z):
        return super().log_likelihood(x, z) + 0.1


class NoiseForgotten(Decoded):
    kinds = frozenset({"continuous", "discrete"})

    def log_likelihood(self, x, z):
        return super().log_likelihood(x, z) + self.log_noise.sum()


class NoisierDecoder(Decoded):
    """Weights from a decoder with half the noise of the one in view."""

    kinds = frozenset({"continuous", "discrete"})

    def log_likelihood(self, x, z):
        log_scale = self.log_noise + math.log(2)
        return standard_normal((x - self.decoder(z)) * torch.exp(-log_scale)) - log_scale.sum()


# Posterior


class AnotherPosterior(Whole):
    """Weights from a posterior twice as wide as the one in view."""

    def log_weights(self, x, samples, context=None):
        mean, log_scale = self.moments(x)
        noise = torch.randn(samples, *mean.shape)
        log_scale = log_scale + math.log(2)
        z = mean + noise * torch.exp(log_scale)
        return self.observed(x, z) + standard_normal(z) - standard_normal(noise) + log_scale.sum(1)


class CodeBesideTheMean(Whole):
    def encode(self, x, context=None):
        return super().encode(x) + 0.01


# Classes and clusters


class ClassesThatDoNotSum(Labelled):
    def classify(self, x):
        return torch.sigmoid(self.classifier(x))


class OneLogit(Labelled):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.fresh_classifier = lambda: nn.Linear(data.dim, 1)


class NanClusters(Whole):
    def cluster(self, x):
        return super().cluster(x) * torch.nan


class SignedClusters(Whole):
    def cluster(self, x):
        return 2 * super().cluster(x) - 0.5


class BatchClusters(Whole):
    def cluster(self, x):
        return super().cluster(x - x.mean(0))
