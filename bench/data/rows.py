"""The rows of a data set: those that several splits share, and those that are copies of one another."""

from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt64
from torch import Tensor

from bench.data.dataset import Dataset

PAIRS = (("validation", "train"), ("test", "train"), ("test", "validation"))
DEVIATIONS = 4.0
"""Standard deviations above its expectation from which on a number of shared rows is no chance."""
UNLIKELY = 0.01
"""Rows that chance puts into both, below which a single one is no chance."""

PAIRED, PAIRED_COLUMNS = 4_096, 1_024
"""Training rows, drawn by a fixed seed, and columns in which they are held against each other."""
TINY = 1e-300

FEW_BYTES = 256
"""Bytes of a row that are kept as they are."""
HASHED_AT_ONCE = 2**23
"""Bytes of rows that are hashed at once: a split may be larger than memory."""


class Distinct(NamedTuple):
    """The different rows of a split, in the order of their hashes.

    Attributes:
        hashes: ascending.
        firsts: place of the first row of each.
        counts: how often each stands there.
    """

    hashes: UInt64[np.ndarray, " distinct"]
    firsts: Int[np.ndarray, " distinct"]
    counts: Int[np.ndarray, " distinct"]


class Rows:
    """A hash of 64 bits of every row of a data set, split by split: that two of 10⁷ rows share one has odds of 3e-6."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.hashes = {name: row_hashes(getattr(dataset, name)) for name in ("train", "validation", "test")}

    @cached_property
    def distinct(self) -> dict[str, Distinct]:
        """The different rows of each split."""
        return {
            name: Distinct(*np.unique(rows, return_index=True, return_counts=True))
            for name, rows in self.hashes.items()
        }

    def firsts(self) -> Int[np.ndarray, " distinct"]:
        """Indices of the training rows that copy no earlier one, ascending."""
        return np.sort(self.distinct["train"].firsts)

    def shared(self, split: str, other: str) -> Int[np.ndarray, " shared"]:
        """Indices of the rows of a split that stand in another one, too."""
        known, rows = self.distinct[other].hashes, self.hashes[split]
        nearest = np.searchsorted(known, rows).clip(max=len(known) - 1)
        return np.flatnonzero(known[nearest] == rows)

    def expected(self, split: str, other: str) -> float:
        """Rows of `split` that stand in `other` by chance alone.

        A new draw meets one of the others as often as they meet one another: the share of rows of `other` that have a
        copy within it. Validation is too small to tell by itself; training rows meet it as often as test rows do.
        """
        counts = self.distinct[other].counts
        share = int(counts[counts > 1].sum()) / len(self.hashes[other])
        if (split, other) == ("test", "validation"):
            share = max(share, len(self.shared("train", other)) / len(self.hashes["train"]))
        return len(self.hashes[split]) * share

    def chance(self, split: str, other: str) -> float:
        """Rows of `split` that stand in `other` without being copies, as far as single columns tell.

        Rows that are alike by chance are alike in every column: no oftener than in the column that repeats least, and
        no oftener than the root of all columns' product, unless they depend on each other more than in pairs. A lone
        column says nothing, as its ties are copies of rows.
        """
        alike = self.alike
        if len(alike) < 2:
            return float(len(self.hashes[split]))
        likely = min(float(alike.min()), float(np.exp(0.5 * np.log(np.maximum(alike, TINY)).sum())))
        return len(self.hashes[split]) * min(1.0, len(self.hashes[other]) * likely)

    @cached_property
    def alike(self) -> Float[np.ndarray, " dim"]:
        """Of each column the share of pairs of training rows that agree in it and are no copies of each other."""
        chosen = torch.randperm(len(self.dataset.train), generator=torch.Generator().manual_seed(0))[:PAIRED]
        part = self.dataset.training(chosen).flatten(1)
        part = part[:, :: max(1, part.shape[1] // PAIRED_COLUMNS)].T.contiguous()
        pairs = len(chosen) * (len(chosen) - 1) / 2
        copied = pairs_of(self.hashes["train"][chosen.numpy()])
        found = np.asarray([pairs_of(column.cpu().numpy()) for column in part], dtype=np.float64)
        return np.maximum(found - copied, 0.0) / max(pairs - copied, 1.0)


def pairs_of(values: Shaped[np.ndarray, " n"]) -> float:
    """Pairs of equal values."""
    _, counts = np.unique(values, return_counts=True)
    return float((counts * (counts - 1.0)).sum() / 2)


def row_hashes(split: Tensor) -> UInt64[np.ndarray, " n"]:
    """A number of 64 bits for each row that depends on its bytes alone, computed in chunks.

    Each word of eight bytes is mixed with its place by the finaliser of SplitMix64 (Steele et al. 2014), so that words
    of few set bits, such as small whole numbers as floats, spread over all bits; their sum is mixed again.
    """
    rows = split.detach().cpu()
    width = max(1, split[:1].numel() * split.element_size())
    pieces = [words_hash(chunk) for chunk in torch.split(rows, max(1, HASHED_AT_ONCE // width))]
    return np.concatenate(pieces) if pieces else np.empty(0, np.uint64)


def words_hash(rows: Tensor) -> UInt64[np.ndarray, " n"]:
    """The hashes of a few rows."""
    content = rows.contiguous().flatten(1).view(torch.uint8).numpy()
    content = np.pad(content, ((0, 0), (0, -content.shape[1] % 8)))
    words = content.view(np.uint64)
    places = mixed(np.arange(1, words.shape[1] + 1, dtype=np.uint64))
    sums: UInt64[np.ndarray, " n"] = mixed(words + places).sum(1, dtype=np.uint64)
    return mixed(sums)


def mixed(words: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """SplitMix64's finaliser: a permutation of 64 bits in which each bit of the result depends on all."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    last: UInt64[np.ndarray, "*shape"] = words ^ (words >> np.uint64(31))
    return last


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
    size = len(rows.hashes[split])
    return len(rows.shared(split, other)) == size and rows.expected(split, other) < size / 2


class Crossing(NamedTuple):
    """Rows of one split that stand in another one, too.

    Attributes:
        split, other: their names.
        rows: places within `split`, ascending.
        size: rows of `split`.
        beyond: whether they are more than chance puts there.
    """

    split: str
    other: str
    rows: Int[np.ndarray, " shared"]
    size: int
    beyond: bool


def crossings(rows: Rows) -> Iterator[Crossing]:
    """The rows that two splits share, pair by pair; none of two of which one lies wholly in the other."""
    continuous = rows.dataset.spec.kind == "continuous" and not rows.dataset.noisy
    for split, other in PAIRS:
        shared, size = rows.shared(split, other), len(rows.hashes[split])
        if len(shared) == 0 or wholly_shared(rows, split, other):
            continue
        expected = min(rows.expected(split, other), rows.chance(split, other))
        exact = continuous or rows.chance(split, other) < UNLIKELY
        slack = 0.0 if exact else DEVIATIONS * max(1.0, size / len(rows.hashes[other]))
        yield Crossing(split, other, shared, size, len(shared) > expected + DEVIATIONS * expected**0.5 + slack)


def row_warnings(rows: Rows) -> Iterator[str]:
    """A line for each two splits that share some rows beyond chance, and one where most rows are copies.

    Of a table whose reader has said where they stand in its file, the last alone.
    """
    for found in crossings(rows) if not rows.dataset.notes else ():
        if found.beyond:
            yield (
                f"{len(found.rows)} of {found.size} rows of {found.split} stand in {found.other} too, the first of "
                f"them row {found.rows[0]}"
            )
    yield from copies(rows)


def copies(rows: Rows) -> Iterator[str]:
    """A line where most training rows are copies, or where most pairs of binary ones are."""
    distinct, kind = rows.distinct["train"], rows.dataset.spec.kind
    continuous = kind == "continuous" and not rows.dataset.noisy
    size = len(rows.hashes["train"])
    same = float(((distinct.counts / size) ** 2).sum())
    if (continuous and 2 * len(distinct.counts) < size) or (kind == "binary" and same > 0.5):
        times = int(distinct.counts.max())
        first = int(distinct.firsts[distinct.counts == times].min())
        yield (
            f"{size - len(distinct.counts)} of {size} training rows are copies (row {first} stands {times} times): "
            "densities and distances of samples mean little"
        )
