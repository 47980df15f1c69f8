"""Statistics of trained weights, small enough to be kept of every run."""

import json

import torch
from jaxtyping import Float
from torch import Tensor, nn

LARGEST = 1_000
"""Bytes of the text."""
DIGITS = (3, 2)
"""Significant digits: fewer where more do not fit."""


def weight_statistics(module: nn.Module) -> str:
    """JSON of at most `LARGEST` bytes: mean, standard deviation, Frobenius and spectral norm of each weight matrix.

    Matrices are the parameters of two axes or more that are longer than 1, each flattened but for its first axis, in
    the order of `named_parameters`. Where they are too many, every second one is left out, or more: `every` says of how
    many one is kept, and `matrices` how many there are.
    """
    matrices = [each.detach() for each in module.parameters() if sum(size > 1 for size in each.shape) >= 2]
    rows = [statistics(each.double().flatten(1)) for each in matrices]
    every = 1
    while True:
        for digits in DIGITS:
            kept = [[rounded(value, digits) for value in row] for row in rows[::every]]
            content = {"matrices": len(rows), "every": every, "mean_sd_norm_spectral": kept}
            text = json.dumps(content, separators=(",", ":"))
            if len(text) <= LARGEST:
                return text
        every += 1


def statistics(matrix: Float[Tensor, "rows columns"]) -> list[float | None]:
    """Mean, standard deviation, Frobenius norm and largest singular value; None where a weight is not finite."""
    if not bool(matrix.isfinite().all()):
        return [None] * 4
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    spectral = torch.linalg.eigvalsh(wide @ wide.T)[-1].clamp(min=0).sqrt()
    return [float(matrix.mean()), float(matrix.std()), float(matrix.norm()), float(spectral)]


def rounded(value: float | None, digits: int) -> float | None:
    """A number of so many significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")
