"""The likelihood of training examples less that of test examples."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import Diverged
from bench.metrics.likelihood import estimate, mean_and_error
from bench.models.entry import Entry
from bench.record.store import Record
from bench.seeds import stream_seed

EXAMPLES = 2_000
"""Most examples of each split."""
WEIGHTS = 16
"""Importance weights of an entry that has them: the bound's slack is much the same on both splits and cancels."""


def likelihood_gap(
    entry: Entry,
    dataset: Dataset,
    test_examples: int,
    batch_rows: int,
    seed: int,
    of_test: Float[Tensor, " n"] | None = None,
) -> Record:
    """`likelihood_gap_nats` in the report space, and its standard error; nothing for an entry without a likelihood.

    The mean of log p over a random draw of training examples less that over test examples, up to `EXAMPLES` of each.
    It sees copies and overfitting: far above 0 where an entry remembers its training examples. A model that never saw
    either split is at 0, however poor.

    Args:
        entry: on the device of the data set.
        dataset: whose splits are compared.
        test_examples: first so many test examples that may be used.
        batch_rows: most examples in one call.
        seed: of the draw and of the dequantisation noise.
        of_test: log p of test examples in the report space, where they are known by the entry's own density; else they
            are estimated as those of training examples are.

    Raises:
        Diverged: a log-likelihood is not finite.
    """
    drawn = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(stream_seed(seed, "drawn")))
    train = dataset.training(drawn[:EXAMPLES])
    test_examples = min(EXAMPLES, test_examples)
    of_train = report_log_prob(entry, dataset, train, batch_rows, stream_seed(seed, "train"))
    if of_test is None:
        test = dataset.test[:test_examples]
        of_test = report_log_prob(entry, dataset, test, batch_rows, stream_seed(seed, "test"))
    else:
        of_test = of_test[:test_examples]
    if of_train is None or of_test is None:
        return {}
    (upper, upper_error), (lower, lower_error) = mean_and_error(of_train), mean_and_error(of_test)
    if upper_error is None or lower_error is None:
        return {"likelihood_gap_nats": upper - lower}
    return {"likelihood_gap_nats": upper - lower, "likelihood_gap_error": math.hypot(upper_error, lower_error)}


def report_log_prob(
    entry: Entry, dataset: Dataset, raw: Shaped[Tensor, "n *event"], batch_rows: int, seed: int
) -> Tensor | None:
    """log p of raw examples in the report space; None for an entry without a likelihood.

    Raises:
        Diverged: a log-likelihood is not finite.
    """
    x = dataset.fixed(raw, seed)
    estimated = estimate(entry, x, importance_samples=WEIGHTS, batch_rows=batch_rows)
    if estimated is None:
        return None
    log_prob = estimated.log_prob + dataset.space.log_det(x)
    if not bool(log_prob.isfinite().all()):
        raise Diverged("the likelihood of a training or test example is not finite")
    return log_prob
