"""Rows of a table that stand in two splits, named as its file has them."""

from typing import NamedTuple

import numpy as np

from bench.data.dataset import Dataset
from bench.data.rows import Rows, crossings
from bench.data.table.frame import Frame
from bench.data.table.splits import Splits


class Said(NamedTuple):
    """A line about shared rows; `beyond` where they are more than columns of so few values explain."""

    line: str
    beyond: bool


def shared_rows(dataset: Dataset, splits: Splits, frame: Frame) -> Said | None:
    """What is to be said of rows that two splits share; None where there are none.

    Args:
        dataset: of the table.
        splits: rows of the frame in each.
        frame: the table; it says where a row stands in the file.
    """
    rows = Rows(dataset)
    found = list(crossings(rows))
    if not found or dataset.spec.dim == 1:  # the copies of a lone column are its ties
        return None
    counts = ", ".join(f"{len(each.rows)} of {each.size} rows of {each.split} in {each.other}" for each in found)
    if not any(each.beyond for each in found):
        return Said(f"rows stand in two splits, as columns of few values have it: {counts}", False)
    first = next(each for each in found if each.beyond)
    own = int(first.rows[0])
    twin = int(np.flatnonzero(rows.hashes[first.other] == rows.hashes[first.split][own])[0])
    copy, copied = (
        frame.row_words(int(getattr(splits, part)[place])) for part, place in ((first.split, own), (first.other, twin))
    )
    return Said(
        f"copies of rows stand in two splits: {counts} (such as {copy}, a copy of {copied}): take copies out of the "
        "file, or keep them in one split by data.split",
        True,
    )
