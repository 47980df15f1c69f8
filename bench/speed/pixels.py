"""The pictures that comparisons train and evaluate on: MNIST's, or random ones of its shape."""

from dataclasses import replace

import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.data.spaces import Binary, DequantisedLogit
from bench.errors import BenchError
from bench.setup import build
from bench.spec import DataSpec, Kind


def pixels(config: Config, examples: int) -> tuple[Dataset, str]:
    """The first `examples` of MNIST's training pictures, or random ones where it is not at hand; and which it was.

    Bits or grey levels, as the configuration's data are.
    """
    try:
        dataset = build.dataset(config)
    except BenchError as reason:
        levels = torch.randint(0, 256, (examples, 784), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        kind: Kind = "binary" if config.data.get("binary") else "discrete"
        spec = DataSpec((784,), kind, None if kind == "binary" else 256)
        space = Binary(256) if kind == "binary" else DequantisedLogit.fitted(levels, 256, config.data["alpha"])
        splits = (levels, levels[:256], levels[:256])
        return Dataset("random", spec, space, *splits, image_shape=(28, 28)), f"random pixels ({reason})"
    return replace(dataset, train=dataset.train[:examples]), "MNIST"
