"""Step time of our `realnvp` and of an eager loop over nflows' own transforms with the same layers."""

import copy
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import torch
from nflows.distributions import StandardNormal
from nflows.flows import Flow
from nflows.nn.nets import ResidualNet
from nflows.transforms import (
    ActNorm,
    AffineCouplingTransform,
    CompositeTransform,
    LULinear,
    RandomPermutation,
    Transform,
)
from torch import Tensor, nn

from bench.config import Config, Optimiser
from bench.data.dataset import Dataset
from bench.models.realnvp import CONDITIONER_SIZES, ActivationNorm, AffineCoupling, LUMixing, RealNVP
from bench.setup import build
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Block, Effort, interleave, ratios
from bench.speed.loops import endless, interval, interval_steps, loop_on
from bench.training.batches import Batches
from bench.training.loop import Loop

CASE = "realnvp-nflows"
DATA = ("digits", "8gaussians")
TARGET = Target(1.0)
COMPILED_TARGET = Target(1 / 1.5)


def realnvp_against_nflows(device: torch.device, effort: Effort) -> Iterator[Figure]:
    """One figure for digits and one for a two-dimensional toy."""
    for data in DATA:
        yield step_time(endless(["model=realnvp", f"data={data}"]), device, effort)


def realnvp_compiled(mode: str, device: torch.device, effort: Effort) -> Iterator[Figure]:
    """The same, our step compiled as `mode` says; nflows' loop is eager."""
    flow = ["model=realnvp", f"compile={mode}"]
    for data in DATA:
        yield step_time(endless([*flow, f"data={data}"]), device, effort, COMPILED_TARGET)


def step_time(config: Config, device: torch.device, effort: Effort, target: Target = TARGET) -> Figure:
    """Both draw the same batches in the same order, from the same weights, clip the gradient and take an Adam step.

    Ours is the whole of `Loop.interval`, learning-rate schedule and FLOP count included.
    """
    dataset = build.dataset(config)
    loop = loop_on(dataset, even(config, dataset), device)
    assert isinstance(loop.entry, RealNVP)
    steps = interval_steps(config)
    batches = Batches(loop.batches.dataset, config.train.batch_size, config.seed)
    settings = config.train.optimiser
    theirs = eager_loop(same_layers(loop.entry), nflows_loss, batches, steps, settings)
    loop.compile()
    seconds = interleave([interval(loop), theirs], device, effort)
    return step_figure(CASE, f"realnvp on {config.data['name']}", loop, seconds, target)


def step_figure(case: str, what: str, loop: Loop, seconds: list[list[float]], target: Target, of: str = "") -> Figure:
    """Milliseconds of a step of ours and of theirs.

    Args:
        case, what: names of the figure.
        loop: ours.
        seconds: of each round of our interval, and of as many steps of theirs.
        target: of the ratio.
        of: what is trained on, for the note.
    """
    config, (ours, theirs) = loop.config, seconds
    steps = interval_steps(config)
    compiled = "" if config.compile == "off" else f", compile={config.compile}"
    return Figure(
        case,
        f"{what}{compiled}: step",
        "ms/step",
        1e3 * statistics.median(ours) / steps,
        1e3 * statistics.median(theirs) / steps,
        ratios(ours, theirs),
        target,
        f"{of}batch {config.train.batch_size}, {len(ours)} rounds of {steps} steps",
        flops=loop.history.counted_flops,
        compile_seconds=loop.history.compile_seconds,
    )


def even(config: Config, dataset: Dataset) -> Config:
    """`config` with the largest width within its budget at which all hidden sizes are alike."""
    width = build.budget_width(config, dataset.spec)
    sizes = CONDITIONER_SIZES * config.model["layers"]
    model = {**config.model, "width": max(sizes, width - width % sizes)}
    return replace(config, model=model, budget=replace(config.budget, parameters=None))


FlowModule = TypeVar("FlowModule", bound=nn.Module)


def eager_loop(
    flow: FlowModule, loss: Callable[[FlowModule, Tensor], Tensor], batches: Batches, steps: int, settings: Optimiser
) -> Block:
    """`steps` steps of the loop in the libraries' examples, with the gradient clipped."""
    adam = torch.optim.Adam(flow.parameters(), lr=settings.learning_rate)

    def block() -> None:
        for _ in range(steps):
            adam.zero_grad()
            loss(flow, batches.next()).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(flow.parameters(), settings.clip_norm)
            adam.step()

    return block


def nflows_loss(flow: Flow, x: Tensor) -> Tensor:
    """Mean -log p(x) in nats."""
    mean: Tensor = -flow.log_prob(inputs=x).mean()
    return mean


def same_layers(entry: RealNVP) -> Flow:
    """nflows' flow with the layers of `entry`, every weight the same.

    The halves that a coupling of ours swaps are those that nflows' alternating masks choose. Of the conditioners, ours
    has one activation more; nflows' has one number for all of its hidden sizes, so that those of `entry` must be alike.
    Of a conditioner's output, nflows reads the shift first and a scale below 1.001, ours the log-scale first. LU layers
    between swaps meet the coordinates in another order.
    """
    transforms: list[Transform] = []
    couplings = 0
    for ours in entry.transform._transforms:
        if isinstance(ours, AffineCoupling):
            transforms.append(coupling(ours, couplings))
            couplings += 1
        elif isinstance(ours, LUMixing):
            transforms.append(LULinear(ours.features, identity_init=True))
        elif isinstance(ours, ActivationNorm):
            transforms.append(activation_norm(len(ours.shift)))
        else:
            assert isinstance(ours, RandomPermutation)
            transforms.append(copy.deepcopy(ours))
    flow = Flow(CompositeTransform(transforms), StandardNormal([entry.data.dim]))
    with torch.no_grad():
        for mine, theirs in zip(entry.parameters(), flow.parameters(), strict=True):
            theirs.copy_(mine)
    return flow.to(next(entry.parameters()).device)


def activation_norm(dim: int) -> ActNorm:
    """nflows' activation norm, told not to replace its weights by what it sees in the first batch."""
    norm = ActNorm(dim)
    norm.initialized.fill_(True)
    return norm


def coupling(ours: AffineCoupling, number: int) -> AffineCouplingTransform:
    """nflows' affine coupling in place of our coupling `number`, counted from 0."""
    changed = ours.features - ours.kept
    mask = [0] * ours.kept + [1] * changed if number % 2 == 0 else [1] * changed + [0] * ours.kept
    size = ours.transform_net.first.out_features

    def conditioner(inputs: int, outputs: int) -> ResidualNet:
        return ResidualNet(inputs, outputs, size, num_blocks=1, activation=nn.functional.relu)

    return AffineCouplingTransform(mask, conditioner)
