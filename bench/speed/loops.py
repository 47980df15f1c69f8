"""The real training loop, made ready for timing: everything that a run does between two validations, without an end."""

import tempfile
from pathlib import Path

import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.machine.deadline import Deadline
from bench.models.entry import Entry
from bench.setup import build
from bench.setup.compose import compose
from bench.speed.interleave import Block
from bench.training.history import History
from bench.training.loop import Loop, train

ENDLESS = 10**9
STEPS = 100
"""Steps between two validations, of which an endless budget would have none."""


def endless(overrides: list[str]) -> Config:
    """The configuration of a run whose budget no timing uses up."""
    return compose([f"train.validate_every={STEPS}", *overrides, f"budget.steps={ENDLESS}"])


def loop_on(dataset: Dataset, config: Config, device: torch.device) -> Loop:
    """The loop of a run that begins, its entry initialised from seed 0."""
    torch.manual_seed(0)
    entry = build.entry(config, dataset.spec).to(device)
    return Loop(entry, dataset.to(device), config, History(), Deadline(None))


def trained(config: Config, dataset: Dataset) -> Entry:
    """An entry trained as a run trains it, initialised from seed 0, on the device of `dataset`."""
    torch.manual_seed(0)
    entry = build.entry(config, dataset.spec).to(dataset.device)
    with tempfile.TemporaryDirectory() as folder:
        train(entry, dataset, config, History(), Path(folder) / "checkpoint", Deadline(None), lambda *_: None)
    return entry


def interval_steps(config: Config) -> int:
    """Steps of an interval of an endless run."""
    assert config.train.validate_every is not None
    return config.train.validate_every


def interval(loop: Loop) -> Block:
    """`train.validate_every` steps as a run takes them, the FLOP-counting one included."""
    return loop.interval
