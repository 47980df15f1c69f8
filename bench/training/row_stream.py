"""Rows of a training split that stays where it is, such as in a mapped file larger than memory.

The rows of the next request are gathered by threads while the device works on those before. They are laid into pinned
memory, from which a copy to a GPU needs no wait. The threads call nothing of CUDA: a graph may be recorded meanwhile.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from bench.data.mapped_reads import NORMAL, RANDOM, advise

THREADS = 8
"""Reads that wait for the disk at once."""


class Request(NamedTuple):
    """Rows that are being gathered.

    Attributes:
        place: of the request in the stream, by which it is told from others.
        chosen: indices of the rows, on the CPU.
        rows: room for the rows, on the CPU.
        pieces: done when their part of the rows is there.
    """

    place: int
    chosen: Int[Tensor, " n"]
    rows: Shaped[Tensor, "n *event"]
    pieces: "list[Future[None]]"


class RowStream:
    """Gathers rows one request ahead."""

    ahead: Request | None = None

    def __init__(self, split: Shaped[Tensor, "examples *event"], device: torch.device) -> None:
        """Of a split on the CPU, for a device. The threads start with the first request."""
        self.split, self.device = split, device
        self.threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="rows")

    def expected(self, place: int) -> Int[Tensor, " n"] | None:
        """The indices that were asked for at that place, where it is the one gathered ahead."""
        return self.ahead.chosen if self.ahead is not None and self.ahead.place == place else None

    def prepare(self, place: int, chosen: Int[Tensor, " n"]) -> None:
        """Begins to gather the rows of one request."""
        shape = (len(chosen), *self.split.shape[1:])
        room = torch.empty(shape, dtype=self.split.dtype, pin_memory=self.device.type == "cuda")
        advise(self.split, RANDOM)
        pieces = list(zip(chosen.chunk(THREADS), room.chunk(THREADS), strict=True))
        left, lock = [len(pieces)], Lock()

        def gather(rows: Tensor, out: Tensor) -> None:
            try:
                torch.index_select(self.split, 0, rows, out=out)
            finally:
                with lock:
                    left[0] -= 1
                    if left[0] == 0:
                        advise(self.split, NORMAL)  # the last one: whoever reads the split now reads it in order

        gathered = [self.threads.submit(gather, rows, out) for rows, out in pieces]
        self.ahead = Request(place, chosen, room, gathered)

    def take(self, place: int, chosen: Int[Tensor, " n"]) -> Shaped[Tensor, "n *event"]:
        """The rows of one request on the device; at once where they were gathered ahead."""
        if self.expected(place) is None:
            self.prepare(place, chosen)
        assert self.ahead is not None
        for piece in self.ahead.pieces:
            piece.result()
        rows, self.ahead = self.ahead.rows, None
        # The allocator of pinned memory gives a buffer away again only when the copy out of it has ended.
        return rows.to(self.device, non_blocking=True)
