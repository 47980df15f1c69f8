"""The device a run computes on."""

import torch

from bench.errors import BenchError


def chosen_device(asked: str) -> torch.device:
    """The device that `auto`, `cpu` or `cuda` names; `auto` is CUDA where torch sees it.

    Raises:
        BenchError: CUDA was asked for and there is none.
    """
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if asked == "cuda" and not torch.cuda.is_available():
        raise BenchError("device=cuda: torch sees no CUDA device here; use device=cpu or device=auto")
    return torch.device(asked)
