"""RealNVP by the recipe of its paper (Dinh, Sohl-Dickstein & Bengio 2017, arXiv:1605.08803), with perceptrons."""

import torch
from jaxtyping import Float
from nflows.transforms import CompositeTransform, Transform
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from bench.config import Optimiser
from bench.errors import BenchError, NotApplicable
from bench.laws.gaussian import standard_normal_log_prob
from bench.models.entry import Context
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.flow import Flow
from bench.models.parts.networks import ResidualNet, spread
from bench.models.realnvp import CONDITIONER_SIZES, INITIAL_GAIN
from bench.spec import DataSpec

MOMENTUM = 0.9
"""Weight of the past in a moving average: that of the authors' code."""

EPSILON = 1e-4
"""Added to a variance: that of the authors' code."""

DECAY = 5e-5
"""Factor on the sum of squared weight scales (section 4.1)."""


class BatchNorm(Transform):  # type: ignore[misc]
    """Batch normalisation as a map, y = (x - m) / √(v + ε) with moving averages m and v (section 3.7).

    Its log |det| is -½ Σ log(v + ε).

    Attributes:
        mean, variance: `(dim,)` buffers, which start at 0 and 1 and move in `learn` alone: called in any other way, the
            map is a fixed one, with an inverse.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("variance", torch.ones(dim))

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        return normalised(inputs, self.mean, self.variance)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        variance = self.variance + EPSILON
        log_det = 0.5 * torch.log(variance).sum()
        return torch.addcmul(self.mean, inputs, variance.sqrt()), log_det.expand(len(inputs))

    def learn(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Moves the averages by the batch's moments, and normalises by what they are then (appendix E).

        The gradient passes through the moments of this batch, a tenth of the average. A batch of one example, whose
        variance is 0, is normalised as well as any.
        """
        variance, mean = torch.var_mean(inputs, 0, correction=0)
        mean, variance = torch.lerp(mean, self.mean, MOMENTUM), torch.lerp(variance, self.variance, MOMENTUM)
        self.mean.copy_(mean.detach())
        self.variance.copy_(variance.detach())
        return normalised(inputs, mean, variance)


def normalised(x: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """(x - m) / √(v + ε) and the log-determinant of it."""
    variance = variance + EPSILON
    return (x - mean) * variance.rsqrt(), (-0.5 * torch.log(variance).sum()).expand(len(x))


class MaskedCoupling(Transform):  # type: ignore[misc]
    """A coupling y = x exp(s) + t of every second coordinate, s and t read off the others (equations 7 and 8).

    s = c tanh(a), c a learned scale that starts at 0.
    """

    def __init__(self, dim: int, parity: int, hidden: list[int]) -> None:
        """Keeps the coordinates `parity`, `parity` + 2, ...: an alternating binary mask."""
        super().__init__()
        self.kept, self.changed = slice(parity, None, 2), slice(1 - parity, None, 2)
        kept = len(range(parity, dim, 2))
        self.net = weight_normalised(ResidualNet(kept, hidden, 2 * (dim - kept), INITIAL_GAIN))
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Output and log-determinant, `(batch, dim)` and `(batch,)`."""
        log_scale, shift = self.log_scale_and_shift(inputs)
        outputs = inputs.clone()
        outputs[:, self.changed] = torch.addcmul(shift, inputs[:, self.changed], torch.exp(log_scale))
        return outputs, log_scale.sum(1)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inverse and its log-determinant, `(batch, dim)` and `(batch,)`."""
        log_scale, shift = self.log_scale_and_shift(inputs)
        outputs = inputs.clone()
        outputs[:, self.changed] = (inputs[:, self.changed] - shift) * torch.exp(-log_scale)
        return outputs, -log_scale.sum(1)

    def log_scale_and_shift(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, both `(batch, changed)`."""
        raw, shift = self.net(x[:, self.kept]).chunk(2, 1)
        return self.scale * torch.tanh(raw), shift


def weight_normalised(net: ResidualNet) -> ResidualNet:
    """The net with each row of its weights written as a scale times a direction (Salimans & Kingma 2016).

    A row of one weight has no direction to learn and stays as it is.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Linear) and layer.in_features > 1:
            size, direction = weight_norm(layer).parametrizations.weight.parameters()
            with torch.no_grad():
                direction.div_(size)
    return net


class RealNVPPaper(Flow):
    """Couplings with alternating masks, a batch normalisation behind each; weights normalised, their scales decayed.

    The density, of whatever mode, is that of the moving averages. The training loss takes each batch's moments into
    them first, as the paper's moving-average variant does, so that there an example's loss depends a little on its
    batch; in evaluation it does not.

    Other than in the paper, data are flat: masks take every second coordinate in place of checkerboards and channels,
    all coordinates pass all couplings (no multi-scale architecture), and conditioners are perceptrons with one residual
    block and no batch normalisation inside. The paper trains only CIFAR-10 with moving averages, and the authors' code
    normalises what a coupling changes, not all of its output. Learning rate and clipping are the bench's.
    """

    def __init__(self, data: DataSpec, *, width: int, layers: int = 8) -> None:
        """Builds the flow.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the conditioners, each with one residual block.
            layers: number of couplings.

        Raises:
            BenchError: for no layers.
            NotApplicable: for a single coordinate, which leaves nothing to condition on, and for data with a context.
        """
        super().__init__(data, width=width)
        if data.dim < 2:
            raise NotApplicable("RealNVPPaper conditions one part of x on the other: it needs at least 2 coordinates")
        if layers < 1:
            raise BenchError(f"model.layers={layers} is not a number of couplings: give at least 1")
        hidden = spread(width, [1] * (layers * CONDITIONER_SIZES))
        self.stack: list[Transform] = []
        for layer in range(layers):
            sizes = hidden[CONDITIONER_SIZES * layer :][:CONDITIONER_SIZES]
            self.stack += [MaskedCoupling(data.dim, layer % 2, sizes), BatchNorm(data.dim)]
        self.transform = CompositeTransform(self.stack)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats; in training mode by averages that this batch has moved."""
        if not self.training:
            return super().loss(x)
        z, log_det = x.flatten(1), x.new_zeros(len(x))
        for transform in self.stack:
            z, more = transform.learn(z) if isinstance(transform, BatchNorm) else transform(z)
            log_det = log_det + more
        return -standard_normal_log_prob(z) - log_det

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step, with the weight scales decayed."""
        return DecayedStep(self, settings)


class DecayedStep(GradientStep):
    """Adam on the mean loss plus `DECAY` times the squares of all weight scales and coupling scales."""

    def __init__(self, entry: RealNVPPaper, settings: Optimiser) -> None:
        super().__init__(entry, settings)
        # torch's weight norm keeps a row's scale as `original0` and its direction as `original1`.
        self.scales = [p for name, p in entry.named_parameters() if name.endswith(("weight.original0", ".scale"))]

    def objective(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The mean loss and the penalty, in nats."""
        return super().objective(x) + DECAY * sum(scale.square().sum() for scale in self.scales)
