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
from bench.use.units import Units, the_space


class Scores(NamedTuple):
    """Scores of `n` rows, float64 arrays; see `LoadedRun.score`.

    Attributes:
        log_prob: nats in the user's units, the log-determinant of every map included.
        log_prob_report: nats in the row's report space, in which `nll_nats` is.
        estimator: of the likelihood, such as `exact` or `8 draws: iwae-1000, then iwae-100`.
        is_bound: whether it is only a lower bound of the log-likelihood.
        typicality: |log_prob_report less its mean over test examples|, nats: the distance from the typical set.
        quantile: share of test examples with a lower log-likelihood; ties count half.
        typicality_quantile: share of test examples that are nearer to the mean; ties count half.
        standard_error: of `log_prob`, the estimator's own; None where it is exact or not known.

    The three that compare with test examples are None for a run that stored no likelihoods of them.
    """

    log_prob: Any
    log_prob_report: Any
    estimator: str
    is_bound: bool
    typicality: Any
    quantile: Any
    typicality_quantile: Any
    standard_error: Any


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

    noisy = stored.spec.kind == "discrete" or bool(getattr(space, "noisy", False))
    draws = settings.dequantisation_draws if noisy else 1
    estimator = estimator_of(entry, settings, annealing)
    return over_draws(estimator, draw, space.log_det, draws, stream_seed(settings.seed, "draws"))


def placed(found: OverDraws, test: Tensor | None, units: Units | None) -> Scores:
    """A likelihood with its place among those of the test examples.

    Args:
        found: of the rows.
        test: log-likelihoods of the test examples in the report space; None where none are stored.
        units: of the user; None where they are the report space's.
    """
    report = found.mean.log_prob.cpu()
    typicality = quantile = nearer = None
    if test is not None:
        typicality = (report - test.mean()).abs().numpy()
        quantile = share_below(report.numpy(), test.numpy())
        nearer = share_below(typicality, (test - test.mean()).abs().numpy())
    error = found.mean.standard_error
    return Scores(
        log_prob=(report + (0.0 if units is None else units.unit_log_det)).numpy(),
        log_prob_report=report.numpy(),
        estimator=found.estimators if found.draws > 1 else found.mean.estimator,
        is_bound=found.mean.is_bound,
        typicality=typicality,
        quantile=quantile,
        typicality_quantile=nearer,
        standard_error=None if error is None else error.double().cpu().numpy(),
    )


def share_below(values: Any, reference: Any) -> Any:
    """Share of the reference that lies below each value, ties by half."""
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, side="left")
    through = np.searchsorted(ordered, values, side="right")
    return (below + through) / (2 * len(ordered))
