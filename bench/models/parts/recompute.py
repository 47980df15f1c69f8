"""Gradient checkpointing: what a net makes inside is forgotten, and made again in the backward pass.

Chen et al. 2016, arXiv:1604.06174. It costs one more forward pass, and leaves the memory of one net at a time.
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def called(net: nn.Module, x: Tensor, recompute: bool) -> Tensor:
    """net(x), its gradient the same either way.

    Args:
        net: without randomness of its own.
        x: its only argument.
        recompute: whether only x is kept for the backward pass.
    """
    if recompute and torch.is_grad_enabled():
        kept: Tensor = checkpoint(net, x, use_reentrant=False, preserve_rng_state=False)
        return kept
    whole: Tensor = net(x)
    return whole
