"""Training in bfloat16: convolutions and matrix products alone; weights, sums and all else stay in float32.

Inside `products` torch rounds what goes into a product to bfloat16, sums it in float32, and hands bfloat16 on. A net
hands its outputs on `restored`, so that log-scales, log-determinants and losses are of float32.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from bench.errors import BenchError


def products(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Inside, convolutions and matrix products on the device are computed in that precision."""
    if precision == "float32":
        return nullcontext()
    # Weights are rounded anew for each product: in a CUDA graph one rounded before would be replayed.
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def exact(device: torch.device) -> AbstractContextManager[object]:
    """Inside `products`, a place where float32 is kept."""
    return torch.autocast(device.type, enabled=False)


def restored(x: Tensor) -> Tensor:
    """What a product gave, in float32 where it was bfloat16."""
    return x.float() if x.dtype == torch.bfloat16 else x


def check_precision(precision: str, takes_bfloat16: bool, entry: str, device: torch.device) -> None:
    """Refuses bfloat16 where it is not to be had.

    Args:
        precision: as asked for.
        takes_bfloat16: what the entry says of itself.
        entry: its class, for the message.
        device: of the training.

    Raises:
        BenchError: the entry does not take it, or the device has no instructions for it.
    """
    if precision == "float32":
        return
    if not takes_bfloat16:
        raise BenchError(f"precision=bfloat16: {entry}, set as it is, trains in float32 alone; use precision=float32")
    if not computes_bfloat16(device):
        raise BenchError(
            f"precision=bfloat16: this {device.type} has no instructions for it, and would only be slower; "
            "use precision=float32"
        )


def computes_bfloat16(device: torch.device) -> bool:
    """True where products of bfloat16 are instructions of the device, and not emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
