"""Rows of a mapped file that are wanted here and there.

The system reads a mapped file ahead, by megabytes, as if it went on in order. Where rows are gathered at random and
memory is short, nearly all of that is thrown away unread: an epoch reads the file a hundred times over. So it is told.
"""

import ctypes
import mmap
from collections.abc import Iterator
from contextlib import contextmanager

from jaxtyping import Int, Shaped
from torch import Tensor

RANDOM, NORMAL = getattr(mmap, "MADV_RANDOM", None), getattr(mmap, "MADV_NORMAL", None)


@contextmanager
def at_random(split: Tensor) -> Iterator[None]:
    """Within it the pages of a mapped split are read one by one; elsewhere ahead, as passes in order need it."""
    advise(split, RANDOM)
    try:
        yield
    finally:
        advise(split, NORMAL)


def advise(split: Tensor, advice: int | None) -> None:
    """Tells the system how the memory of a tensor will be read. It may do as it likes: its answer is not looked at."""
    if advice is None or split.numel() == 0:
        return
    start = split.data_ptr() // mmap.PAGESIZE * mmap.PAGESIZE
    size = split.data_ptr() + split.numel() * split.element_size() - start
    ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), ctypes.c_int(advice))


def picked(split: Shaped[Tensor, "n *event"], rows: Int[Tensor, " m"]) -> Shaped[Tensor, "m *event"]:
    """Some rows of a mapped split."""
    with at_random(split):
        return split.index_select(0, rows)
