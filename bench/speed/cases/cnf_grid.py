"""A training of torchdiffeq's `cnf` along the fixed grids of the study quick, beside its adaptive solver."""

from functools import partial

import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.setup import build
from bench.setup.compose import compose
from bench.speed.figure import Figure, Target, side_by_side
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import trained

CASE = "cnf-grid"
TARGET = Target(1 / 3)

QUICK = ["study=quick", "grid=[]", "model=cnf", "train.validate_every=192", "train.validation_examples=1"]
"""As quick trains it as it comes, to the end of its budget, but for validations, which stand on no clock there."""

DIGITS = [*QUICK, "data=digits"], ["model.solver=rk4", "model.step_size=0.5"]
TOY = [*QUICK, "data=8gaussians", "budget.parameters=5000"], ["model.solver=rk4", "model.step_size=0.25"]
"""Options of both trainings, and those of the grid alone."""


def cnf_grid(device: torch.device, effort: Effort) -> list[Figure]:
    """A figure on digits and one on eight Gaussians: seconds of a whole training."""
    figures = []
    for both, grid in (DIGITS, TOY):
        config = compose([*both, *grid])
        figures.append(training_seconds(config, compose(both), build.dataset(config), device, effort))
    return figures


def training_seconds(ours: Config, theirs: Config, dataset: Dataset, device: torch.device, effort: Effort) -> Figure:
    """Seconds of a training along a grid and of the same by the adaptive solver, in turns."""
    placed = dataset.to(device)
    seconds = interleave([partial(trained, config, placed) for config in (ours, theirs)], device, effort)
    step_size = ours.model["step_size"]
    return side_by_side(
        CASE,
        f"cnf on {dataset.name}, steps of {step_size:g}: {ours.budget.steps} training steps",
        seconds,
        TARGET,
        f"theirs: {theirs.model['solver']} at {theirs.model['rtol']:g}",
    )
