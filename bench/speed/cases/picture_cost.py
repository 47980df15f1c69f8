"""How a step of entries of pictures grows with parameters and with pixels: the exponents of time ~ size^b."""

import statistics
from collections.abc import Iterator, Mapping

import numpy as np
import torch

from bench.data.dataset import Dataset
from bench.data.spaces import DequantisedLogit
from bench.report.intervals import t_interval
from bench.setup import build
from bench.spec import DataSpec
from bench.speed.figure import Figure
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import endless, interval, loop_on
from bench.training.loop import Loop

CASE = "picture-cost"
MODELS = ("vae_conv", "realnvp_conv", "flow_matching_unet", "tarflow")
PARAMETERS, SIDES = (100_000, 400_000, 1_600_000), (8, 16, 32)
AT_PARAMETERS, AT_SIDE = 400_000, 16
"""What stays while the other is varied."""
BATCH = 32


def picture_cost(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """An exponent of parameters and one of pixels for each of `MODELS`, sizes in turn, and no target."""
    for model in MODELS:
        loops = {size: loop_of(model, size, AT_SIDE, device) for size in PARAMETERS}
        yield exponent(model, "parameters", loops, device, effort)
        loops = {side**2: loop_of(model, AT_PARAMETERS, side, device) for side in SIDES}
        yield exponent(model, "pixels", loops, device, effort)


def loop_of(model: str, parameters: int, side: int, device: torch.device) -> Loop:
    """The training loop on random grey pictures of this side."""
    words = [f"model={model}", "data=mnist", f"budget.parameters={parameters}", "budget.tolerance=0.1"]
    config = endless([*words, f"train.batch_size={BATCH}", "train.validate_every=3"])
    dataset = random_pictures(side, 20 * BATCH).as_asked(*build.entry_class(config).picture_form(config.model))
    return loop_on(dataset, config, device)


def random_pictures(side: int, examples: int) -> Dataset:
    """Pictures of uniform levels."""
    levels = torch.randint(0, 256, (examples, side**2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    space = DequantisedLogit.fitted(levels, 256, 1e-6)
    splits = (levels, levels[:64], levels[:64])
    return Dataset("random", DataSpec((side**2,), "discrete", 256), space, *splits, image_shape=(side, side))


def exponent(model: str, axis: str, loops: Mapping[int, Loop], device: torch.device, effort: Effort) -> Figure:
    """b of time ~ size^b, one fit a round."""
    seconds = interleave([interval(loop) for loop in loops.values()], device, effort)
    sizes = np.log(list(loops))
    fits = t_interval([float(np.polyfit(sizes, np.log(times), 1)[0]) for times in zip(*seconds, strict=True)])
    steps = next(iter(loops.values())).config.train.validate_every or 1
    times = ", ".join(
        f"{size:,}: {1e3 * statistics.median(own) / steps:.3g}" for size, own in zip(loops, seconds, strict=True)
    )
    half = "" if fits.half_width is None else f" ± {fits.half_width:.2g} (95 % t interval)"
    still = f"{AT_SIDE} x {AT_SIDE} pixels" if axis == "parameters" else f"{AT_PARAMETERS:,} parameters"
    note = f"{still}, batch {BATCH}, {fits.n} rounds{half}; ms a step by {axis}: {times}"
    return Figure(CASE, f"{model}: exponent of {axis}", "log/log", fits.mean, note=note)
