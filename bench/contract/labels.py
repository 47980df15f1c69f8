"""Contracts of classes and clusters: each row is a distribution over them, and depends on its own example alone."""

import torch
from torch import Tensor

from bench.contract.isolation import compare_batches
from bench.contract.methods import TensorFunction, seeded
from bench.contract.outcome import Absent, Broken, require
from bench.contract.testbed import Testbed
from bench.models.entry import HasClasses, HasClassifier, HasClusters

ROUNDING = 1e-4
"""Distance of a sum of 32-bit probabilities from 1."""


def classes(testbed: Testbed) -> None:
    """`classify` gives each example the probabilities of all classes; `fresh_classifier` gives as many logits."""
    entry, size = testbed.entry, testbed.spec.classes
    if not isinstance(entry, HasClasses):
        raise Absent("no classify")
    if not size:
        raise Absent("it is built without labels, so that there are no classes")
    distributions(testbed, "classify", entry.classify, size)
    if isinstance(entry, HasClassifier):
        logits = seeded(entry.fresh_classifier(), testbed.test[:5], testbed.stream(29))
        require(
            logits.shape == (5, size) and bool(logits.isfinite().all()),
            f"fresh_classifier() answers five examples in shape {tuple(logits.shape)}",
            f"return a net whose answers are finite logits of shape {(5, size)}",
        )


def clusters(testbed: Testbed) -> None:
    """`cluster` gives each example the probabilities of all clusters."""
    if not isinstance(testbed.entry, HasClusters):
        raise Absent("no cluster")
    distributions(testbed, "cluster", testbed.entry.cluster, None)


def distributions(testbed: Testbed, name: str, method: TensorFunction, columns: int | None) -> None:
    """Raises `Broken` unless each row sums to 1, has nothing below 0 and is the same in any batch.

    Args:
        testbed: what it is asked on.
        name: of the method.
        method: examples to probabilities.
        columns: how many there are to be; None for any number.
    """
    x = torch.cat([testbed.test[:63], testbed.unlike[None]])
    rows = seeded(method, x, testbed.stream(28))
    check_table(rows, name, (len(x), columns))
    where = f"{name}(x) on the {testbed.name}"
    require(bool(rows.isfinite().all()), f"{where} is not finite", "keep the logits finite and take their softmax")
    lowest, off = float(rows.min()), float((rows.double().sum(1) - 1).abs().max())
    require(lowest >= 0, f"{where} has a probability of {lowest:.3g}", "return probabilities, not their logits")
    require(off <= ROUNDING, f"{where} has a row whose sum is {off:.3g} away from 1", "normalise each row")
    x = testbed.test[:8]
    crowd = torch.cat([x, testbed.unlike.expand_as(x)])
    compare_batches(testbed, name, method, {"alone": x[:1], "beside outliers": crowd}, x, 1e-4)


def check_table(rows: Tensor, name: str, shape: tuple[int, int | None]) -> None:
    """Raises `Broken` unless there is one row an example, and a column for each class or cluster."""
    n, columns = shape
    if rows.ndim != 2 or len(rows) != n or rows.shape[1] != (columns or rows.shape[1]):
        wanted = f"({n}, {columns or 'clusters'})"
        raise Broken(f"{name}(x) has shape {tuple(rows.shape)}", f"return probabilities of shape {wanted}")
