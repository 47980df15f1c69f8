"""The squared maximum mean discrepancy by Gaussian kernels of several bandwidths."""

from jaxtyping import Float
from torch import Tensor

from bench.errors import NotMeasured
from bench.metrics.point_clouds import Cloud, Pair


def mmd2(samples: Float[Tensor, "n *event"], real: Float[Tensor, "m *event"]) -> float:
    """`pair_mmd2` of two sets of at least two points.

    Raises:
        NotMeasured: the median distance of `real` is 0.
    """
    cloud = Cloud.of(real)
    return pair_mmd2(Pair.of(Cloud.of(samples, cloud.median), cloud))


def pair_mmd2(pair: Pair) -> float:
    """The U-statistic of Gretton et al. (2012), equation 3: unbiased, so it can fall below 0.

    The kernel is the mean of five Gaussians, k(x, y) = mean over σ of exp(-|x - y|² / (2 σ²)). The σ are 1/4, 1/2, 1, 2
    and 4 times the median distance within the real set alone, so that every model of one data set is measured with the
    same kernel. It sees a missing mode, a wrong share or a shift; not copies, nor a wrong scale far below a quarter of
    the median distance.

    Raises:
        NotMeasured: the median distance is 0.
    """
    if pair.real.median == 0:
        raise NotMeasured("most of the points that set its bandwidths are copies of each other")
    return pair.samples.mean_kernel + pair.real.mean_kernel - 2 * pair.mean_kernel
