"""Rows of a large file in another order: sorted into windows of that order in one pass, then shuffled by window.

Gathered one by one, rows of a file that is larger than memory cost a page each. Here the file is read once in order,
and written once; a pass in the new order reads that once. The windows lie in files without a name, which the system
removes when the process ends.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from bench.data.chunks import AT_ONCE, chunks

WINDOW = 2**27
"""Bytes of a window, which is held in memory twice."""
MOST = 256
"""Windows, each an open file; of a larger file they are larger."""


class Shuffled:
    """The splits of a mapped array, each in an order of its own, a piece at a time and as often as wanted."""

    def __init__(
        self,
        source: Shaped[Tensor, "n dim"],
        splits: Sequence[Int[Tensor, " m"]],
        folder: Path,
        check: Callable[[int, Shaped[Tensor, "rows dim"]], None],
    ) -> None:
        """Reads the array once, and sorts its rows into windows.

        Args:
            source: the mapped array.
            splits: of each the rows, in their order; none stands twice.
            folder: for files without a name, as large together as the rows of all splits.
            check: is shown the number of a piece's first row and the piece, in the array's order; it may raise.

        Raises:
            OSError: the files cannot be written.
        """
        self.source, self.splits = source, splits
        row = source.shape[1] * source.element_size()
        piece = max(1, AT_ONCE // max(1, source.shape[1]))
        least = max(WINDOW, len(source) * row // MOST) // max(1, row)
        # A window is whole pieces, so that pieces are those of the split in memory: sums over them have the same bits.
        self.piece, self.rows = piece, max(1, least // piece) * piece
        self.windows = [torch.split(split, self.rows) for split in splits]
        with ExitStack() as opened:
            windows = [window for split in self.windows for window in split]
            self.files = [opened.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in windows]
            self.sort(windows, check)
            self.opened = opened.pop_all()

    def sort(self, windows: Sequence[Tensor], check: Callable[[int, Tensor], None]) -> None:
        """Writes each row to the file of its window, in the array's order."""
        owner = np.full(len(self.source), -1, dtype=np.int32)
        for number, window in enumerate(windows):
            owner[window.numpy()] = number
        for start, rows in chunks(self.source):
            check(start, rows)
            owners = owner[start : start + len(rows)]
            order = np.argsort(owners, kind="stable")
            numbers, firsts = np.unique(owners[order], return_index=True)
            for number, own in zip(numbers, np.split(order, firsts[1:]), strict=True):
                if number >= 0:
                    self.files[number].write(rows[torch.from_numpy(own)].numpy().data)

    def pieces(self, split: int) -> Iterator[Shaped[Tensor, "rows dim"]]:
        """The rows of a split in its order, `AT_ONCE` coordinates at a time."""
        before = sum(len(windows) for windows in self.windows[:split])
        for window, file in zip(self.windows[split], self.files[before:], strict=False):
            # They stand in the window as in the array: a row's place there is its rank among the window's.
            rank = torch.empty_like(window)
            rank[window.argsort()] = torch.arange(len(window))
            rows = self.read(file, len(window))
            for wanted in torch.split(rank, self.piece):
                yield rows[wanted]

    def read(self, file: IO[bytes], count: int) -> Shaped[Tensor, "rows dim"]:
        """A window, in the array's order."""
        file.seek(0)
        stored = np.fromfile(file, dtype=self.source.numpy().dtype, count=count * self.source.shape[1])
        if len(stored) != count * self.source.shape[1]:
            raise OSError("a window is shorter than what was written")
        return torch.from_numpy(stored.reshape(count, -1) if count else stored.reshape(0, self.source.shape[1]))

    def close(self) -> None:
        """Gives the disk back."""
        self.opened.close()
