"""The arrays that a run's pictures are drawn from: samples beside data, and densities of two-dimensional data."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.models.entry import Entry, HasLatent, HasLogProb, HasLogWeights, HasSimulator
from bench.models.parts.importance import iwae

IMAGES = 64
POINTS = 2_000
CLASS_ROWS = 6
LATENT_IMAGES = 16
LATENT_NOISE = 0.5
"""Standard deviations of the prior that pictures of reconstruction at equal noise are drawn at."""
GRID = 64
GRID_IMPORTANCE_SAMPLES = 64


def picture_samples(entry: Entry, dataset: Dataset, x: Tensor) -> dict[str, Any]:
    """`samples` and as many test examples `data`, in data space, laid flat, `(n, dim)` float32.

    An entry that takes labels also has samples `by_class`, `(rows, classes, dim)`.
    """
    n = POINTS if dataset.image_shape is None else IMAGES
    arrays = {
        "samples": flat_array(dataset.space.to_data(entry.sample(n))),
        "data": flat_array(dataset.space.to_data(x[:n])),
    }
    if entry.conditional and dataset.spec.classes:
        labels = torch.eye(dataset.spec.classes, device=x.device).repeat(CLASS_ROWS, 1)
        by_class = flat_array(dataset.space.to_data(entry.sample(len(labels), labels)))
        arrays["by_class"] = by_class.reshape(CLASS_ROWS, -1, by_class.shape[1])
    if dataset.image_shape is not None:
        arrays["image_shape"] = np.asarray(dataset.image_shape)
    return arrays


def picture_latents(entry: Entry, dataset: Dataset, x: Tensor) -> dict[str, Any]:
    """Test images after their latents, and decoder means beside draws from them, in data space, laid flat.

    `reconstructed` and, with latent noise of `LATENT_NOISE`, `reconstructed_noisy` of the first test examples;
    `means` and `draws` of as many latents of the prior. Nothing for what are no images.
    """
    arrays: dict[str, Any] = {}
    if dataset.image_shape is None or not isinstance(entry, HasLatent):
        return arrays
    to_data = dataset.space.to_data
    z = entry.encode(x[:LATENT_IMAGES])
    arrays["reconstructed"] = flat_array(to_data(entry.decode(z)))
    arrays["reconstructed_noisy"] = flat_array(to_data(entry.decode(z + LATENT_NOISE * torch.randn_like(z))))
    if isinstance(entry, HasSimulator):
        drawn = entry.prior_sample(LATENT_IMAGES)
        arrays["means"] = flat_array(to_data(entry.decode(drawn)))
        arrays["draws"] = flat_array(to_data(entry.simulate(drawn)))
    return arrays


def flat_array(events: Tensor) -> Any:
    """Events as a float32 array `(n, dim)`."""
    return events.flatten(1).cpu().numpy().astype(np.float32)


def density_grid(entry: Entry, dataset: Dataset, x: Tensor, settings: Eval) -> dict[str, Any]:
    """`log_density` (and `log_truth` where known) on a square grid around the test examples, rows along y.

    An entry with importance weights is evaluated by IWAE-64. Where a density is zero the logarithm is -inf.
    """
    half = 1.1 * float(x.abs().max())
    axis = torch.linspace(-half, half, GRID, device=x.device)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).flatten(0, 1)
    weights = GRID_IMPORTANCE_SAMPLES if isinstance(entry, HasLogWeights) else 1
    chunks = torch.split(points, max(1, settings.batch_rows // weights))
    arrays = {
        "log_density": as_grid(torch.cat([log_density(entry, chunk) for chunk in chunks])),
        "extent": np.asarray([-half, half, -half, half]),
    }
    if dataset.truth is not None:
        arrays["log_truth"] = as_grid(dataset.truth.log_prob(points))
    return arrays


def log_density(entry: Entry, points: Tensor) -> Tensor:
    """Log-density of each point, or the bound that stands for it."""
    if isinstance(entry, HasLogWeights):
        return iwae(entry.log_weights(points, GRID_IMPORTANCE_SAMPLES)).value
    if isinstance(entry, HasLogProb):
        return entry.log_prob(points).value
    raise TypeError(f"{type(entry).__name__} has no density to draw")


def as_grid(values: Tensor) -> Any:
    """A flat grid as a square float32 array."""
    return values.reshape(GRID, GRID).cpu().numpy().astype(np.float32)
