"""The shares of the classes among samples beside those among real examples."""

import torch
from jaxtyping import Int
from torch import Tensor


def class_chi2(samples: Int[Tensor, " n"], real: Int[Tensor, " m"], classes: int) -> float:
    """The chi-square statistic of two sets of class counts by its degrees of freedom; about 1 where the shares agree.

    The classes are those that a classifier of the data sees. It sees a missing class, which other metrics see by its
    share alone, and classes drawn too often; nothing within a class.

    Args:
        samples, real: class of each.
        classes: number of them; a class that neither set has counts for nothing.
    """
    counts = torch.stack([torch.bincount(of, minlength=classes).double() for of in (samples, real)])
    counts = counts[:, counts.sum(0) > 0]
    expected = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    return ((counts - expected).square() / expected).sum().item() / max(1, counts.shape[1] - 1)
