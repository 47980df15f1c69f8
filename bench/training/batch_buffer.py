"""A buffer of coming batches at a fixed device address, from which a captured CUDA graph gathers its input.

A CUDA graph reads the addresses that it was captured with. A step that is handed its batch has to have it copied there;
one that gathers it by an index that it moves on itself is replayed with nothing else in between.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class BatchBuffer:
    """Room for so many batches, and for one that comes from elsewhere.

    Attributes:
        block: the batches side by side, `((batches + 1) batch, *event)`.
        rows: of the block that `gather` takes next.
    """

    block: Float[Tensor, "rows *event"]
    rows: Int[Tensor, " batch"]

    def __init__(self, x: Float[Tensor, "batch *event"], batches: int = 0) -> None:
        """Room for batches of the shape and device of x."""
        self.block = x.new_zeros((batches + 1) * len(x), *x.shape[1:])
        self.first = torch.arange(len(x), device=x.device)
        self.rows = self.first.clone()
        self.next_row = 0
        self.guest_row = batches * len(x)

    def lay(self, batches: Float[Tensor, "rows *event"]) -> Float[Tensor, "rows *event"]:
        """Copy as many batches as there is room for into the buffer, over those before; returns where they lie."""
        return self.block[: self.guest_row].copy_(batches)

    def point(self, x: Float[Tensor, "batch *event"]) -> None:
        """Make x the batch that `gather` gives next: by its rows in the buffer, or copied in. Nothing waits."""
        if x.untyped_storage().data_ptr() == self.block.untyped_storage().data_ptr():
            row = x.storage_offset() // self.block.stride(0)
        else:
            row = self.guest_row
            self.block[row:].copy_(x)
        if row != self.next_row:
            torch.add(self.first, row, out=self.rows)
        self.next_row = row + len(self.rows)

    def gather(self) -> Float[Tensor, "batch *event"]:
        """The next batch; the rows move on to the one after it within the graph, so that a replay needs no host."""
        x = self.block.index_select(0, self.rows)
        self.rows.add_(len(self.rows))
        return x
