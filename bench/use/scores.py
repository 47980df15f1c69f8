"""Scores of a user's rows: the row's own estimate of their likelihood, and their place among the test examples."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.config import Eval
from bench.data.stored_space import StoredSpace
from bench.metrics.ais import Annealing
from bench.metrics.draws import OverDraws, estimator_of, over_draws
from bench.models.entry import Entry, HasLogProb, HasLogWeights
from bench.seeds import stream_seed
from bench.use.units import inner_space, the_space, units_of

DENSITY, CELLS, PROBABILITY = "density", "density of dequantised cells", "probability"
"""What a likelihood is of; see `measured`."""


class Scores(NamedTuple):
    """Scores of `n` rows, float64 arrays; see `LoadedRun.score`.

    Attributes:
        log_prob: nats in the user's units, the log-determinant of every map included.
        log_prob_report: nats in the row's report space, in which `nll_nats` is.
        measure: what `log_prob` is the logarithm of: `density`; `density of dequantised cells`, whose expectation over
            the noise, with `log_cell`, bounds the log-probability of a row from below, for every model alike; or
            `probability`, of bits.
        log_cell: logarithm of the size of such a cell, nats: 0 of levels, words and integers that follow each other.
            None where there are none, or beside columns without noise: such rows have a density alone.
        estimator: of it, such as `exact` or `8 draws: iwae-1000, then iwae-100`.
        is_bound: whether `log_prob` is only a lower bound of the logarithm of that density or probability.
        nll_distance: |log_prob_report less its mean over test examples|, nats: the distance from the typical set.
        quantile: share of test examples with a lower log-likelihood; ties count half.
        nll_distance_quantile: share of test examples that are nearer to the mean; ties count half.
        standard_error: of `log_prob`, the estimator's own; None where it is exact or not known.

    The three that compare with test examples are None for a run that stored no likelihoods of them.
    """

    log_prob: Any
    log_prob_report: Any
    measure: str
    log_cell: float | None
    estimator: str
    is_bound: bool
    nll_distance: Any
    quantile: Any
    nll_distance_quantile: Any
    standard_error: Any


def measured(stored: StoredSpace) -> str:
    """What a likelihood of the run's data is of."""
    if stored.spec.kind == "binary":
        return PROBABILITY
    return CELLS if noisy(stored) else DENSITY


def log_cell(stored: StoredSpace) -> float | None:
    """The logarithm of the size of a cell of dequantised values; None where rows have no probability."""
    if not noisy(stored):
        return None
    size: float | None = getattr(inner_space(stored), "log_cell", 0.0)
    return size


def noisy(stored: StoredSpace) -> bool:
    """True where noise is drawn on levels, integers or words."""
    return stored.spec.kind == "discrete" or bool(getattr(inner_space(stored), "noisy", False))


def estimated(
    entry: Entry,
    stored: StoredSpace,
    settings: Eval,
    raw: Tensor,
    seed_of: Callable[[int], int],
    rows: int | None = None,
) -> OverDraws | None:
    """The likelihood of raw examples as a run's row has it of its test examples; None for an entry without one.

    Args:
        entry: trained.
        stored: of the run, the space on the device of `raw`.
        settings: of the evaluation.
        raw: examples.
        seed_of: number of a draw to the seed of its noise.
        rows: the first so many of them alone, their noise as among all.
    """
    if not isinstance(entry, (HasLogProb, HasLogWeights)):
        return None
    space = the_space(stored)
    annealing = Annealing(settings.ais_chains, settings.ais_steps) if settings.estimator == "ais" else None

    def draw(number: int) -> Tensor:
        x: Tensor = space.to_model(raw, torch.Generator(raw.device).manual_seed(seed_of(number)))
        return x[:rows]

    draws = settings.dequantisation_draws if noisy(stored) else 1
    estimator = estimator_of(entry, settings, annealing)
    return over_draws(estimator, draw, space.log_det, draws, stream_seed(settings.seed, "draws"))


def placed(found: OverDraws, test: Tensor | None, stored: StoredSpace) -> Scores:
    """A likelihood with its place among those of the test examples.

    Args:
        found: of the rows.
        test: log-likelihoods of the test examples in the report space; None where none are stored.
        stored: of the run.
    """
    report, units = found.mean.log_prob.cpu(), units_of(stored)
    distance = quantile = nearer = None
    if test is not None:
        distance = (report - test.mean()).abs().numpy()
        quantile = share_below(report.numpy(), test.numpy())
        nearer = share_below(distance, (test - test.mean()).abs().numpy())
    error = found.mean.standard_error
    return Scores(
        log_prob=(report + (0.0 if units is None else units.unit_log_det)).numpy(),
        log_prob_report=report.numpy(),
        measure=measured(stored),
        log_cell=log_cell(stored),
        estimator=found.estimators if found.draws > 1 else found.mean.estimator,
        is_bound=found.mean.is_bound,
        nll_distance=distance,
        quantile=quantile,
        nll_distance_quantile=nearer,
        standard_error=None if error is None else error.double().cpu().numpy(),
    )


def share_below(values: Any, reference: Any) -> Any:
    """Share of the reference that lies below each value, ties by half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, side="left")
    through = np.searchsorted(ordered, values, side="right")
    return (below + through) / (2 * len(ordered))
