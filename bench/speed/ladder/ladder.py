"""`bench speed ladder`: milliseconds of a training step of one continuous flow, a row for each way to take it."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from bench.errors import one_line
from bench.record.writing import write_atomically
from bench.speed.cnf_problem import Problem, Setting, Weights, next_batches
from bench.speed.figure import Figure
from bench.speed.interleave import Effort, Spread, interleave, ratios
from bench.speed.ladder.claims import CLAIMS, Claim, PeakClaim, Timed
from bench.speed.ladder.parity import VOID, gap
from bench.speed.ladder.peak import Peak
from bench.speed.ladder.plot_dots import Dot, dot_plot
from bench.speed.ladder.rows import BY_HAND, ROWS, STOCK, Row
from bench.speed.method import Method, Work

CASE = "ladder"
PLANE = Setting(data=("data=8gaussians",), width=128)
"""A field narrow enough for one kernel to hold: 2 x 64 units in two dimensions."""

STEPS = 4
"""Training steps a row takes in each round, from the same weights on the same batches every time."""

PROVISIONAL = Effort(seconds=0, rounds=2)
"""Of a row's own timing before the rounds."""


def ladder(
    device: torch.device,
    results_dir: Path,
    effort: Effort,
    setting: Setting | None = None,
    rows: tuple[Row, ...] = ROWS,
    case: str = CASE,
    claims: tuple[Claim | PeakClaim, ...] = CLAIMS,
) -> Iterator[Figure]:
    """A figure for each matrix product that the peak is the fastest of, for each row and for each claim.

    Draws results_dir/speed/<device>-<case>.png. Each round begins all rows anew from the weights after
    `Setting.warm_steps` steps of training. Optimiser and clipping are in the time. A row that cannot be timed here says
    why and stops no other; the first is `STOCK`, which all are compared with. Preparing the rows takes minutes where
    they compile: each first has a provisional figure, which the rounds' replaces unless they are cut short.
    """
    assert rows[0] is STOCK
    problem = Problem(setting or Setting(), device)
    weights = warm(problem)
    contenders = [Contender(row) for row in rows]
    try:
        for contender in contenders:
            contender.prepare(problem, weights)
            yield replace(contender.provisional(problem), case=case)
        rounds = Rounds.of(contenders, Peak(device), effort)
    finally:
        for contender in contenders:
            contender.close()
    figures = [contender.figure(problem.setting, contenders[0].seconds, rounds.peaks) for contender in contenders]
    write_atomically(results_dir / "speed" / f"{device.type}-{case}.png", picture(contenders, figures))
    for figure in (*rounds.product_figures(), *figures):
        yield replace(figure, case=case)
    timed = comparable(contenders, figures)
    for claim in claims:
        if claim.on == device.type:
            yield claim.figure(case, timed)


def warm(problem: Problem) -> Weights:
    """The weights that all rows are timed from: those of seed 0 after `warm_steps` exact steps."""
    method = BY_HAND.start(problem)
    method.load(problem.first_weights(0), 0)
    method.begin()
    batches = problem.batches(0)
    for _ in range(problem.setting.warm_steps):
        method.take(next_batches(batches, 1))
        method.run()
    return method.weights()


@dataclass
class Contender:
    """A row with its method and what has been measured of it so far.

    Attributes:
        method: at work; None where it cannot be.
        failure: why not.
        error: |loss - reference| in nats on the first batch; None for a loss that is no likelihood.
        compile_seconds: before the first step; None where nothing is compiled.
        seconds: of `STEPS` steps, a number a round.
    """

    row: Row
    method: Method | None = None
    failure: str | None = None
    error: float | None = None
    work: Work | None = None
    compile_seconds: float | None = None
    seconds: list[float] = field(default_factory=list)

    def prepare(self, problem: Problem, weights: Weights) -> None:
        """Starts the method, compiles it, holds its loss against the reference and counts its work."""
        self.failure = self.row.missing(problem.device)
        if self.failure:
            return
        batches = next_batches(problem.batches(1), STEPS)
        try:
            self.method = self.row.start(problem)
            self.method.load(weights, 0)
            self.method.take(batches)
            self.method.begin()
            self.compile_seconds = self.method.compile()
            self.method.run()  # an entry that chooses its grid chooses it now, at these weights
            self.error = gap(self.row, self.method, problem, weights, batches[0])
            self.work = self.method.work()
        except Exception as error:  # another library's failure may be of any kind, and must not stop the other rows
            self.close()
            self.method, self.failure = None, f"failed: {one_line(error)}"

    @property
    def what(self) -> str:
        """Its name in the table of figures."""
        return f"{self.row.name}: step"

    @property
    def void(self) -> bool:
        """True when the loss is too far from its reference for the time to mean anything."""
        return self.error is not None and not self.error <= VOID

    def block(self) -> None:
        """`STEPS` steps from the loaded weights: a row's share of a round."""
        assert self.method is not None
        self.method.begin()
        self.method.run()

    def close(self) -> None:
        """Ends the method."""
        if self.method is not None:
            self.method.close()

    def provisional(self, problem: Problem) -> Figure:
        """Milliseconds a step of this row alone, before the rounds."""
        if self.method is None:
            return self.figure(problem.setting, [], [])
        (self.seconds,) = interleave([self.block], problem.device, PROVISIONAL)
        note = f"provisional, before the rounds: {self.note(problem.setting)}"
        milliseconds = 1e3 * statistics.median(self.seconds) / STEPS
        return Figure(CASE, self.what, "ms/step", milliseconds, note=note, compile_seconds=self.compile_seconds)

    def figure(self, setting: Setting, stock: list[float], peaks: list[float]) -> Figure:
        """Milliseconds a step beside those of the stock row; `peaks` in FLOP/s, a number a round."""
        if self.failure is not None or self.work is None:
            return Figure(CASE, self.what, "ms/step", None, note=self.failure or "")
        speeds = [self.work.flops * STEPS / each for each in self.seconds]
        return Figure(
            CASE,
            self.what,
            "ms/step",
            1e3 * statistics.median(self.seconds) / STEPS,
            1e3 * statistics.median(stock) / STEPS if stock else None,
            ratios(self.seconds, stock) if stock else None,
            note=self.note(setting),
            flops=self.work.flops,
            peak_fraction=statistics.median(a / b for a, b in zip(speeds, peaks, strict=True)),
            compile_seconds=self.compile_seconds,
        )

    def dot(self, figure: Figure) -> Dot | None:
        """The row in the plot; None where it was not timed."""
        if figure.ours is None:
            return None
        milliseconds = Spread.of([1e3 * each / STEPS for each in self.seconds])
        text = f"{figure.ours:.3g} ms, {figure.peak_fraction or 0:.0%} of peak"
        return Dot(self.row.name, self.row.library, milliseconds.median, milliseconds.low, milliseconds.high, text)

    def note(self, setting: Setting) -> str:
        """The timing in words, and the distance of the loss from the reference."""
        parts = [f"{' '.join(setting.data)}, batch {setting.batch_size}, {len(self.seconds)} rounds of {STEPS} steps"]
        if self.work is not None and self.work.evaluations is not None:
            parts.append(f"{self.work.evaluations} evaluations of the field")
        if self.error is not None:
            void = f"void, more than {VOID:g} nats: " if self.void else ""
            parts.append(f"{void}loss within {self.error:.1e} nats of the reference")
        return "; ".join(parts)


@dataclass(frozen=True)
class Rounds:
    """The products that the peak is the fastest of, timed in the same rounds as the rows.

    Attributes:
        seconds: of each product, `[product][round]`.
    """

    peak: Peak
    seconds: list[list[float]]

    @classmethod
    def of(cls, contenders: list[Contender], peak: Peak, effort: Effort) -> "Rounds":
        """Times products and rows in turn; each contender keeps its own seconds."""
        ready = [contender for contender in contenders if contender.method is not None]
        seconds = interleave([*peak.products.values(), *(one.block for one in ready)], peak.device, effort)
        products = len(peak.products)
        for contender, of_row in zip(ready, seconds[products:], strict=True):
            contender.seconds = of_row
        return cls(peak, seconds[:products])

    @property
    def peaks(self) -> list[float]:
        """FLOP/s of the fastest product, a number a round."""
        return self.peak.reached(self.seconds)

    def product_figures(self) -> list[Figure]:
        """One for each product."""
        return [
            product_figure(self.peak, name, seconds, self.peaks)
            for name, seconds in zip(self.peak.products, self.seconds, strict=True)
        ]


def picture(contenders: list[Contender], figures: list[Figure]) -> bytes:
    """The rows that were timed as dots, a PNG."""
    dots = [contender.dot(figure) for contender, figure in zip(contenders, figures, strict=True)]
    return dot_plot([dot for dot in dots if dot is not None], "milliseconds a training step")


def comparable(contenders: list[Contender], figures: list[Figure]) -> dict[str, Timed]:
    """The rows that were timed and are not void, by key."""
    return {
        one.row.key: Timed(one.row.name, [seconds / STEPS for seconds in one.seconds], figure.peak_fraction)
        for one, figure in zip(contenders, figures, strict=True)
        if one.method is not None and not one.void
    }


def product_figure(peak: Peak, name: str, seconds: list[float], peaks: list[float]) -> Figure:
    """One of the products that the peak is the fastest of."""
    reached = [peak.flops / each for each in seconds]
    return Figure(
        CASE,
        f"float32 product of {peak.size} x {peak.size} matrices, {name}",
        "GFLOP/s",
        1e-9 * statistics.median(reached),
        note=f"{len(reached)} rounds, {min(reached) * 1e-9:.0f} to {max(reached) * 1e-9:.0f}; the fastest is the peak",
        flops=peak.flops,
        peak_fraction=statistics.median(a / b for a, b in zip(reached, peaks, strict=True)),
    )
