"""Step time of our `realnvp` and of an eager loop over normflows' own flow with the same layers, on digits."""

import statistics

import torch

from bench.config import Config
from bench.models.realnvp import RealNVP
from bench.setup import build
from bench.speed.cases.realnvp_against_nflows import eager_loop, even
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave, ratios
from bench.speed.loops import endless, interval, interval_steps, loop_on
from bench.training.batches import Batches

CASE = "realnvp-normflows"
WHAT = "realnvp on digits: step"
TARGET = Target(1.0)


def realnvp_against_normflows(device: torch.device, effort: Effort) -> list[Figure]:
    """One figure; empty where normflows is not installed."""
    return [step_time(endless(["model=realnvp", "data=digits"]), device, effort)]


def step_time(config: Config, device: torch.device, effort: Effort) -> Figure:
    """Both draw the same batches in the same order, from the same weights, clip the gradient and take an Adam step.

    Ours is the whole of `Loop.interval`, learning-rate schedule and FLOP count included.
    """
    try:
        from bench.speed.rivals.normflows_flow import loss, same_layers
    except ImportError as error:
        return Figure(CASE, WHAT, "ms/step", None, target=TARGET, note=f"not timed: {error}; pip install normflows")
    dataset = build.dataset(config)
    loop = loop_on(dataset, even(config, dataset), device)
    assert isinstance(loop.entry, RealNVP)
    steps = interval_steps(config)
    batches = Batches(loop.batches.dataset, config.train.batch_size, config.seed)
    theirs = eager_loop(same_layers(loop.entry), loss, batches, steps, config.train.optimiser)
    ours_seconds, theirs_seconds = interleave([interval(loop), theirs], device, effort)
    return Figure(
        CASE,
        WHAT,
        "ms/step",
        1e3 * statistics.median(ours_seconds) / steps,
        1e3 * statistics.median(theirs_seconds) / steps,
        ratios(ours_seconds, theirs_seconds),
        TARGET,
        f"batch {config.train.batch_size}, {len(ours_seconds)} rounds of {steps} steps",
        flops=loop.history.counted_flops,
    )
