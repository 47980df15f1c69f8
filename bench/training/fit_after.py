"""The fit after training: calls an entry's `finish(x)`, by which it fits a density of its latents, or all of itself."""

import torch
from jaxtyping import Shaped
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import Diverged
from bench.machine.clock import Stopwatch
from bench.machine.deadline import Deadline
from bench.metrics.likelihood import evaluating
from bench.models.entry import Entry, HasFinish
from bench.seeds import stream_seed
from bench.training.history import History

EXAMPLES = 5_000
"""Most training examples that `finish` is given, unless it is all of the entry's training."""
FITTED_COORDINATES = 2**26
"""Most coordinates of training examples that a `fitted` entry is given, 256 MiB: a split may be larger than memory."""


def finish(entry: Entry, dataset: Dataset, seed: int, history: History, deadline: Deadline) -> None:
    """Call the entry's `finish` on training examples, on the training clock; nothing for an entry without one.

    Training's last checkpoint lies before this, so that a run which is killed later fits the same again.

    Args:
        entry: with its best weights; changed in place.
        dataset: on the device of `entry`.
        seed: the run's: of the noise of the examples and of all that the entry draws.
        history: its training clock goes on.
        deadline: looked at once, before.

    Raises:
        Diverged: a fitted parameter is NaN or infinite; the message names it and the entry.
        TimedOut: the deadline passed.
    """
    if not isinstance(entry, HasFinish):
        return
    deadline.check()
    watch = Stopwatch(dataset.device)
    with watch, evaluating(entry):
        torch.manual_seed(stream_seed(seed, "finish"))
        raw = chosen(entry, dataset, stream_seed(seed, "finish rows"))
        x = dataset.fixed(raw, stream_seed(seed, "finish noise"))
        try:
            entry.finish(x)
        except Diverged as reason:
            raise Diverged(f"{reason}, in what {type(entry).__name__} fits after training") from reason
    history.seconds += watch.seconds


def examples(entry: Entry, dataset: Dataset) -> int:
    """Number of training examples that `finish` gets: for a `fitted` entry all that fit in memory."""
    return min(len(dataset.train), most_rows(dataset) if entry.fitted else EXAMPLES)


def chosen(entry: Entry, dataset: Dataset, seed: int) -> Shaped[Tensor, "n *event"]:
    """The training examples that `finish` gets: all, or rows at random where it gets fewer.

    A table may have an order of its own, of which the first rows would not stand for the whole. Streamed and resident
    data give the same rows.

    Args:
        entry: says how many.
        dataset: raw.
        seed: of the choice.
    """
    n = examples(entry, dataset)
    if n == len(dataset.train):
        return dataset.train
    order = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(seed))
    return dataset.training(order[:n].sort().values)


def most_rows(dataset: Dataset) -> int:
    """Rows of a training split that are taken whole."""
    return max(1, FITTED_COORDINATES // dataset.spec.dim)
