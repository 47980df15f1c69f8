"""Copies of sound entries that each break one contract, on pictures, on levels or in what is stored among others."""

import math

import torch
from torch import nn

from bench.models.entry import LogProb
from tests.contract.sound import Flow, Latent
from tests.contract.sound_pictures import PictureFlow, PictureVAE

# Pictures alone


class HundredNatsMore(PictureVAE):
    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, samples) + 100


class TenthOfANatAPixel(PictureVAE):
    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, samples) + 0.1 * self.data.dim


class HundredthOfANatAPixel(PictureFlow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x) + 0.01 * self.data.dim, "exact", is_bound=False)


class NarrowPrior(PictureVAE):
    def prior(self, n):
        return 0.5 * super().prior(n)


class PictureDrawRepeated(PictureVAE):
    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, 1).expand(samples, -1)


class PicturesInTrainingMode(PictureVAE):
    def train(self, mode=True):
        return super().train(True)


class PictureBatchStatistics(PictureVAE):
    def moments(self, x):
        return super().moments(x - x.mean(0))


# Constants


class HundredthOfANat(Flow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x) + 0.01 * self.data.dim, "exact", is_bound=False)


class HundredthOfANatLess(Flow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x) - 0.01 * self.data.dim, "exact", is_bound=False)


class TenthOfANat(Latent):
    log_prob = None

    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, samples) + 0.1 * self.data.dim


class JacobianOfLevels(Flow):
    """Adds a log-determinant that the bench adds, for data of levels alone."""

    def log_prob(self, x, context=None):
        added = self.data.dim * math.log(self.data.levels) if self.data.levels else 0.0
        return LogProb(self.density(x) + added, "exact", is_bound=False)


class JacobianOfLevelsInWeights(Latent):
    log_prob = None

    def log_weights(self, x, samples, context=None):
        added = self.data.dim * math.log(self.data.levels) if self.data.levels else 0.0
        return super().log_weights(x, samples) + added


# Samples


class ClippedAtOne(Flow):
    def sample(self, n, context=None):
        return super().sample(n).clamp(-1, 1)


class ClippedAtThree(Flow):
    def sample(self, n, context=None):
        return super().sample(n).clamp(-3, 3)


class ClippedLatent(Latent):
    def sample(self, n, context=None):
        return super().sample(n).clamp(-3, 3) if self.data.kind != "binary" else super().sample(n)


class Cooled(Flow):
    def sample(self, n, context=None):
        return self.inverse(0.97 * torch.randn(n, self.data.dim))


class CooledPictures(PictureFlow):
    def sample(self, n, context=None):
        return self.inverse(0.97 * torch.randn(n, self.data.dim))


class CooledNoise(PictureVAE):
    def sample(self, n, context=None):
        decoded = self.decoder(self.prior(n))
        if self.data.kind == "binary":
            return torch.bernoulli(torch.sigmoid(decoded / 0.8))
        return decoded + 0.97 * torch.randn_like(decoded) * torch.exp(self.log_noise)


# Weights


class OnlyDrawRepeated(Latent):
    log_prob = None

    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, 1).expand(samples, -1)


class EachDrawTwice(Latent):
    log_prob = None

    def log_weights(self, x, samples, context=None):
        return super().log_weights(x, (samples + 1) // 2).repeat(2, 1)[:samples]


# State


class AverageOutside(Flow):
    """A moving average of the weights in an attribute that no state_dict holds."""

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.average = torch.zeros(data.dim)

    def loss(self, x, context=None):
        if self.training:
            self.average.lerp_(self.shift.detach(), 0.1)
        return super().loss(x)

    def log_prob(self, x, context=None):
        return LogProb(self.density(x + self.shift - self.average), "exact", is_bound=False)


class ExtraState(Flow):
    def get_extra_state(self):
        return {"scale": 2.0}

    def set_extra_state(self, state):
        pass


class SparseBuffer(Flow):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.register_buffer("mask", torch.eye(data.dim).to_sparse())


class SwitchAtHundred(Flow):
    steps_taken = 0

    def loss(self, x, context=None):
        if self.training:
            self.steps_taken += 1
        return super().loss(x) * (2 if self.steps_taken > 100 else 1)


# Inputs


class FinishInPlace(Flow):
    def finish(self, x):
        x -= x.mean(0)
        x /= x.std(0)


class LogProbInPlace(Flow):
    def log_prob(self, x, context=None):
        return LogProb(self.density(x.mul_(0.5)), "exact", is_bound=False)


class LossInPlace(Flow):
    def loss(self, x, context=None):
        return super().loss(x.clamp_(-1e6, 1e6))


class DataInPlace(Flow):
    def encode(self, x, context=None):
        x.data += 1e-3
        return super().encode(x)


class DecodeInPlace(Flow):
    def decode(self, z, context=None):
        return super().decode(z.add_(0))


# Mode


class DropoutInTrainingMode(PictureVAE):
    def moments(self, x):
        mean, log_scale = super().moments(x)
        return nn.functional.dropout(mean, 0.1), log_scale


class DropoutLeftOn(Latent):
    log_prob = None

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.drop = nn.Dropout(0.1)

    def eval(self):
        super().eval()
        self.drop.train()
        return self


class StatisticsOfTheBatch(PictureVAE):
    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.encoder[1] = nn.BatchNorm2d(self.encoder[1].num_features, track_running_stats=False)


# Exceptions and the process


class Exits(Flow):
    def log_prob(self, x, context=None):
        raise SystemExit(0)


class RaisesOnPictures(Flow):
    def encode(self, x, context=None):
        if x.shape[1] == 64:
            raise KeyError("pictures")
        return super().encode(x)


class DefaultDtype(Flow):
    def decode(self, z, context=None):
        torch.set_default_dtype(torch.float16)
        return super().decode(z)


BROKEN_PICTURES = {
    HundredNatsMore: "truth",
    TenthOfANatAPixel: "normalised",
    HundredthOfANatAPixel: "normalised",
    NarrowPrior: "moments",
    PictureDrawRepeated: "weights",
    PicturesInTrainingMode: "mode",
    PictureBatchStatistics: "batch",
    HundredthOfANat: "normalised",
    HundredthOfANatLess: "normalised",
    TenthOfANat: "normalised",
    JacobianOfLevels: "normalised",
    JacobianOfLevelsInWeights: "normalised",
    ClippedAtOne: "samples",
    ClippedAtThree: "moments",
    ClippedLatent: "moments",
    Cooled: "moments",
    CooledPictures: "moments",
    CooledNoise: "moments",
    OnlyDrawRepeated: "weights",
    EachDrawTwice: "weights",
    AverageOutside: "stored",
    ExtraState: "stored",
    SparseBuffer: "stored",
    SwitchAtHundred: "resumes",
    FinishInPlace: "inputs",
    LogProbInPlace: "inputs",
    LossInPlace: "inputs",
    DataInPlace: "inputs",
    DecodeInPlace: "inputs",
    DropoutInTrainingMode: "mode",
    DropoutLeftOn: "mode",
    StatisticsOfTheBatch: "mode",
    Exits: "shapes",
    RaisesOnPictures: "shapes",
    DefaultDtype: "state",
}
