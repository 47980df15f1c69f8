"""Batches side by side in one place of the device, from which a captured step gathers its own.

A CUDA graph reads the addresses that it was captured with. A step that is handed its batch has to have it copied there;
one that gathers it by a place that it moves on itself is replayed with nothing else in between.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Deck:
    """Room for so many batches, and for one that comes from elsewhere.

    Attributes:
        block: the batches, `((batches + 1) batch, *event)`.
        place: rows of the block that `gather` takes next.
    """

    block: Float[Tensor, "rows *event"]
    place: Int[Tensor, " batch"]

    def __init__(self, x: Float[Tensor, "batch *event"], batches: int = 0) -> None:
        """For batches of the size and place of x."""
        self.block = x.new_zeros((batches + 1) * len(x), *x.shape[1:])
        self.first = torch.arange(len(x), device=x.device)
        self.place = self.first.clone()
        self.at = 0
        self.elsewhere = batches * len(x)

    def lay(self, batches: Float[Tensor, "rows *event"]) -> Float[Tensor, "rows *event"]:
        """Lays out as many batches as there is room for; they are where the result says, in place of those before."""
        return self.block[: self.elsewhere].copy_(batches)

    def point(self, x: Float[Tensor, "batch *event"]) -> None:
        """Has `gather` give x next, from where it lies, or copied where it lies elsewhere. Nothing waits."""
        if x.untyped_storage().data_ptr() == self.block.untyped_storage().data_ptr():
            row = x.storage_offset() // self.block.stride(0)
        else:
            row = self.elsewhere
            self.block[row:].copy_(x)
        if row != self.at:
            torch.add(self.first, row, out=self.place)
        self.at = row + len(self.place)

    def gather(self) -> Float[Tensor, "batch *event"]:
        """The batch that is next, and the place moved on to the one after it: what a step captures."""
        x = self.block.index_select(0, self.place)
        self.place.add_(len(self.place))
        return x
