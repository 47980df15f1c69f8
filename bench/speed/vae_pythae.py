"""Training samples per second of our `vae` and of pythae's trainer, the same layers on MNIST's pixels."""

import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from bench import build
from bench.config import Config
from bench.data.dataset import Dataset
from bench.data.spaces import Binary
from bench.errors import BenchError
from bench.models.vae import VAE
from bench.spec import DataSpec
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave, ratios
from bench.speed.loops import endless, interval, loop_on

CASE = "vae-pythae"
WHAT = "vae: training samples"
TARGET = Target(1.3, at_most=False)
OURS = ["model=vae", "data=mnist_binary", "model.width=1024", "budget.parameters=null"]
"""Four hidden layers of 256 units: 784-256-256-16-256-256-784."""


def vae_pythae(device: torch.device, effort: Effort) -> list[Figure]:
    """One figure; without pythae, one that says so."""
    return [samples_per_second(endless(OURS), device, effort)]


def samples_per_second(config: Config, device: torch.device, effort: Effort) -> Figure:
    """Both trained on the same examples with the same weights at first, the same batch size and Adam.

    A round is one epoch of pythae's trainer and as many of our steps. Pixels are 0 or 1: pythae's are drawn once, ours
    anew for every batch, as the bench does. Our steps clip the gradient and count FLOPs once, pythae's do neither.
    """
    try:
        from bench.speed.pythae_vae import epochs, same_layers
    except ImportError as error:
        return Figure(CASE, WHAT, "samples/s", None, target=TARGET, note=f"not timed: {error}; pip install pythae")
    examples = config.train.validate_every * config.train.batch_size
    dataset, source = pixels(config, examples)
    loop = loop_on(dataset, config, device)
    assert isinstance(loop.entry, VAE)
    theirs = same_layers(loop.entry)
    x = dataset.fixed(dataset.train, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        rate = config.train.optimiser.learning_rate
        epoch = epochs(theirs, x, config.train.batch_size, rate, device, Path(folder))
        ours_seconds, theirs_seconds = interleave([interval(loop), epoch], device, effort)
    return Figure(
        CASE,
        WHAT,
        "samples/s",
        examples / statistics.median(ours_seconds),
        examples / statistics.median(theirs_seconds),
        ratios(theirs_seconds, ours_seconds),
        TARGET,
        f"{source}, batch {config.train.batch_size}, {len(ours_seconds)} rounds of {examples} examples",
    )


def pixels(config: Config, examples: int) -> tuple[Dataset, str]:
    """The first `examples` of MNIST's training pictures, or random ones where it is not at hand; and which it was."""
    try:
        dataset = build.dataset(config)
    except BenchError as reason:
        levels = torch.randint(0, 256, (examples, 784), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
        spec, space = DataSpec((784,), "binary"), Binary(256)
        return Dataset("random", spec, space, levels, levels[:256], levels[:256]), f"random pixels ({reason})"
    return replace(dataset, train=dataset.train[:examples]), "MNIST"
