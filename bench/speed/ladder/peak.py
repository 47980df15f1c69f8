"""The matrix-product peak: the fastest that this device multiplies large float32 matrices."""

import statistics
from collections.abc import Callable

import torch

from bench.speed.interleave import Effort, interleave

SIZES = {"cpu": 2048, "cuda": 8192}


class Peak:
    """One product of square float32 matrices, large enough to reach the peak, TF32 off.

    Attributes:
        products: ways to multiply once, by name. On a CPU `torch.mm` asks MKL, which is slow on processors that are not
            Intel's; there oneDNN, which torch also brings, may be twice as fast.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.size = device, SIZES[device.type]
        a, b = torch.randn(2, self.size, self.size, device=device)
        out = torch.empty_like(a)
        self.products: dict[str, Callable[[], object]] = {"torch.mm": lambda: torch.mm(a, b, out=out)}
        if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            bias = torch.zeros(self.size)
            linear = torch.ops.mkldnn._linear_pointwise
            self.products["oneDNN"] = lambda: linear(a, b, bias, "none", [], "")

    @property
    def flops(self) -> float:
        """Floating-point operations of the product."""
        return 2.0 * self.size**3

    def reached(self, seconds: list[list[float]]) -> list[float]:
        """FLOP/s of the fastest product in each round, from `seconds[product][round]`."""
        return [self.flops / min(of_round) for of_round in zip(*seconds, strict=True)]

    def measured(self, effort: Effort) -> float:
        """FLOP/s of the fastest product, by its median round."""
        return statistics.median(self.reached(interleave(list(self.products.values()), self.device, effort)))
