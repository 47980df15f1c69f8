"""Step time of our `realnvp_conv` and of an eager loop over nflows' own transforms of pictures with the same layers."""

import copy
from collections.abc import Iterator

import torch
from nflows.distributions import StandardNormal
from nflows.flows import Flow
from nflows.transforms import (
    AffineCouplingTransform,
    CompositeTransform,
    MultiscaleCompositeTransform,
    RandomPermutation,
    SqueezeTransform,
    Transform,
)
from torch import Tensor, nn

from bench.config import Config
from bench.models.parts.conv_flow import Chain, ChannelNorm, ConvCoupling, Levels, Shuffle
from bench.models.parts.conv_net import GatedConvNet
from bench.models.realnvp_conv import RealNVPConv
from bench.speed.cases.realnvp_against_nflows import activation_norm, eager_loop, nflows_loss, step_figure
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave
from bench.speed.loops import endless, interval, interval_steps, loop_on
from bench.speed.pixels import pixels
from bench.training.batches import Batches

CASE = "realnvp-conv-nflows"
TARGET = Target(0.6)
COMPILED = ("off", "step")


def realnvp_conv_against_nflows(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """A figure for our eager step and one for the compiled one, on pictures of 28 x 28."""
    for mode in COMPILED:
        options = ["model=realnvp_conv", "budget.parameters=null", "train.batch_size=128", "train.validate_every=5"]
        yield step_time(endless(["data=mnist", *options, f"compile={mode}"]), device, effort)


def step_time(config: Config, device: torch.device, effort: Effort) -> Figure:
    """Both draw the same batches in the same order, from the same weights, clip the gradient and take an Adam step.

    Ours is the whole of `Loop.interval`, learning-rate schedule and FLOP count included.
    """
    batch = config.train.batch_size
    dataset, source = pixels(config, examples=20 * batch)
    loop = loop_on(dataset.as_asked(*RealNVPConv.picture_form(config.model)), config, device)
    assert isinstance(loop.entry, RealNVPConv)
    steps = interval_steps(config)
    batches = Batches(loop.batches.dataset, batch, config.seed)
    theirs = eager_loop(same_layers(loop.entry), nflows_loss, batches, steps, config.train.optimiser)
    loop.compile()
    seconds = interleave([interval(loop), theirs], device, effort)
    return step_figure(CASE, "realnvp_conv on pictures", loop, seconds, TARGET, f"{source}, ")


class Conditioner(nn.Module):
    """A copy of our conditioner with its weights as torch lays them; nflows hands it a context that it has not."""

    def __init__(self, ours: GatedConvNet) -> None:
        super().__init__()
        self.net = copy.deepcopy(ours).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """What the coupling reads its scales and shifts off."""
        read: Tensor = self.net(x)
        return read


def same_layers(entry: RealNVPConv) -> Flow:
    """nflows' flow with the layers of `entry`, every weight the same but those that bound log-scales.

    Squeezes give channels in another order. The halves that our couplings swap are those that nflows' alternating masks
    choose; of a conditioner's output nflows reads the shift first and a scale below 1.001, without a learned factor.
    """
    levels = entry.transform
    assert isinstance(levels, Levels)
    flow = MultiscaleCompositeTransform(len(levels.levels))
    shape: tuple[int, ...] = levels.image_shape
    for level in levels.levels:
        assert isinstance(level, Chain)
        squeeze = SqueezeTransform()
        shape = squeeze.get_output_shape(*shape)
        shape = flow.add_transform(CompositeTransform([squeeze, *transforms(level)]), shape)
    return Flow(flow, StandardNormal([entry.data.dim])).to(next(entry.parameters()).device)


def transforms(level: Chain) -> list[Transform]:
    """nflows' transforms in place of our maps of one level."""
    made: list[Transform] = []
    couplings = 0
    for ours in level.maps:
        if isinstance(ours, ConvCoupling):
            made.append(coupling(ours, couplings))
            couplings += 1
        elif isinstance(ours, ChannelNorm):
            norm = activation_norm(len(ours.shift))
            with torch.no_grad():
                norm.log_scale.copy_(ours.log_scale.flatten())
                norm.shift.copy_(ours.shift.flatten())
            made.append(norm)
        else:
            assert isinstance(ours, Shuffle)
            shuffle = RandomPermutation(len(ours.order), dim=1)
            shuffle._permutation.copy_(ours.order)
            made.append(shuffle)
    return made


def coupling(ours: ConvCoupling, number: int) -> AffineCouplingTransform:
    """nflows' affine coupling in place of our coupling `number` of a level, counted from 0."""
    mask = [0] * ours.kept + [1] * ours.changed
    return AffineCouplingTransform(mask if number % 2 == 0 else mask[::-1], lambda *_: Conditioner(ours.net))
