"""Steps of a pack of seeds, compiled as runs compile them, beside the same steps one by one."""

import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from bench.config import Config
from bench.machine.deadline import Deadline
from bench.pack.agreement import agreed_draws
from bench.pack.loop import Member, PackedLoop
from bench.setup import build
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave, ratios
from bench.speed.loops import endless, interval, interval_steps, loop_on

CASE = "pack"

WIDTHS = (64, 1024)
"""Hidden units in all. Of the second there are 64 in each layer."""


def packed(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """Small flows on a plane: eight seeds beside eight runs on a CPU, sixteen beside a single one on a GPU."""
    seeds, runs, target = (16, 1, Target(2.0)) if device.type == "cuda" else (8, 8, Target(1 / 3))
    flow = ["model=realnvp", "data=8gaussians", "budget.parameters=null", "compile=auto"]
    for width in WIDTHS:
        yield step_time(endless([*flow, f"model.width={width}"]), seeds, runs, target, device, effort)


def step_time(config: Config, seeds: int, runs: int, target: Target, device: torch.device, effort: Effort) -> Figure:
    """A step of all `seeds` beside a step of each of `runs`; what compiling takes is in neither.

    Both are the whole of `Loop.interval`. The runs alone are all alike, so that one stands for them.
    """
    alone = loop_on(build.dataset(config), config, device)
    alone.compile()
    together = packed_loop(config, seeds, device)
    seconds = interleave([together.interval, interval(alone)], device, effort)
    ours, theirs = seconds[0], [runs * one for one in seconds[1]]
    steps = interval_steps(config)
    return Figure(
        CASE,
        f"realnvp of width {config.model['width']}: a step of {seeds} seeds at once, and of {runs} alone",
        "ms",
        1e3 * statistics.median(ours) / steps,
        1e3 * statistics.median(theirs) / steps,
        ratios(ours, theirs),
        target,
        f"batch {config.train.batch_size}, compile={alone.history.compiled}, {len(ours)} rounds of {steps} steps",
        flops=seeds * alone.history.counted_flops,
        compile_seconds=sum(member.loop.history.compile_seconds or 0.0 for member in together.members),
    )


def packed_loop(config: Config, seeds: int, device: torch.device) -> PackedLoop:
    """The compiled loop of so many seeds."""
    dataset = build.dataset(config)
    with tempfile.TemporaryDirectory() as folder:
        members = [
            Member(loop_on(dataset, replace(config, seed=seed), device), Path(folder, str(seed)))
            for seed in range(seeds)
        ]
    loop = PackedLoop(members, agreed_draws(members), Deadline(None))
    loop.compile()
    return loop
