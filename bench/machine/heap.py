"""The C library's heap, told to keep what is freed.

glibc gives a large block back to the system when it is freed, and asks for it anew, page by page, when the next tensor
of that size is made: in a training step of small tensors, every time, or never, as the process happens to lie in
memory. Kept, the same addresses are used again, still in the processor's cache, and two runs of the same step take the
same time. Blocks above 32 MiB are given back as ever.
"""

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Names of settings in glibc's malloc.h."""

LARGEST_KEPT = 32 * 2**20
"""The most that glibc lets a block be that is not a mapping of its own."""

KEPT = 2**30
"""Free bytes at the heap's end from which on some are given back."""

AHEAD = 64 * 2**20
"""Bytes asked for beyond what is needed, whenever the heap grows."""


def keep_freed_memory() -> bool:
    """Sets it for this process; False where the C library is not glibc or refuses."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((M_MMAP_THRESHOLD, LARGEST_KEPT), (M_TRIM_THRESHOLD, KEPT), (M_TOP_PAD, AHEAD))
    return all(mallopt(name, value) == 1 for name, value in settings)
