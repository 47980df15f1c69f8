"""What a cell will cost, measured on its own data before it runs: a few steps, a validation, two small evaluations."""

import time
from dataclasses import replace

import torch

from bench.data.dataset import Dataset
from bench.errors import BenchError, Diverged, NotApplicable
from bench.evaluate import evaluate
from bench.machine.deadline import Deadline
from bench.models.entry import Entry
from bench.row import OWN_THREADS
from bench.run import prepared
from bench.setup.cell import Cell
from bench.training.history import History
from bench.training.loop import Loop

STEPS = 5
"""Steps that are timed, behind as many that warm up."""
SMALL, LARGE = 40, 120
"""Test examples of the two evaluations, from which that of all is extrapolated."""


def price_of(cell: Cell) -> dict[str, float]:
    """Seconds of a training `step`, of a `validation` and of an `evaluation`; steps of a fitted entry cost nothing.

    Weights are those that training begins with: an ODE flow gets dearer while it trains.

    Raises:
        BenchError: the cell cannot be made.
    """
    torch.set_num_threads(cell.config.threads or OWN_THREADS)
    try:
        entry, dataset = prepared(cell)
        step, validation = (0.0, 0.0) if entry.fitted else trained_seconds(cell, entry, dataset)
        return {"step": step, "validation": validation, "evaluation": evaluation_seconds(cell, entry, dataset)}
    except (Diverged, NotApplicable) as reason:
        raise BenchError(str(reason)) from reason


def trained_seconds(cell: Cell, entry: Entry, dataset: Dataset) -> tuple[float, float]:
    """Seconds of a step and of a validation."""
    train = replace(cell.config.train, validate_every=STEPS)
    loop = Loop(entry, dataset, replace(cell.config, train=train), History(), Deadline(None))
    loop.compile()
    loop.interval()
    before = loop.history.seconds
    loop.interval()
    loop.validate()
    return (loop.history.seconds - before) / STEPS, loop.history.validation_seconds


def evaluation_seconds(cell: Cell, entry: Entry, dataset: Dataset) -> float:
    """Seconds of an evaluation on all test examples, on the line through those on few of them."""
    asked = min(len(dataset.test), cell.config.eval.test_examples or len(dataset.test))
    small, large = min(SMALL, asked), min(LARGE, asked)
    times = [timed_evaluation(cell, entry, dataset, n) for n in (small, small, large)]
    slope = max(0.0, times[2] - times[1]) / (large - small) if large > small else 0.0
    return times[2] + slope * (asked - large)


def timed_evaluation(cell: Cell, entry: Entry, dataset: Dataset, examples: int) -> float:
    """Seconds of an evaluation on so many test examples."""
    settings = replace(cell.config.eval, test_examples=examples, sample_size=max(examples, 10))
    started = time.perf_counter()
    evaluate(entry, dataset, settings, Deadline(None), cell.config.seed)
    return time.perf_counter() - started
