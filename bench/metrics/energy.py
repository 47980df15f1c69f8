"""The energy distance."""

from bench.metrics.point_clouds import Pair


def energy_distance(pair: Pair) -> float:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013), in the units of the points; 0 where the laws agree.

    Unbiased: a point's pair with itself is left out, so that it can fall below 0. It has no bandwidth to choose. It
    sees what moves mass far, such as a missing mode or a wrong share of one; not copies, nor a wrong scale within modes
    that are small beside their distances.
    """
    return 2 * pair.mean_distance - pair.samples.mean_distance - pair.real.mean_distance
