"""Step time of our `flow_matching_unet`, and of TorchCFM's loop over its own U-Net of as many parameters."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from bench.config import Config
from bench.models.flow_matching_unet import FlowMatchingUNet
from bench.speed.cases.realnvp_against_nflows import eager_loop, step_figure
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import endless, interval, interval_steps, loop_on
from bench.speed.pixels import pixels
from bench.training.batches import Batches

CASE = "unet-torchcfm"
WHAT = "flow_matching_unet on pictures"
TARGET = Target(0.7)
MODES = ("off", "step")
CHANNELS, BLOCKS = 32, 1
"""Of TorchCFM's example on MNIST: channels, and residual blocks of a level."""


def unet_against_torchcfm(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """A figure for our eager step and one for the compiled one, on pictures of 28 x 28."""
    for mode in MODES:
        options = ["model=flow_matching_unet", f"compile={mode}", "train.batch_size=128", "train.validate_every=3"]
        yield step_time(endless(["data=mnist", *options]), device, effort)


def step_time(config: Config, device: torch.device, effort: Effort, channels: int = CHANNELS) -> Figure:
    """Both draw batches of the same pictures and noise of their own, and take an Adam step on the squared error.

    TorchCFM's net has levels at sides of 28, 14 and 7, attention at the lowest, a norm before each convolution. Ours
    squeezes first, so that its levels are at 14 and 7; its width is that of as many parameters.
    """
    try:
        from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
        from torchcfm.models.unet import UNetModel
    except ImportError as error:
        note = f"not timed: {error}; pip install --no-deps torchcfm==1.0.7 pot"
        return Figure(CASE, WHAT, "ms/step", None, target=TARGET, note=note)
    batch = config.train.batch_size
    dataset, source = pixels(config, examples=20 * batch)
    dataset = dataset.as_asked(*FlowMatchingUNet.picture_form(config.model))
    torch.manual_seed(0)
    theirs = UNetModel(dim=dataset.spec.event_shape, num_channels=channels, num_res_blocks=BLOCKS).to(device)
    parameters = sum(parameter.numel() for parameter in theirs.parameters())
    model = {**config.model, "blocks": BLOCKS}
    loop = loop_on(dataset, replace(config, model=model, budget=replace(config.budget, parameters=parameters)), device)
    matcher = ConditionalFlowMatcher(sigma=0.0)

    def loss(net: nn.Module, x: Tensor) -> Tensor:
        times, place, velocity = matcher.sample_location_and_conditional_flow(torch.randn_like(x), x)
        error: Tensor = (net(times, place) - velocity).square().mean()
        return error

    steps = interval_steps(config)
    batches = Batches(loop.batches.dataset, batch, config.seed)
    other = eager_loop(theirs, loss, batches, steps, config.train.optimiser)
    loop.compile()
    seconds = interleave([interval(loop), other], device, effort)
    of = f"{source}, {parameters:,} parameters, "
    return step_figure(CASE, WHAT, loop, seconds, TARGET, of)
