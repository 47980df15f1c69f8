"""The rows of a data set: those that several splits share, and those that are copies of one another."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256

import torch
from torch import Tensor

from bench.data.dataset import Dataset

PAIRS = (("validation", "train"), ("test", "train"), ("test", "validation"))
DEVIATIONS = 4.0
"""Standard deviations above its expectation from which on a number of shared rows is no chance."""

FEW_BYTES = 256
"""Bytes of a row that are kept as they are."""


class Rows:
    """The digest of every row of a data set, split by split."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.digests = {name: digests(getattr(dataset, name)) for name in ("train", "validation", "test")}

    @cached_property
    def counts(self) -> dict[str, Counter[bytes]]:
        """How often each row of a split stands in it."""
        return {name: Counter(rows) for name, rows in self.digests.items()}

    def firsts(self) -> list[int]:
        """Indices of the training rows that copy no earlier one, ascending."""
        first: dict[bytes, int] = {}
        for place, digest in enumerate(self.digests["train"]):
            first.setdefault(digest, place)
        return list(first.values())

    def shared(self, split: str, other: str) -> list[int]:
        """Indices of the rows of a split that stand in another one, too."""
        known = self.counts[other]
        return [place for place, digest in enumerate(self.digests[split]) if digest in known]

    def expected(self, split: str, other: str) -> float:
        """Rows of `split` that stand in `other` by chance alone.

        A new draw meets one of the others as often as they meet one another: the share of rows of `other` that have a
        copy within it. Validation is too small to tell by itself; training rows meet it as often as test rows do.
        """
        counts = self.counts[other]
        share = sum(count for count in counts.values() if count > 1) / len(self.digests[other])
        if (split, other) == ("test", "validation"):
            share = max(share, len(self.shared("train", other)) / len(self.digests["train"]))
        return len(self.digests[split]) * share


def digests(split: Tensor) -> list[bytes]:
    """Each row's bytes, or their SHA-256 where they are more than a few."""
    content = split.detach().cpu().contiguous().flatten(1).view(torch.uint8).numpy()
    width = content.shape[1]
    if width <= FEW_BYTES:
        whole: list[bytes] = content.view(f"V{width}")[:, 0].tolist()
        return whole
    return [sha256(row).digest() for row in content]


def row_refusals(rows: Rows) -> Iterator[str]:
    """A line for each two splits of which one lies wholly in the other, beyond chance."""
    for split, other in PAIRS:
        if torch.equal(getattr(rows.dataset, split), getattr(rows.dataset, other)):
            yield f"{split} and {other} are the same rows; give splits that share none"
        elif wholly_shared(rows, split, other):
            yield f"every row of {split} stands in {other} too; give splits that share none"


def wholly_shared(rows: Rows, split: str, other: str) -> bool:
    """True where every row of a split stands in another one, and chance would not have put half of them there."""
    size = len(rows.digests[split])
    return len(rows.shared(split, other)) == size and rows.expected(split, other) < size / 2


def row_warnings(rows: Rows) -> Iterator[str]:
    """A line for each two splits that share some rows beyond chance, and one where most rows are copies."""
    continuous = rows.dataset.spec.kind == "continuous" and not rows.dataset.noisy
    for split, other in PAIRS:
        shared, expected = rows.shared(split, other), rows.expected(split, other)
        size = len(rows.digests[split])
        slack = 0.0 if continuous else DEVIATIONS * max(1.0, size / len(rows.digests[other]))
        beyond = len(shared) > expected + DEVIATIONS * expected**0.5 + slack
        if beyond and not wholly_shared(rows, split, other):
            yield f"{len(shared)} of {size} rows of {split} stand in {other} too, the first of them row {shared[0]}"
    yield from copies(rows)


def copies(rows: Rows) -> Iterator[str]:
    """A line where most training rows are copies, or where most pairs of binary ones are."""
    counts, kind = rows.counts["train"], rows.dataset.spec.kind
    continuous = kind == "continuous" and not rows.dataset.noisy
    size = len(rows.digests["train"])
    most, times = counts.most_common(1)[0]
    same = sum((count / size) ** 2 for count in counts.values())
    if (continuous and 2 * len(counts) < size) or (kind == "binary" and same > 0.5):
        first = rows.digests["train"].index(most)
        yield (
            f"{size - len(counts)} of {size} training rows are copies (row {first} stands {times} times): densities "
            "and distances of samples mean little"
        )
