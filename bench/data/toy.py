"""The eight two-dimensional toys of FFJORD (Grathwohl et al. 2019), each with its exact log-density.

The laws are those of that paper's published data generator, noise and scale included, with every example an independent
draw: where the generator puts points on an even grid of a curve parameter, the parameter here is uniform.
"""

from collections.abc import Callable

import torch

from bench.data.dataset import Dataset
from bench.data.from_density import from_density
from bench.data.toy_curves import Moons, SwissRoll, TwoSpirals
from bench.data.toy_densities import Checkerboard, EightGaussians, Pinwheel, Rings, Toy
from bench.errors import unknown

TOYS: dict[str, Callable[[], Toy]] = {
    "8gaussians": EightGaussians,
    "checkerboard": Checkerboard,
    "rings": lambda: Rings(radii=(0.75, 1.5, 2.25, 3.0), scale=0.08),
    "circles": lambda: Rings(radii=(1.5, 3.0), scale=0.24),
    "moons": Moons,
    "pinwheel": Pinwheel,
    "2spirals": TwoSpirals,
    "swissroll": SwissRoll,
}


def toy(name: str, *, train: int = 20_000, validation: int = 2_000, test: int = 10_000, seed: int = 0) -> Dataset:
    """One of `TOYS`: float32 splits of shape `(n, 2)` in their own coordinates, their density as the truth.

    Args:
        name: a key of `TOYS`.
        train, validation, test: sizes of the splits.
        seed: of the test split, which all runs share; training examples are drawn by it and the run's own seed.

    Raises:
        BenchError: an unknown name, or a size that is not a positive integer.
    """
    if name not in TOYS:
        raise unknown("toy", name, TOYS, where="bench.data.toy")
    generator = torch.Generator().manual_seed(seed)
    return from_density(name, TOYS[name](), 2, train=train, validation=validation, test=test, generator=generator)
