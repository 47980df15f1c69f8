"""How far bounds of a VAE lie below annealed importance sampling, and what a refined proposal costs beside IWAE."""

from functools import partial

import torch
from torch import Tensor

from bench.config import Config
from bench.data.dataset import Dataset
from bench.metrics.ais import Annealing
from bench.metrics.likelihood import Likelihood, estimate
from bench.metrics.refined import Refinement
from bench.models.entry import Entry
from bench.setup import build
from bench.setup.compose import compose
from bench.speed.figure import Figure, Target, side_by_side
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import trained
from bench.speed.pixels import pixels

CASE = "bounds"
TIME_TARGET = Target(3.0)
DIGITS_TARGET, MNIST_TARGET = Target(0.1), Target(1.0)
"""Nats that the refined bound may lie below annealing."""

DIGITS = ["model=vae", "data=digits", "budget.parameters=20000", "budget.steps=1024"]
MNIST = ["model=vae", "data=mnist_binary", "budget.parameters=50000", "budget.steps=2000"]
EXAMPLES = 100
"""Test examples, the first of the split, as many as a run anneals."""


def bounds(device: torch.device, effort: Effort) -> list[Figure]:
    """Three figures each of a VAE of digits and of one of binary MNIST."""
    digits, mnist = compose(DIGITS), compose(MNIST)
    pictures, source = pixels(mnist, 60_000)
    return [
        *gap_and_time("digits", digits, build.dataset(digits), DIGITS_TARGET, device, effort),
        *gap_and_time(
            f"{source.partition(' (')[0]}, binary",
            mnist,
            pictures,
            MNIST_TARGET if source == "MNIST" else None,
            device,
            effort,
        ),
    ]


def gap_and_time(
    name: str, config: Config, dataset: Dataset, target: Target | None, device: torch.device, effort: Effort
) -> list[Figure]:
    """The gaps of the refined bound and of IWAE to annealing, and the seconds of both side by side.

    Args:
        name: of the data, in the figures.
        config: of the training and of the estimators: their defaults.
        dataset: what is trained on, and evaluated.
        target: of the refined bound's gap; None where there is nothing to hold.
        device: what all runs on.
        effort: of the comparison of seconds.
    """
    entry = trained(config, dataset.to(device))
    x = dataset.fixed(dataset.test[:EXAMPLES], seed=0).to(device)
    settings = config.eval
    annealing = Annealing(settings.ais_chains, settings.ais_steps)
    refinement = Refinement(settings.refine_steps, settings.refine_draws)
    plain = partial(likelihood, entry, x, settings.importance_samples, settings.batch_rows)
    refined, iwae = partial(plain, refinement=refinement), plain
    annealed = plain(annealing=annealing)
    seconds = interleave([refined, iwae], device, effort)
    gaps = [gap(annealed, each()) for each in (refined, iwae)]
    names = refined().estimator, iwae().estimator
    how = f"{config.budget.parameters:,} parameters, {config.budget.steps} steps, {len(x)} test examples"
    settled = f"{how}; half the annealing lies {annealed.doubling:.3f} nats lower"
    return [
        Figure(CASE, f"{name}: {annealed.estimator} - {names[0]}", "nats", gaps[0], target=target, note=settled),
        Figure(CASE, f"{name}: {annealed.estimator} - {names[1]}", "nats", gaps[1], note=settled),
        side_by_side(CASE, f"{name}: {names[0]} against {names[1]}", seconds, TIME_TARGET, how),
    ]


def likelihood(
    entry: Entry,
    x: Tensor,
    samples: int,
    rows: int,
    annealing: Annealing | None = None,
    refinement: Refinement | None = None,
) -> Likelihood:
    """The estimate of `bench.metrics.likelihood`, of an entry that has one, from the same draws at each call."""
    torch.manual_seed(0)
    found = estimate(entry, x, importance_samples=samples, batch_rows=rows, annealing=annealing, refinement=refinement)
    assert found is not None
    return found


def gap(above: Likelihood, below: Likelihood) -> float:
    """Nats between the means of two estimates of the same examples."""
    return float(above.log_prob.double().mean() - below.log_prob.double().mean())
