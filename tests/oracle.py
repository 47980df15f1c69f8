"""Entropy and posterior of the linear-Gaussian model, which tests hold entries and estimators against."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.linear_gaussian import LinearGaussian


def entropy(law: LinearGaussian) -> float:
    """-E log p(x) in nats: half of ln det(2 pi e (W W^T + noise^2 I))."""
    return (len(law.weight) * math.log(2 * math.pi * math.e) + float(torch.logdet(law.covariance()))) / 2


def posterior(
    law: LinearGaussian, x: Float[Tensor, "batch dim"]
) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "latent latent"]]:
    """Mean and covariance (one for all x) of z given x, in the dtype of `x`."""
    identity = torch.eye(law.weight.shape[1]).to(law.weight)
    inverse = torch.linalg.inv(law.weight.T @ law.weight + law.noise**2 * identity)
    return (x.to(law.weight) @ law.weight @ inverse).to(x.dtype), (law.noise**2 * inverse).to(x.dtype)
