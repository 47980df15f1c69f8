"""Small networks that entries share: perceptrons, a Gaussian posterior and two kinds of decoder.

Every size is derived from `width`, the number of hidden units that an entry has in all. Spreading that number over the
hidden layers, and not giving it to each of them, keeps the steps between parameter counts small enough for a budget to
be met within 2 %, even for 784 coordinates and 20,000 parameters.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import BenchError, NotApplicable
from bench.spec import DataSpec

LOG_SCALE_BOUND = 5.0
"""Largest |log-scale| of a predicted Gaussian: standard deviations from 0.007 to 148 in model space."""

INITIAL_LOG_SCALE = -2.0
"""Where predicted log-scales start: Gaussians as wide as the data would teach the decoder to ignore its latent."""


def spread(width: int, layers: int) -> list[int]:
    """`width` hidden units over `layers` layers as evenly as they go, at least one each.

    Raises:
        BenchError: for a width below 1.
    """
    if width < 1:
        raise BenchError(f"model.width={width} is not a size: give at least 1 hidden unit")
    return [max(1, (width + layer) // layers) for layer in range(layers)]


def unconditional(data: DataSpec, name: str) -> None:
    """Refuses data with a context.

    Raises:
        NotApplicable: when `data.context_size` is not 0.
    """
    if data.context_size:
        raise NotApplicable(f"{name} takes no context, and these data have one of size {data.context_size}")


def linear(inputs: int, outputs: int, gain: float = 1.0) -> nn.Linear:
    """A linear layer that gives unit inputs a standard deviation of about `gain` (He et al. 2015, arXiv:1502.01852).

    torch's own weights shrink a signal threefold a layer: a posterior mean would begin far below its noise, and the
    latent be given up before it is used. Biases are random as torch has them, because with few inputs and no biases
    every ReLU would bend at the origin.
    """
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(inputs))
    with torch.no_grad():
        layer.bias.mul_(gain)
    return layer


def mlp(sizes: Sequence[int], final_gain: float = 1.0) -> nn.Sequential:
    """A perceptron with ReLU between linear layers of `sizes`, from input to output.

    Args:
        sizes: input, hidden and output sizes, at least two numbers.
        final_gain: standard deviation of a new perceptron's outputs for inputs of unit variance.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [linear(inputs, outputs, gain=math.sqrt(2)), nn.ReLU()]
    # A ReLU halves the mean square that it gets.
    return nn.Sequential(*layers, linear(sizes[-2], sizes[-1], final_gain))


class ResidualNet(nn.Module):
    """A perceptron around one pre-activation residual block (He et al. 2016, arXiv:1603.05027).

    h = A x,  h' = h + C s(B s(h)),  y = D s(h'), each of A, B, C, D with a bias and s = ReLU.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], outputs: int, final_gain: float = 1.0) -> None:
        """`hidden` is the size of h and that of the block's inside; `final_gain` scales C and D at first."""
        super().__init__()
        size, inside = hidden
        self.first = linear(inputs, size)
        self.block = mlp([size, inside, size], final_gain)
        self.last = mlp([size, outputs], final_gain)

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """`(batch, outputs)`."""
        h = self.first(x)
        h = h + self.block(torch.relu(h))
        y: Tensor = self.last(torch.relu(h))
        return y


def soft_clamp(x: Float[Tensor, "*shape"], bound: float) -> Float[Tensor, "*shape"]:
    """`bound` tanh(x / bound): the identity near 0, never beyond ±`bound`, with a gradient everywhere."""
    return torch.tanh(x / bound) * bound


def standard_normal_log_prob(z: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """log N(z; 0, I) in nats, summed over the last axis."""
    return -0.5 * z.square().sum(-1) - 0.5 * z.shape[-1] * math.log(2 * math.pi)


def gaussian_log_prob(
    x: Float[Tensor, "#*batch #dim"], mean: Float[Tensor, "*batch dim"], log_scale: Float[Tensor, "*batch dim"]
) -> Float[Tensor, "*batch"]:
    """log N(x; mean, diag exp(2 log_scale)) in nats, summed over the last axis."""
    residual = (x - mean) * torch.exp(-log_scale)
    return standard_normal_log_prob(residual) - log_scale.sum(-1)


class LogScaleHead(nn.Module):
    """A linear layer that predicts log-scales, softly clamped, and starts near `INITIAL_LOG_SCALE` for any input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = linear(inputs, outputs, gain=0.1)
        nn.init.constant_(self.linear.bias, INITIAL_LOG_SCALE)

    def forward(self, hidden: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """Log-scales within ±`LOG_SCALE_BOUND`."""
        return soft_clamp(self.linear(hidden), LOG_SCALE_BOUND)


class GaussianPosterior(nn.Module):
    """q(z | x) = N(mean(x), diag exp(2 log_scale(x))), both read off one perceptron."""

    def __init__(self, dim: int, hidden: Sequence[int], latent_size: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(mlp([dim, *hidden], math.sqrt(2)), nn.ReLU())
        self.mean_head = linear(hidden[-1], latent_size)
        self.scale_head = LogScaleHead(hidden[-1], latent_size)

    def forward(
        self, x: Float[Tensor, "batch dim"]
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Mean and log-scale."""
        hidden = self.trunk(x)
        return self.mean_head(hidden), self.scale_head(hidden)


class GaussianDecoder(nn.Module):
    """p(x | z) = N(mean(z), diag exp(2 log_scale(z))) with the scale learned per coordinate and per latent.

    Mean and log-scale share the first hidden layers and have a last one each.
    """

    hidden_layers = 3

    def __init__(self, latent_size: int, hidden: Sequence[int], dim: int) -> None:
        """`hidden` ends with the size of the mean's last hidden layer and that of the log-scale's."""
        super().__init__()
        *shared, mean_size, scale_size = hidden
        self.sizes = [mean_size, scale_size]
        self.trunk = nn.Sequential(mlp([latent_size, *shared, mean_size + scale_size], math.sqrt(2)), nn.ReLU())
        self.mean_head = linear(mean_size, dim)
        self.scale_head = LogScaleHead(scale_size, dim)

    def forward(
        self, z: Float[Tensor, "*batch latent"]
    ) -> tuple[Float[Tensor, "*batch dim"], Float[Tensor, "*batch dim"]]:
        """Mean and log-scale."""
        for_mean, for_scale = self.trunk(z).split(self.sizes, -1)
        return self.mean_head(for_mean), self.scale_head(for_scale)

    def log_prob(self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]) -> Tensor:
        """log p(x | z), `(*samples, batch)` nats."""
        return gaussian_log_prob(x, *self(z))

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """E[x | z]."""
        mean: Tensor = self(z)[0]
        return mean

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z."""
        mean, log_scale = self(z)
        return torch.addcmul(mean, torch.exp(log_scale), torch.randn_like(mean))


class BernoulliDecoder(nn.Module):
    """p(x | z): independent pixels of 0 or 1 with logits read off one perceptron."""

    hidden_layers = 2

    def __init__(self, latent_size: int, hidden: Sequence[int], dim: int) -> None:
        super().__init__()
        self.net = mlp([latent_size, *hidden, dim])

    def log_prob(self, x: Float[Tensor, "batch dim"], z: Float[Tensor, "*samples batch latent"]) -> Tensor:
        """log p(x | z) = Σ x l - softplus(l) with logits l, `(*samples, batch)` nats."""
        logits: Tensor = self.net(z)
        return (x * logits - nn.functional.softplus(logits)).sum(-1)

    def mean(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """P(x = 1 | z)."""
        return torch.sigmoid(self.net(z))

    def sample(self, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch dim"]:
        """A draw of x given z."""
        return torch.bernoulli(self.mean(z))
