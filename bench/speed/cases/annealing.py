"""What an annealing of short trajectories costs beside one of ten leapfrogs, the published setting, and what it loses.

The published setting is that of Wu et al. (2017, arXiv:1611.04273), with the four pilot chains that found its step
sizes here before. Its step kept no gradients then and took eleven: the comparison gives it ten.
"""

from functools import partial

import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.metrics.ais import Annealing
from bench.setup import build
from bench.setup.compose import compose
from bench.speed.cases.bounds import DIGITS, EXAMPLES, gap, likelihood
from bench.speed.figure import Figure, Target, side_by_side
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import trained

CASE = "annealing"
TARGET = Target(1 / 3)


def annealing(device: torch.device, effort: Effort) -> list[Figure]:
    """The two figures of a VAE of digits."""
    config = compose(DIGITS)
    return short_trajectories(config, build.dataset(config), device, effort)


def short_trajectories(config: Config, dataset: Dataset, device: torch.device, effort: Effort) -> list[Figure]:
    """Nats between the bounds of both settings at the same chains and steps, and their seconds side by side.

    Args:
        config: of the training and of the estimator.
        dataset: what is trained on, and evaluated.
        device: what all runs on.
        effort: of the comparison of seconds.
    """
    entry = trained(config, dataset.to(device))
    x = dataset.fixed(dataset.test[:EXAMPLES], seed=0).to(device)
    settings = config.eval
    short = Annealing(settings.ais_chains, settings.ais_steps)
    published = Annealing(settings.ais_chains, settings.ais_steps, leapfrogs=10, pilots=4)
    ours, theirs = (
        partial(likelihood, entry, x, settings.importance_samples, settings.batch_rows, annealing=each)
        for each in (short, published)
    )
    seconds = interleave([ours, theirs], device, effort)
    how = f"{config.budget.parameters:,} parameters, {config.budget.steps} steps, {len(x)} test examples, {short.name}"
    what = f"leapfrogs a step, {short.leapfrogs} against {published.leapfrogs}"
    return [
        Figure(CASE, f"{dataset.name}: bound of {what}", "nats", gap(ours(), theirs()), note=how),
        side_by_side(CASE, f"{dataset.name}: {what}", seconds, TARGET, how),
    ]
