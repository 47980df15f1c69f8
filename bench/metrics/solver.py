"""Solver error of a continuous flow: its likelihood less that of a float64 solve of the same ODE."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from bench.errors import Diverged
from bench.models.entry import Entry, HasGrid, HasLogProb, HasReference

LARGEST_ERROR = 0.01
"""Nats by which a mean likelihood may differ from the reference; a row beyond it is void."""


def solver_errors(entry: Entry, x: Float[Tensor, "n *event"]) -> dict[str, float]:
    """Mean NLL by the entry's own solves less that by its float64 reference, in nats, over the first examples of x.

    Returns:
        `solver_error_nats` of the reported density; of an entry that trains on a grid also `grid_error_nats` of its
        density there, and `grid_error_refined_nats` on the same grid with every step halved.

    Raises:
        Diverged: one of the first two is more than 0.01 either way, or the reference cannot be solved: the row is void,
            and keeps the errors that could be measured.
    """
    assert isinstance(entry, HasReference)
    assert isinstance(entry, HasLogProb)
    x = x[: entry.reference_examples]
    with torch.no_grad():
        with same_draws(x):
            reference = float(entry.reference_log_prob(x).mean())
        with same_draws(x):
            errors = {"solver_error_nats": reference - mean(entry.log_prob(x).value)}
        if isinstance(entry, HasGrid):
            errors["grid_error_nats"] = reference - mean(entry.grid_log_prob(x))
            errors["grid_error_refined_nats"] = reference - mean(entry.grid_log_prob(x, 2))
    for name, remedy in (
        ("solver_error_nats", "model.eval_rtol"),
        ("grid_error_nats", "the grid by more model.steps or, where it is chosen, a smaller model.rtol"),
    ):
        if name in errors and not abs(errors[name]) <= LARGEST_ERROR:
            where = "training grid" if name == "grid_error_nats" else "evaluation's tolerance"
            raise Diverged(
                f"void: on the {where} the mean NLL is {errors[name]:+.3g} nats off that of a float64 solve "
                f"({LARGEST_ERROR} allowed); tighten {remedy}",
                columns={name: value for name, value in errors.items() if math.isfinite(value)},
            )
    return errors


@contextmanager
def same_draws(x: Tensor) -> Iterator[None]:
    """The same random numbers each time, so that solves by probes differ by the solver alone; the state is put back."""
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        torch.manual_seed(0)
        yield


def mean(log_prob: Float[Tensor, " n"]) -> float:
    """The mean in float64."""
    return float(log_prob.double().mean())
