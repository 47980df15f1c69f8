"""The fastest that this device multiplies matrices: what a step's floating-point operations are measured by."""

import torch

SIZES = {"cpu": 2048, "cuda": 8192}


class Peak:
    """One product of square float32 matrices, large enough to reach the peak, TF32 off."""

    def __init__(self, device: torch.device) -> None:
        self.size = SIZES[device.type]
        self.a = torch.randn(self.size, self.size, device=device)
        self.b = torch.randn(self.size, self.size, device=device)
        self.out = torch.empty_like(self.a)

    @property
    def flops(self) -> float:
        """Floating-point operations of the product."""
        return 2.0 * self.size**3

    def product(self) -> None:
        """Multiplies once."""
        torch.mm(self.a, self.b, out=self.out)
