"""Step time of entries of pictures in bfloat16, and of the same step in float32."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from bench.models.parts.precision import computes_bfloat16
from bench.setup import build
from bench.speed.cases.realnvp_against_nflows import step_figure
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import endless, interval, loop_on
from bench.speed.pixels import pixels
from bench.training.loop import Loop

CASE = "bfloat16"
MODELS = ("realnvp_conv", "vae_conv", "flow_matching_unet", "tarflow")
MODES = ("off", "step")
TARGETS = {"realnvp_conv": Target(1 / 1.8)}
OTHERS = Target(1.0)
"""Below it bfloat16 pays."""


def bfloat16(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """A figure for each of `MODELS`, eager and compiled, of 500,000 parameters on pictures of 28 x 28."""
    for model in MODELS:
        for mode in MODES:
            yield step_time(model, mode, device, effort)


def step_time(model: str, mode: str, device: torch.device, effort: Effort, parameters: int = 500_000) -> Figure:
    """Both from the same weights on the same batches, the whole of `Loop.interval`; theirs is the step in float32."""
    options = [f"model={model}", f"compile={mode}", f"budget.parameters={parameters}"]
    config = endless(["data=mnist", *options, "train.batch_size=128", "train.validate_every=3"])
    what = f"{model} on pictures, bfloat16"
    target = TARGETS.get(model, OTHERS)
    if not computes_bfloat16(device):
        return Figure(CASE, what, "ms/step", None, target=target, note="not timed: no instructions for bfloat16")
    dataset, source = pixels(config, examples=20 * config.train.batch_size)
    dataset = dataset.as_asked(*build.entry_class(config).picture_form(config.model))
    loops: list[Loop] = []
    for precision in ("bfloat16", "float32"):
        optimiser = replace(config.train.optimiser, precision=precision)
        own = replace(config, precision=precision, train=replace(config.train, optimiser=optimiser))
        loops.append(loop_on(dataset, own, device))
        loops[-1].compile()
    seconds = interleave([interval(loop) for loop in loops], device, effort)
    return step_figure(CASE, what, loops[0], seconds, target, f"{source}, ")
