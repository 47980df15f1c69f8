"""The aims of the ladder: how many times as fast one of our rows should be as others', round by round."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from bench.speed.figure import Figure, Target
from bench.speed.interleave import ratios


@dataclass(frozen=True)
class Timed:
    """A row as it was timed.

    Attributes:
        name: as the table has it.
        seconds: of a step, a number a round.
        peak_fraction: of the matrix-product peak.
    """

    name: str
    seconds: list[float]
    peak_fraction: float | None


@dataclass(frozen=True)
class Claim:
    """A row should be so many times as fast as the fastest of some others.

    Attributes:
        key: of our row.
        others: keys; the fastest of them by its median is meant.
        times: how many times faster.
        on: the type of device on which it is claimed.
    """

    key: str
    others: tuple[str, ...]
    times: float
    on: str = "cpu"

    def figure(self, case: str, rows: Mapping[str, Timed]) -> Figure:
        """Our row's time of a step beside the fastest other's, in ms; without a value where either was not timed.

        Args:
            case: name of the comparison that the figure belongs to.
            rows: timed rows by their keys.
        """
        target = Target(1 / self.times)
        timed = [key for key in self.others if key in rows]
        if self.key not in rows or not timed:
            return Figure(case, f"{self.key} beside {' or '.join(self.others)}", "ms/step", None, target=target)
        ours, theirs = rows[self.key], min((rows[key] for key in timed), key=lambda row: statistics.median(row.seconds))
        return Figure(
            case,
            f"{ours.name}, beside {theirs.name}: step",
            "ms/step",
            1e3 * statistics.median(ours.seconds),
            1e3 * statistics.median(theirs.seconds),
            ratios(ours.seconds, theirs.seconds),
            target,
            f"the fastest of {', '.join(timed)}" if len(timed) > 1 else "",
        )


@dataclass(frozen=True)
class PeakClaim:
    """A row should reach so much of the matrix-product peak."""

    key: str
    share: float
    on: str = "cpu"

    def figure(self, case: str, rows: Mapping[str, Timed]) -> Figure:
        """The share of the peak that the row reached; without a value where it was not timed."""
        target = Target(self.share, at_most=False)
        if self.key not in rows:
            return Figure(case, f"{self.key}: share of the matrix-product peak", "share", None, target=target)
        row = rows[self.key]
        return Figure(case, f"{row.name}: share of the matrix-product peak", "share", row.peak_fraction, target=target)


CLAIMS: tuple[Claim | PeakClaim, ...] = (
    Claim("compiled", ("ffjord",), 8.0),
    Claim("compiled-38", ("seminorm", "backprop", "rk4"), 1.5),
    Claim("compiled", ("diffrax",), 2.5),
    Claim("compiled", ("jax-rk4",), 1.0),
    PeakClaim("compiled", 0.45),
    Claim("graph", ("ffjord",), 60.0, on="cuda"),
)
"""Of the field that `Setting` describes."""

PLANE_CLAIMS: tuple[Claim | PeakClaim, ...] = (Claim("triton", ("ffjord",), 200.0, on="cuda"),)
"""Of the narrow field on a plane."""
