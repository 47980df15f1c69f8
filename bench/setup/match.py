"""Sizes an entry to a parameter budget through its one size knob, `width`."""

from collections.abc import Callable

import torch
from torch import nn

from bench.errors import BenchError

WIDEST = 2**20
LARGEST = 10**9


def parameter_count(module: nn.Module) -> int:
    """Trainable parameters of `module`."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def matching_width(build: Callable[[int], nn.Module], target: int, tolerance: float, what: str) -> int:
    """The width whose parameter count is nearest to `target`, by bisection over a count that grows with width.

    Args:
        build: the entry of a given width.
        target: parameters wanted.
        tolerance: largest relative distance from `target`.
        what: whom an error is about, such as `vae on digits`.

    Raises:
        BenchError: no width comes within `tolerance`; the message names the nearest sizes.
    """
    if target > LARGEST:
        raise BenchError(f"budget.parameters={target}: more than one machine's memory holds; ask for {LARGEST} at most")
    counts: dict[int, int] = {}

    def count(width: int) -> int:
        if width not in counts:
            # Initial weights are drawn: whoever asks for a width keeps the random state.
            with torch.random.fork_rng():
                counts[width] = parameter_count(build(width))
        return counts[width]

    low, high = 1, 2
    while count(high) < target:
        low, high = high, 2 * high
        if high > WIDEST:
            raise BenchError(f"budget.parameters={target}: {what} does not grow with width; mend its `width`")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    best = min((low, high), key=lambda width: abs(count(width) - target))
    if abs(count(best) - target) > tolerance * target:
        sizes = {count(width): width for width in (high, low)}
        nearest = " and ".join(f"{size} (width {width})" for size, width in sorted(sizes.items()))
        raise BenchError(
            f"budget.parameters={target} is out of reach for {what} within {tolerance:.0%}: nearest is {nearest}; "
            "ask for that, or raise budget.tolerance"
        )
    return best
