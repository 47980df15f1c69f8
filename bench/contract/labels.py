"""Contracts of classes and clusters: each row is a distribution over them, and knows only its own example."""

import torch
from torch import Tensor

from bench.contract.isolation import Method, compare_batches, seeded
from bench.contract.outcome import Absent, Broken, require
from bench.contract.stage import Stage, Subject
from bench.models.entry import HasClasses, HasClassifier, HasClusters

ROUNDING = 1e-4
"""Distance of a sum of 32-bit probabilities from 1."""


def classes(subject: Subject) -> None:
    """`classify` gives each example the probabilities of all classes; `fresh_classifier` gives as many logits."""
    for stage in subject.stages:
        entry, size = stage.entry, stage.spec.classes
        if not isinstance(entry, HasClasses):
            raise Absent("no classify")
        if not size:
            raise Absent("it is built without labels, so that there are no classes")
        distributions(stage, "classify", entry.classify, size)
        if isinstance(entry, HasClassifier):
            logits = seeded(entry.fresh_classifier(), stage.test[:5], 29)
            require(
                logits.shape == (5, size) and bool(logits.isfinite().all()),
                f"fresh_classifier() answers five examples in shape {tuple(logits.shape)}",
                f"return a net whose answers are finite logits of shape {(5, size)}",
            )


def clusters(subject: Subject) -> None:
    """`cluster` gives each example the probabilities of all clusters."""
    for stage in subject.stages:
        if not isinstance(stage.entry, HasClusters):
            raise Absent("no cluster")
        distributions(stage, "cluster", stage.entry.cluster, None)


def distributions(stage: Stage, name: str, method: Method, columns: int | None) -> None:
    """Raises `Broken` unless each row sums to 1, has nothing below 0 and is the same in any batch.

    Args:
        stage: what it is asked on.
        name: of the method.
        method: examples to probabilities.
        columns: how many there are to be; None for any number.
    """
    x = torch.cat([stage.test[:63], stage.unlike[None]])
    rows = seeded(method, x, 28)
    check_shape(rows, name, (len(x), columns))
    where = f"{name}(x) on the {stage.name}"
    require(bool(rows.isfinite().all()), f"{where} is not finite", "keep the logits finite and take their softmax")
    lowest, off = float(rows.min()), float((rows.double().sum(1) - 1).abs().max())
    require(lowest >= 0, f"{where} has a probability of {lowest:.3g}", "return probabilities, not their logits")
    require(off <= ROUNDING, f"{where} has a row whose sum is {off:.3g} away from 1", "normalise each row")
    x = stage.test[:8]
    crowd = torch.cat([x, stage.unlike.expand(8, -1)])
    compare_batches(stage, name, method, {"alone": x[:1], "beside outliers": crowd}, x, 1e-4)


def check_shape(rows: Tensor, name: str, shape: tuple[int, int | None]) -> None:
    """Raises `Broken` unless there is one row an example, and a column for each class or cluster."""
    n, columns = shape
    if rows.ndim != 2 or len(rows) != n or rows.shape[1] != (columns or rows.shape[1]):
        wanted = f"({n}, {columns or 'clusters'})"
        raise Broken(f"{name}(x) has shape {tuple(rows.shape)}", f"return probabilities of shape {wanted}")
