"""Calibration of an exact latent: the codes of data under a flow that fits them are standard normal."""

from typing import Any

import torch
from jaxtyping import Float
from scipy.stats import chi2, kstest, kstwo, norm
from torch import Tensor

from bench.models.entry import Entry, HasLatent

LEVEL = 0.95


def calibration(entry: Entry, x: Float[Tensor, "n *event"], batch_rows: int) -> dict[str, Any]:
    """Kolmogorov-Smirnov distances of latents from those of a standard normal, nothing without an exact latent.

    Args:
        entry: trained, its base a standard normal.
        x: test examples in model space.
        batch_rows: most examples in one call.

    Returns:
        Columns of the record: the distance of squared radii |z|² from χ² with as many degrees of freedom as
        coordinates, that of Φ(z) over all coordinates from the uniform law (the probability integral transform), and
        beside each its 95 % quantile where the flow is exact (Kolmogorov's law: examples, and coordinates, are then
        independent).
    """
    if not (isinstance(entry, HasLatent) and entry.latent == "exact"):
        return {}
    z = torch.cat([entry.encode(chunk).flatten(1) for chunk in torch.split(x, batch_rows)]).double().cpu()
    radii, coordinates = z.square().sum(1).numpy(), z.flatten().numpy()
    return {
        "latent_radius_ks": float(kstest(radii, chi2(z.shape[1]).cdf).statistic),
        "latent_radius_ks_95": float(kstwo.ppf(LEVEL, len(radii))),
        "latent_pit_ks": float(kstest(coordinates, norm.cdf).statistic),
        "latent_pit_ks_95": float(kstwo.ppf(LEVEL, len(coordinates))),
    }
