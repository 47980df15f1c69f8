"""What a cell will cost, measured on its own data before it runs: a short training, a validation, two evaluations."""

import time
from dataclasses import replace

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, Diverged, NotApplicable
from bench.evaluate import evaluate
from bench.machine.deadline import Deadline
from bench.machine.threads import set_threads
from bench.models.entry import Entry
from bench.run import prepared
from bench.setup.cell import Cell
from bench.training.history import History
from bench.training.loop import Loop

STEPS, TIMED = 40, 10
"""Steps of the short training, and the last of them, which are timed."""
RATE = 0.01
"""Its learning rate, which drives an ODE flow's field as far in these steps as trials do in theirs: early fields are
solved in half of the evaluations."""
PATIENCE = 10.0
"""Seconds of it after which a slow entry's steps so far are enough."""
SMALL, LARGE = 40, 120
"""Test examples of the two evaluations, from which that of all is extrapolated."""


def price_of(cell: Cell) -> dict[str, float]:
    """Seconds of the `start`, of a training `step`, of a `validation` and of an `evaluation`.

    Steps of a fitted entry cost nothing. The start is making the entry and placing the data.

    All are of the weights of a short training: the field of an ODE flow is dearer by then.

    Raises:
        BenchError: the cell cannot be made.
    """
    set_threads(cell.config.threads)
    started = time.perf_counter()
    try:
        entry, dataset = prepared(cell)
        start = time.perf_counter() - started
        step, validation = (0.0, 0.0) if entry.fitted else trained_seconds(cell, entry, dataset)
        evaluation = evaluation_seconds(cell, entry, dataset)
        return {"start": start, "step": step, "validation": validation, "evaluation": evaluation}
    except (Diverged, NotApplicable) as reason:
        raise BenchError(str(reason)) from reason


def trained_seconds(cell: Cell, entry: Entry, dataset: Dataset) -> tuple[float, float]:
    """Seconds of a step and of a validation, behind a short training."""
    loop = Loop(entry, dataset, short(cell.config), History(), Deadline(None))
    history = loop.history
    loop.compile()
    before = 0.0
    while history.step < STEPS and history.seconds < PATIENCE:
        before = history.seconds
        loop.interval()
    loop.validate()
    return (history.seconds - before) / TIMED, history.validation_seconds


def short(config: Config) -> Config:
    """The configuration of a whole schedule of few steps, at a rate that drives the weights far."""
    optimiser = replace(config.train.optimiser, learning_rate=RATE)
    return replace(
        config,
        budget=replace(config.budget, steps=STEPS, seconds=None, flops=None),
        train=replace(config.train, validate_every=TIMED, optimiser=optimiser),
    )


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
