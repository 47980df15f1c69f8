"""The kernel distance of features (KID, Bińkowski et al. 2018, arXiv 1801.01401)."""

from jaxtyping import Float
from torch import Tensor


def kernel_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> float:
    """The unbiased squared MMD with k(x, y) = (x · y / d + 1)³; it can fall below 0.

    On features of a classifier it sees what the Fréchet distance sees, a missing class first, without its bias in
    small sets.
    """
    n, m = len(a), len(b)
    within_a = (_kernel(a, a).sum() - _kernel_of_itself(a).sum()) / (n * (n - 1))
    within_b = (_kernel(b, b).sum() - _kernel_of_itself(b).sum()) / (m * (m - 1))
    return float(within_a + within_b - 2 * _kernel(a, b).mean())


def _kernel(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (a @ b.T / a.shape[1] + 1) ** 3


def _kernel_of_itself(a: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    return (a.square().sum(1) / a.shape[1] + 1) ** 3
