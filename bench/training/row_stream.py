"""Rows of a training split that stays where it is, such as in a mapped file larger than memory.

The rows of the next request are gathered by a thread while the device works on those before. They are laid into pinned
memory, from which a copy to a GPU needs no wait. The thread itself calls nothing of CUDA, as a graph may be recorded
meanwhile.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import torch
from jaxtyping import Int, Shaped
from torch import Tensor


class Request(NamedTuple):
    """Rows that are being gathered.

    Attributes:
        place: of the request in the stream, by which it is told from others.
        chosen: indices of the rows, on the CPU.
        rows: the future of the rows, on the CPU.
    """

    place: int
    chosen: Int[Tensor, " n"]
    rows: "Future[Tensor]"


class RowStream:
    """Gathers rows one request ahead."""

    ahead: Request | None = None

    def __init__(self, split: Shaped[Tensor, "examples *event"], device: torch.device) -> None:
        """Of a split on the CPU, for a device. The thread starts with the first request."""
        self.split, self.device = split, device
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rows")

    def expected(self, place: int) -> Int[Tensor, " n"] | None:
        """The indices that were asked for at that place, where it is the one gathered ahead."""
        return self.ahead.chosen if self.ahead is not None and self.ahead.place == place else None

    def prepare(self, place: int, chosen: Int[Tensor, " n"]) -> None:
        """Begins to gather the rows of one request."""
        shape = (len(chosen), *self.split.shape[1:])
        room = torch.empty(shape, dtype=self.split.dtype, pin_memory=self.device.type == "cuda")
        self.ahead = Request(place, chosen, self.thread.submit(torch.index_select, self.split, 0, chosen, out=room))

    def take(self, place: int, chosen: Int[Tensor, " n"]) -> Shaped[Tensor, "n *event"]:
        """The rows of one request on the device; at once where they were gathered ahead."""
        if self.expected(place) is None:
            self.prepare(place, chosen)
        assert self.ahead is not None
        rows, self.ahead = self.ahead.rows.result(), None
        # The allocator of pinned memory gives a buffer away again only when the copy out of it has ended.
        return rows.to(self.device, non_blocking=True)
