"""Distances between two sets of samples: squared MMD, sliced 2-Wasserstein and the accuracy of a classifier."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from torch import Tensor

from bench.errors import Diverged, NotMeasured
from bench.metrics.not_measured import measured
from bench.record.store import Record

_BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)  # in medians of the real set's distances


def compare(
    samples: Float[Tensor, "n *event"], real: Float[Tensor, "m *event"], *, projections: int, trees: int, seed: int
) -> Record:
    """`mmd2`, `sliced_w2` and `c2st` of `samples` against as many `real` examples.

    Called with training examples for `samples` and test examples for `real`, it gives the floors. Two sets of different
    size are cut to the smaller one: all three distances depend on the size.

    Args:
        samples: what a model drew.
        real: examples of the data, which also set the kernel's bandwidths.
        projections: random directions of sliced W2.
        trees: of the classifier.
        seed: of the directions, the folds and the classifier.

    Raises:
        Diverged: a sample is not finite.

    Returns:
        The three, without those that mean nothing for the data; `warning` then says why.
    """
    broken = int((~samples.flatten(1).isfinite()).any(1).sum())
    if broken:
        raise Diverged(f"{broken} of {len(samples)} samples are not finite")
    n = min(len(samples), len(real))
    samples, real = samples[:n], real[:n]
    generator = torch.Generator(real.device).manual_seed(seed)
    return measured(
        {
            "mmd2": lambda: mmd2(samples, real),
            "sliced_w2": lambda: sliced_w2(samples, real, projections, generator),
            "c2st": lambda: c2st(samples, real, seed, trees),
        }
    )


def mmd2(samples: Float[Tensor, "n *event"], real: Float[Tensor, "m *event"]) -> float:
    """Squared maximum mean discrepancy by the mean of five Gaussian kernels; unbiased, so it can fall below 0.

    The bandwidths are 1/4, 1/2, 1, 2 and 4 times the median distance within `real` alone, so that every model of one
    data set is measured with the same kernel.

    Raises:
        NotMeasured: the median distance is 0.
    """
    points = real.flatten(1).double()
    upper = torch.ones(len(points), len(points), dtype=torch.bool, device=points.device).triu(1)
    median = torch.cdist(points, points)[upper].median().item()
    if median == 0:
        raise NotMeasured("most of the points that set its bandwidths are copies of each other")
    return gaussian_mmd2(samples, real, [scale * median for scale in _BANDWIDTHS])


def gaussian_mmd2(a: Float[Tensor, "n *event"], b: Float[Tensor, "m *event"], bandwidths: Sequence[float]) -> float:
    """The U-statistic of Gretton et al. (2012), equation 3, with k(x, y) = mean over σ of exp(-|x - y|² / (2σ²)).

    Args:
        a, b: two sets of at least two points.
        bandwidths: the σ, in the units of the points.
    """
    a, b = a.flatten(1).double(), b.flatten(1).double()
    n, m = len(a), len(b)
    # U-statistics leave a point's pair with itself out: at an infinite distance it adds 0.
    within_a = _kernel_sum(torch.cdist(a, a).fill_diagonal_(torch.inf), bandwidths) / (n * (n - 1))
    within_b = _kernel_sum(torch.cdist(b, b).fill_diagonal_(torch.inf), bandwidths) / (m * (m - 1))
    return within_a + within_b - 2 * _kernel_sum(torch.cdist(a, b), bandwidths) / (n * m)


def sliced_w2(
    a: Float[Tensor, "n *event"], b: Float[Tensor, "m *event"], projections: int, generator: torch.Generator
) -> float:
    """The sliced 2-Wasserstein distance (Bonneel et al. 2015), in the units of the points.

    The square root of the mean, over random unit directions, of the squared W2 of the projected points, which in one
    dimension pairs them in sorted order.

    Args:
        a, b: two sets of equally many points.
        projections: number of directions.
        generator: the source of the directions, on the device of the points.

    Raises:
        ValueError: the sets differ in size.
    """
    if len(a) != len(b):
        raise ValueError(f"sliced_w2 pairs points and needs equally many, got {len(a)} and {len(b)}")
    a, b = a.flatten(1).double(), b.flatten(1).double()
    directions = torch.randn(a.shape[1], projections, generator=generator, device=a.device, dtype=torch.float64)
    directions /= directions.norm(dim=0)
    gaps = (a @ directions).sort(0).values - (b @ directions).sort(0).values
    return gaps.square().mean().sqrt().item()


def c2st(a: Float[Tensor, "n *event"], b: Float[Tensor, "m *event"], seed: int, trees: int = 100) -> float:
    """The classifier two-sample test (Lopez-Paz & Oquab 2017): cross-validated accuracy of telling `a` from `b`.

    0.5 means that the classifier cannot tell them apart. Balanced: the larger set is cut to the smaller.

    The classifier is a forest of 100 extremely randomised trees, chosen on pairs of 2 x 2,000 points in 2, 64 and 784
    dimensions. Boosted trees and random forests see as much but take about two and five times as long in 784 of them;
    small networks with early stopping miss noise of a slightly wrong scale and much of what tells digits from a
    Gaussian of their covariance; nearest neighbours see no difference in 784 dimensions. Trees need no standardisation,
    so no far outlier can blind them.
    Three folds, because with five the accuracy of equal sets scatters clearly more than a binomial one.
    """
    n = min(len(a), len(b))
    points = torch.cat([a[:n], b[:n]]).flatten(1).float().cpu().numpy()
    labels = [1] * n + [0] * n
    forest = ExtraTreesClassifier(trees, min_samples_leaf=10, random_state=seed)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return float(cross_val_score(forest, points, labels, cv=folds, error_score="raise").mean())


def _kernel_sum(distances: Tensor, bandwidths: Sequence[float]) -> float:
    """Sum over pairs of the mean kernel; a pair at infinite distance adds nothing."""
    squared = distances.square()
    sums = [torch.exp(squared * (-0.5 / width**2)).sum() for width in bandwidths]
    return torch.stack(sums).mean().item()
