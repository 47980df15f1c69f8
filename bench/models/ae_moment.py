"""An autoencoder without noise whose codes are pushed, batch by batch, towards N(0, I)."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError, unknown
from bench.models.ae import AE
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.elbo import check_not_negative
from bench.spec import DataSpec

SHRINKAGE = 1e-3
"""Share of the identity in a batch's covariance: one of too few or flat codes is singular, its divergence infinite."""


class AEMoment(AE):
    """The deterministic autoencoder, trained on its error plus `weight` times a penalty on each batch's codes.

    The penalty is no example's own, so that it stands in the trainer's step; `loss`, by which weights are selected, is
    the error alone. The prior, from which samples are decoded, is N(0, I).
    """

    def __init__(
        self,
        data: DataSpec,
        *,
        width: int,
        latent_size: int | None = None,
        shape: Sequence[int] = (1, 1),
        activation: str = "relu",
        noise_scale: float | None = None,
        penalty: Literal["moment", "mmd"] = "moment",
        weight: float | None = None,
    ) -> None:
        """Builds encoder and decoder.

        Args:
            data: what an example is.
            width: hidden units in all, spread over the layers of encoder and decoder.
            latent_size: dimension of z; null takes that of x, and at most 16.
            shape: proportions of the encoder's hidden layers; the decoder mirrors them.
            activation: `relu` or `tanh`.
            noise_scale: see `AE`.
            penalty: `moment`, the divergence of a Gaussian with the batch's moments from N(0, I); `mmd`, that of the
                Wasserstein autoencoder (Tolstikhin et al. 2018).
            weight: factor on the penalty; null takes 1 for `moment`, whose unit is the error's, and 100 for `mmd`,
                which is small wherever the penalty matters.

        Raises:
            BenchError: for a size, a scale or a weight out of range, or an unknown name.
            NotApplicable: for data with a context.
        """
        super().__init__(
            data, width=width, latent_size=latent_size, shape=shape, activation=activation, noise_scale=noise_scale
        )
        if penalty not in PENALTIES:
            raise unknown("penalty", penalty, PENALTIES, "model.penalty")
        if weight is not None:
            check_not_negative(weight=weight)
        self.penalty, usual_weight = PENALTIES[penalty]
        self.weight = usual_weight if weight is None else weight

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step on the penalised mean."""
        return PenalisedStep(self, settings)

    def check_training(self, batch_size: int, finish_examples: int) -> None:
        """Refuses a batch whose codes have no pairs, where the penalty compares pairs.

        Raises:
            BenchError: it is a batch of one.
        """
        if self.penalty is kernel_discrepancy:
            check_pairs(batch_size)


class PenalisedStep(GradientStep):
    """The usual step on the mean error plus the weighted penalty of the batch."""

    entry: AEMoment

    def objective(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The mean error plus the weighted penalty, in nats."""
        z = self.entry.encode(x)
        return self.entry.error(x, z).mean() + self.entry.weight * self.entry.penalty(z)


def moment_divergence(z: Float[Tensor, "batch latent"]) -> Float[Tensor, ""]:
    """KL(N(m, S) || N(0, I)) in nats, with the batch's mean m and its covariance S, slightly shrunk towards I.

    Near the target it is |m|²/2 + ||S - I||²/4, the plain distance of the moments; far from it the logarithm of a
    small eigenvalue keeps codes from collapsing, which a plain distance hardly does, and its unit is that of the error.

    It is biased upward: n codes in d dimensions that are exactly normal cost about (d² + 3 d) / (4 n) nats, d / (2 n)
    for their mean and (d² + d) / (4 n) for their covariance. That is 0.30 at n = 256, d = 16; where d is no small share
    of n it is more, 8.9 in place of 6.7 at n = 64, d = 40.
    """
    mean = z.mean(0)
    centred = z - mean
    identity = torch.eye(z.shape[1], dtype=torch.float64, device=z.device)
    covariance = torch.lerp((centred.T @ centred / len(z)).double(), identity, SHRINKAGE)
    divergence = covariance.trace() - z.shape[1] + mean.square().sum() - torch.logdet(covariance)
    return (0.5 * divergence).to(z.dtype)


def kernel_discrepancy(z: Float[Tensor, "batch latent"]) -> Float[Tensor, ""]:
    """The unbiased squared MMD between codes and as many draws of N(0, I), from 0 to 2 but for sampling error.

    The kernel is the inverse multiquadratic C / (C + |x - y|²) with C = 2 d, the expected squared distance between two
    draws in d dimensions (Tolstikhin et al. 2018, arXiv:1711.01558, algorithm 2 and section 4).

    Raises:
        BenchError: for a batch of one, which has no pairs.
    """
    n, latent = z.shape
    check_pairs(n)
    draws = torch.randn_like(z)
    pairs = n * (n - 1)
    # An example beside itself has the kernel's largest value, 1.
    own = (multiquadratic(z, z, 2 * latent).sum() + multiquadratic(draws, draws, 2 * latent).sum() - 2 * n) / pairs
    return own - 2 * multiquadratic(z, draws, 2 * latent).mean()


def check_pairs(n: int) -> None:
    """Refuses a batch of one, which has no pairs.

    Raises:
        BenchError: n is below 2.
    """
    if n < 2:
        raise BenchError(
            f"train.batch_size={n}: model.penalty=mmd compares pairs; give batches of 2 or more, or penalty=moment"
        )


def multiquadratic(x: Float[Tensor, "n latent"], y: Float[Tensor, "m latent"], constant: float) -> Float[Tensor, "n m"]:
    """`constant` / (`constant` + |x - y|²) of all pairs."""
    return constant / (constant + torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square())


PENALTIES: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "moment": (moment_divergence, 1.0),
    "mmd": (kernel_discrepancy, 100.0),
}
"""Each penalty with its usual weight."""
