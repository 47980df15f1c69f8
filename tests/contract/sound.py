"""Small sound entries: a flow, VAEs with more or fewer of their parts in view, two without a likelihood, one trained
without its likelihood."""

import math

import torch
from torch import Tensor, nn

from bench.errors import NotApplicable
from bench.laws.gaussian import DiagonalGaussian
from bench.models.entry import Entry, LogProb
from bench.models.parts.importance import iwae


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


class Weighted(Entry):
    """A VAE by its importance weights alone: a subclass has encoder, decoder and `observed`, log p(x | z)."""

    family = "VAE"
    kinds = frozenset({"continuous", "discrete", "binary"})
    latent_size = 2

    def moments(self, x):
        mean, log_scale = self.encoder(x).chunk(2, 1)
        return mean, log_scale.clamp(-5, 5)

    def log_weights(self, x, samples, context=None):
        mean, log_scale = self.moments(x)
        noise = torch.randn(samples, *mean.shape)
        z = mean + noise * torch.exp(log_scale)
        return self.observed(x, z) + standard_normal(z) - standard_normal(noise) + log_scale.sum(1)

    def loss(self, x, context=None):
        return -self.log_weights(x, 1)[0]

    def prior(self, n):
        return torch.randn(n, self.latent_size)

    def sample(self, n, context=None):
        decoded = self.decoder(self.prior(n))
        if self.data.kind == "binary":
            return torch.bernoulli(torch.sigmoid(decoded))
        return decoded + torch.randn_like(decoded) * torch.exp(self.log_noise)


class Latent(Weighted):
    """A VAE with Gaussian or Bernoulli pixels."""

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.encoder = nn.Sequential(nn.Linear(data.dim, width), nn.Tanh(), nn.Linear(width, 4))
        self.decoder = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, data.dim))
        if data.kind != "binary":
            self.log_noise = nn.Parameter(torch.zeros(data.dim))

    def observed(self, x, z):
        if self.data.kind == "binary":
            return -nn.functional.binary_cross_entropy_with_logits(
                self.decoder(z), x.expand(*z.shape[:-1], -1), reduction="none"
            ).sum(-1)
        return standard_normal((x - self.decoder(z)) * torch.exp(-self.log_noise)) - self.log_noise.sum()

    def log_prob(self, x, context=None):
        return iwae(self.log_weights(x, 64))

    def encode(self, x, context=None):
        return self.moments(x)[0]

    def decode(self, z, context=None):
        decoded = self.decoder(z)
        return torch.sigmoid(decoded) if self.data.kind == "binary" else decoded


class Decoded(Latent):
    """The same, with its prior and its decoder's density in view."""

    def log_prior(self, z):
        return standard_normal(z)

    def prior_sample(self, n):
        return torch.randn(n, 2)

    def log_likelihood(self, x, z):
        return self.observed(x, z)


class Whole(Decoded):
    """The same, with its posterior in view, and two clusters in its latent."""

    def posterior(self, x):
        return DiagonalGaussian(*self.moments(x))

    def proposal(self, x):
        return self.posterior(x)

    def cluster(self, x):
        centres = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
        return torch.softmax(-(self.encode(x)[:, None] - centres).square().sum(2), 1)


class Labelled(Latent):
    """A VAE, and beside it a classifier of the examples that show labels."""

    conditional = True

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        if not data.classes:
            raise NotApplicable("it needs labels")
        self.width = width
        self.classifier = self.fresh_classifier()

    def fresh_classifier(self):
        return nn.Sequential(nn.Linear(self.data.dim, self.width), nn.Tanh(), nn.Linear(self.width, self.data.classes))

    def classify(self, x):
        return torch.softmax(self.classifier(x), 1)

    def loss(self, x, context=None):
        surprise = super().loss(x)
        return surprise if context is None else surprise - (context * torch.log_softmax(self.classifier(x), 1)).sum(1)


class SamplerOnly(Flow):
    """A flow that keeps its likelihood and its latent to itself."""

    log_prob = encode = decode = None


class Centred(SamplerOnly):
    """A sampler that moves its samples to the mean of the training examples, when training is over."""

    def __init__(self, data, *, width: int) -> None:
        super().__init__(data, width=width)
        self.register_buffer("centre", torch.zeros(data.dim))

    def finish(self, x):
        self.centre.copy_(x.mean(0) + 0.01 * torch.randn(self.data.dim))

    def sample(self, n, context=None):
        return super().sample(n) + self.centre


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


NO_LIKELIHOOD = (
    "estimator: no log_prob",
    "normalised: no log_prob and no log_weights",
    "weights: no log_weights",
    "bound: no log_prob",
    "truth: no log_prob and no log_weights",
    "samples: no log_prob and no log_weights",
    "moments: no log_prob and no log_weights",
    "inverse: no encode and decode",
)

DECODER = "no log_likelihood, log_prior and prior_sample"
NO_POSTERIOR = (
    "posterior: no posterior beside log_likelihood, log_prior and prior_sample",
    "proposal: no proposal beside log_likelihood, log_prior and prior_sample",
)
NO_DECODER = (f"prior: {DECODER}", f"decoder: {DECODER}", f"marginal: {DECODER}", *NO_POSTERIOR)
NO_AVERAGE = "evaluated: no evaluation_weights"
NO_LABELS = ("classes: no classify", "clusters: no cluster")
VAE = ("finishes: no finish", "inverse: latent is posterior_mean")

SOUND: dict[type[Entry], tuple[str, ...]] = {
    Flow: (
        NO_AVERAGE,
        "finishes: no finish",
        "weights: no log_weights",
        "bound: no log_weights",
        *NO_DECODER,
        *NO_LABELS,
    ),
    Latent: (NO_AVERAGE, *VAE, *NO_DECODER, *NO_LABELS),
    Decoded: (NO_AVERAGE, *VAE, *NO_POSTERIOR, *NO_LABELS),
    Whole: (NO_AVERAGE, *VAE, "classes: no classify"),
    Labelled: (NO_AVERAGE, *VAE, *NO_DECODER, "clusters: no cluster"),
    SamplerOnly: (NO_AVERAGE, "finishes: no finish", *NO_LIKELIHOOD, *NO_DECODER, *NO_LABELS),
    Centred: (NO_AVERAGE, *NO_LIKELIHOOD, *NO_DECODER, *NO_LABELS),
    FlowMatching: (
        NO_AVERAGE,
        "finishes: no finish",
        "weights: no log_weights",
        "bound: no log_weights",
        *NO_DECODER,
        *NO_LABELS,
    ),
}
"""Each sound entry with the contracts that do not apply to it."""
