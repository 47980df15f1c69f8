"""A few test examples with their likelihood, kept with a run's weights: what a loaded model is held against.

They are in model space and their random numbers have a seed of their own, so that nothing but weights, code and
rounding can move them.
"""

import torch
from torch import Tensor

from bench.config import Eval
from bench.data.dataset import Dataset
from bench.errors import Diverged
from bench.metrics.likelihood import Likelihood, estimate, evaluating
from bench.models.entry import Entry
from bench.seeds import stream_seed

ROWS = 16
WEIGHTS = 100
"""Importance weights of an example."""
SLACK, SHARE = 0.01, 1e-4
"""Nats, and share of the log-likelihood, by which rounding and an ODE's solver may differ between machines."""
ERRORS = 6.0
"""Standard errors of a random estimate that it may differ by, where another device draws other numbers."""


def reference_rows(entry: Entry, dataset: Dataset, settings: Eval) -> dict[str, Tensor]:
    """`x`, the first test examples in model space, and `log_prob` and `error` of each there, float64.

    Nothing for an entry without a likelihood, or without a finite one. Torch's random state is left as it was.
    """
    whole = dataset.fixed(dataset.test[: settings.test_examples], stream_seed(settings.seed, "test"))
    return reference_of(entry, whole[:ROWS].clone(), settings)


def reference_of(entry: Entry, x: Tensor, settings: Eval) -> dict[str, Tensor]:
    """As `reference_rows`, of examples in model space."""
    try:
        likelihood = likelihood_of(entry, x, settings)
    except Diverged:
        return {}
    if likelihood is None:
        return {}
    return {"x": x, "log_prob": likelihood.log_prob.double(), "error": error_of(likelihood)}


def likelihood_of(entry: Entry, x: Tensor, settings: Eval) -> Likelihood | None:
    """The likelihood of reference rows in model space, at their own random numbers."""
    devices = [x.device] if x.is_cuda else []
    with torch.random.fork_rng(devices), torch.no_grad(), evaluating(entry):
        torch.manual_seed(stream_seed(settings.seed, "reference rows"))
        return estimate(entry, x, importance_samples=WEIGHTS, batch_rows=settings.batch_rows)


def error_of(likelihood: Likelihood) -> Tensor:
    """Standard error of each value; 0 where it is exact."""
    error = likelihood.standard_error
    return torch.zeros_like(likelihood.log_prob, dtype=torch.float64) if error is None else error.double()


def farthest(now: dict[str, Tensor], stored: dict[str, Tensor]) -> tuple[int, float, float]:
    """The row that differs most: its number, by how many nats, and that as a share of what it may differ by."""
    before, after = stored["log_prob"].cpu(), now["log_prob"].cpu()
    allowed = SLACK + SHARE * before.abs() + ERRORS * (stored["error"].cpu() + now["error"].cpu())
    gaps = (after - before).abs()
    row = int((gaps / allowed).argmax())
    return row, float(gaps[row]), float((gaps / allowed)[row])
