"""Training samples per second of our latent entries and of pythae's trainer, the same layers on MNIST's pixels."""

import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.models.parts.latent import LatentEntry
from bench.setup import build
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Block, Effort, interleave, ratios
from bench.speed.loops import endless, interval, interval_steps, loop_on
from bench.speed.pixels import pixels
from bench.training.loop import Loop

CASE = "vae-pythae"
TARGET = Target(1.3, at_most=False)


@dataclass(frozen=True)
class Pair:
    """One of our entries for which pythae has a counterpart.

    Attributes:
        model: name of our entry.
        options: of its constructor; every hidden layer gets 256 units, of `vae_conv` 16 channels and 32.
        differs: what pythae's counterpart does otherwise; empty where both compute the same function.
        compile: how our step is compiled; pythae's is not.
        batch_size: of both.
        target: of the ratio.
    """

    model: str
    options: tuple[str, ...]
    differs: str = ""
    compile: str = "off"
    batch_size: int = 256
    target: Target = TARGET

    def config(self) -> Config:
        """The configuration of an endless run on binary MNIST."""
        return endless(
            [f"model={self.model}", "data=mnist_binary", "budget.parameters=null"]
            + [f"model.{option}" for option in self.options]
            + [f"compile={self.compile}", f"train.batch_size={self.batch_size}"]
        )


PAIRS = (
    Pair("vae", ("width=1024",)),
    Pair("iwae", ("width=1024", "samples=5")),
    Pair("vampprior", ("width=1024", "components=50", "pseudo_inputs=free")),
    Pair("svae", ("width=1024",), "each draws from the von Mises-Fisher law in its own way"),
    Pair(
        "vae_iaf", ("width=2048",), "pythae's flow has as many masked layers of the same size, but no context or gate"
    ),
)


CONV_CASE = "vae-conv-pythae"
CONV = tuple(
    Pair("vae_conv", ("width=96",), compile=mode, batch_size=128, target=Target(2.0, at_most=False))
    for mode in ("off", "step")
)
"""Convolutional layers alike, eager and compiled: pythae's weights lie as torch lays them, ours channels last."""

COMPILED = tuple(Pair("vae", ("width=1024",), batch_size=size, target=Target(2.0, at_most=False)) for size in (64, 256))
"""At pythae's own default batch size, and at that of `PAIRS`."""


def vae_against_pythae(device: torch.device, effort: Effort) -> list[Figure]:
    """A figure for each of `PAIRS`, all timed in turn; without pythae, figures that say so."""
    return samples_per_second({pair: pair.config() for pair in PAIRS}, device, effort)


def vae_compiled(mode: str, device: torch.device, effort: Effort) -> Iterator[Figure]:
    """A figure for each of `COMPILED`, our step compiled as `mode` says, one after the other."""
    for pair in COMPILED:
        compiled = replace(pair, compile=mode)
        yield from samples_per_second({compiled: compiled.config()}, device, effort)


def conv_against_pythae(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """A figure for each of `CONV`, one after the other."""
    for pair in CONV:
        for figure in samples_per_second({pair: pair.config()}, device, effort):
            yield replace(figure, case=CONV_CASE)


def samples_per_second(configs: dict[Pair, Config], device: torch.device, effort: Effort) -> list[Figure]:
    """Both of each pair trained on the same examples with the same weights at first, the same batch size and Adam.

    A round is one epoch of each of pythae's models and as many steps of each of ours, the two of a pair one after the
    other. Pixels are 0 or 1: pythae's are drawn once, ours anew for every batch, as the bench does. Our steps clip the
    gradient and count FLOPs once, pythae's do neither. A compiled step is compiled before the first round, one pair
    at a time; all pairs have batches of one size.
    """
    try:
        import bench.speed.rivals.pythae_vaes  # noqa: F401
    except ImportError as error:
        return [not_timed(pair, f"not timed: {error}; pip install pythae") for pair in configs]
    first = next(iter(configs.values()))
    train = first.train
    examples = interval_steps(first) * train.batch_size
    dataset, source = pixels(first, examples)
    with tempfile.TemporaryDirectory() as folder:
        sides = [both_sides(config, dataset, device, Path(folder)) for config in configs.values()]
        seconds = interleave([block for loop, epoch in sides for block in (interval(loop), epoch)], device, effort)
    how = f"{source}, batch {train.batch_size}, {len(seconds[0])} rounds of {examples} examples"
    return [
        Figure(
            CASE,
            what(pair),
            "samples/s",
            examples / statistics.median(ours),
            examples / statistics.median(theirs),
            ratios(theirs, ours),
            pair.target,
            "; ".join(filter(None, (how, pair.differs))),
            flops=loop.history.counted_flops / train.batch_size,
            compile_seconds=loop.history.compile_seconds,
        )
        for pair, (loop, _), ours, theirs in zip(configs, sides, seconds[::2], seconds[1::2], strict=True)
    ]


def both_sides(config: Config, dataset: Dataset, device: torch.device, folder: Path) -> tuple[Loop, Block]:
    """Our loop, compiled where the configuration asks for it, and an epoch of pythae's trainer on the same layers."""
    from bench.speed.rivals.pythae_vaes import epochs, same_layers

    cls = build.entry_class(config)
    loop = loop_on(dataset.as_asked(*cls.picture_form(config.model)), config, device)
    assert isinstance(loop.entry, LatentEntry)
    x = dataset.fixed(dataset.train, seed=0)
    settings = config.train
    epoch = epochs(same_layers(loop.entry), x, settings.batch_size, settings.optimiser.learning_rate, device, folder)
    loop.compile()
    return loop, epoch


def what(pair: Pair) -> str:
    """The pair's name in the table of figures."""
    compiled = "" if pair.compile == "off" else f", compile={pair.compile}, batch {pair.batch_size}"
    return f"{pair.model}{compiled}: training samples"


def not_timed(pair: Pair, reason: str) -> Figure:
    """An empty figure."""
    return Figure(CASE, what(pair), "samples/s", None, target=pair.target, note=reason)
