"""`bench speed scaling`: how a training step's time grows with batch, dimension, width and steps.

Steps of `cnf_fast` on its grid and of FFJORD as published, one size varied at a time around batch 256, 64 dimensions,
512 hidden units and 4 steps of RK4. Sizes take turns, so that a drifting machine bends no curve.
"""

import csv
import io
import math
import statistics
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.record.writing import write_atomically
from bench.report.intervals import Interval, t_interval
from bench.speed.cnf_problem import Setting, Size, copied
from bench.speed.figure import Figure
from bench.speed.interleave import Block, Effort, interleave
from bench.speed.ladder.plot_scaling import Curve, Panel, scaling_plot
from bench.speed.ladder.rows import BY_HAND, STOCK, Row
from bench.speed.method import Method

CASE = "scaling"
DIM = 64
STEPS = 2
"""Training steps of one size in a round."""


@dataclass(frozen=True)
class Axis:
    """One size that is varied.

    Attributes:
        name: a field of `Setting`, or `dim`.
        label: under the axis.
        values: rising.
    """

    name: str
    label: str
    values: tuple[int, ...]

    @property
    def fitted(self) -> tuple[int, ...]:
        """The larger half, by which the exponent is fitted: below, what a step costs whatever its size hides it."""
        return self.values[len(self.values) // 2 :]

    def size(self, value: int, device: torch.device) -> Size:
        """The base setting with this size in place of its own."""
        own: dict[str, Any] = {self.name: value}
        dim = own.pop("dim", DIM)
        return Size(replace(Setting(), **own), dim, device)


AXES = (
    Axis("batch_size", "examples in a batch", (32, 64, 128, 256, 512, 1024, 2048)),
    Axis("dim", "dimensions", (2, 8, 32, 64, 196, 784)),
    Axis("width", "hidden units", (32, 64, 128, 256, 512, 1024)),
    Axis("steps", "steps of the grid", (1, 2, 4, 8, 16)),
)

LABELS = {BY_HAND.key: "cnf_fast", STOCK.key: "FFJORD, dopri5"}


@dataclass(frozen=True)
class Series:
    """A row's times along an axis: `milliseconds[value][round]` of one training step."""

    row: Row
    axis: Axis
    milliseconds: dict[int, list[float]]

    def exponent(self) -> Interval:
        """b of time ~ value^b over the larger half of the values, one fit a round."""
        x = np.log(self.axis.fitted)
        rounds = zip(*(self.milliseconds[value] for value in self.axis.fitted), strict=True)
        return t_interval([float(np.polyfit(x, np.log(times), 1)[0]) for times in rounds])

    def figure(self) -> Figure:
        """The exponent."""
        exponent = self.exponent()
        half = "" if exponent.half_width is None else f" ± {exponent.half_width:.2g} (95 % t interval)"
        times = ", ".join(f"{value}: {statistics.median(times):.3g}" for value, times in self.milliseconds.items())
        note = f"fitted from {self.axis.fitted[0]} on, {exponent.n} rounds{half}; ms by {self.axis.label}: {times}"
        return Figure(
            CASE, f"{LABELS[self.row.key]}: exponent of {self.axis.label}", "log/log", exponent.mean, note=note
        )

    def largest(self, flops: float) -> Figure:
        """The step at the largest value, with its operations."""
        value = self.axis.values[-1]
        what = f"{LABELS[self.row.key]}, {value} {self.axis.label}: step"
        return Figure(CASE, what, "ms/step", statistics.median(self.milliseconds[value]), flops=flops)

    def curve(self) -> Curve:
        """Its curve in the plot."""
        return Curve(LABELS[self.row.key], self.milliseconds, self.axis.fitted, self.exponent())


def scaling(device: torch.device, results_dir: Path, effort: Effort, axes: tuple[Axis, ...] = AXES) -> list[Figure]:
    """Figures of the exponents and of the steps at the largest sizes.

    Writes <device>-scaling.csv and .png into results_dir/speed. A fixed grid has steps to vary; an adaptive solver
    chooses its own, and is left out there.
    """
    wanted = [(row, axis) for axis in axes for row in (BY_HAND, STOCK) if row is BY_HAND or axis.name != "steps"]
    places = [(row, axis, value) for row, axis in wanted for value in axis.values]
    methods = [ready(row, axis.size(value, device)) for row, axis, value in places]
    seconds = interleave([block(method) for method in methods], device, effort)
    times = {place: [1e3 * each / STEPS for each in of_place] for place, of_place in zip(places, seconds, strict=True)}
    all_series = [Series(row, axis, {value: times[row, axis, value] for value in axis.values}) for row, axis in wanted]
    panels = [Panel(axis.label, [series.curve() for series in all_series if series.axis is axis]) for axis in axes]
    folder = results_dir / "speed"
    write_atomically(folder / f"{device.type}-scaling.csv", csv_text(all_series))
    write_atomically(folder / f"{device.type}-scaling.png", scaling_plot(panels))
    works = {place: method.work().flops for place, method in zip(places, methods, strict=True)}
    return [
        *(series.figure() for series in all_series),
        *(series.largest(works[series.row, series.axis, series.axis.values[-1]]) for series in all_series),
    ]


def ready(row: Row, size: Size) -> Method:
    """The method on draws from N(0, I), its field as lively as one without a small last layer."""
    method = row.start(size)
    torch.manual_seed(0)
    method.load(copied(size.new_field(final_gain=1.0)), 0)
    method.take(torch.randn(STEPS, size.setting.batch_size, size.dim, device=size.device))
    return method


def block(method: Method) -> Block:
    """`STEPS` steps from the loaded weights."""

    def steps() -> None:
        method.begin()
        method.run()

    return steps


def csv_text(all_series: list[Series]) -> str:
    """Every time measured: one line for each method, size and round."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["method", "axis", "value", "round", "milliseconds"])
    for series in all_series:
        for value, times in series.milliseconds.items():
            for number, milliseconds in enumerate(times):
                assert math.isfinite(milliseconds)
                writer.writerow([series.row.key, series.axis.name, value, number, f"{milliseconds:.5g}"])
    return buffer.getvalue()
