"""The passes of `bench.ode.kernel_solve` in PyTorch, tile by tile, for any device and precision.

They do in order what the kernels of `bench.ode.triton_kernels` do, which without a GPU cannot be run at full size.
"""

import torch
from torch import Tensor

from bench.ode.fused import Sums, evaluated, returned, transposes
from bench.ode.kernel_passes import PROGRAMS, TILE, Ends, Passes
from bench.ode.perceptron import Activation, Folded
from bench.ode.plan import SolvePlan
from bench.ode.runge_kutta import advanced, plus


def _forward(x: Tensor, plan: SolvePlan, activation: Activation, folded: Folded, keep: bool) -> Ends:
    every, stages = _each(folded), plan.pattern.stages
    tiles = []
    for start in x.split(TILE):  # type: ignore[no-untyped-call]
        state, log_det = start.T, x.new_zeros(len(start))
        states = []
        for step, h in enumerate(plan.lengths):
            slopes: list[Tensor] = []
            for i, stage in enumerate(stages):
                at, here = advanced(state, slopes, stage.row, h), every[plan.pattern.time(step, i)]
                value, divergence, _ = evaluated(here, here.pairs.T, activation, stage, at)
                states.append(at.T)
                slopes.append(value)
                if divergence is not None:
                    log_det = plus(log_det, divergence, stage.weight, h)
            state = advanced(state, slopes, [stage.weight for stage in stages], h)
        tiles.append(Ends(state.T, log_det, torch.stack(states)))
    ends = Ends(*(torch.cat(part, dim) for part, dim in zip(zip(*tiles, strict=True), (0, 0, 1), strict=True)))
    return ends if keep else ends._replace(states=ends.states[:0])


def _backward(
    x_bar: Tensor, log_det_bar: Tensor, states: Tensor, plan: SolvePlan, activation: Activation, folded: Folded
) -> tuple[Tensor, Folded]:
    every, stages = _each(folded), plan.pattern.stages
    tiles = list(zip(x_bar.split(TILE), log_det_bar.split(TILE), states.split(TILE, 1), strict=True))  # type: ignore[no-untyped-call]
    slabs = [[Sums() for _ in every] for _ in tiles[:PROGRAMS]]
    start_bars = []
    for number, (bar, rate_bar, inputs) in enumerate(tiles):
        left = len(inputs)
        bar = bar.T
        for step, h in reversed(list(enumerate(plan.lengths))):
            left -= len(stages)
            start_bar = bar
            weights = [h * stage.weight for stage in stages]
            slope_bars = [bar * weight for weight in weights]
            for i, stage in reversed(list(enumerate(stages))):
                n, at = plan.pattern.time(step, i), inputs[left + i].T
                layers = evaluated(every[n], every[n].pairs.T, activation, stage, at)[2]
                sums = slabs[number % PROGRAMS][n]
                back = transposes(every[n], len(rate_bar))
                y_bar = returned(every[n], back, sums, activation, layers, slope_bars[i], rate_bar * weights[i])
                start_bar = start_bar + y_bar
                for j, coefficient in enumerate(stage.row):
                    slope_bars[j] = plus(slope_bars[j], y_bar, coefficient, h)
            bar = start_bar
        start_bars.append(bar.T)
    return torch.cat(start_bars), _added(slabs, every)


def _each(folded: Folded) -> list[Folded]:
    """The field time by time."""
    return [Folded(*parts) for parts in zip(*folded, strict=True)]


def _added(slabs: list[list[Sums]], every: list[Folded]) -> Folded:
    """The gradients of all programs, times side by side; 0 where no evaluation had any."""
    found = []
    for name in Folded._fields:
        empty = [torch.zeros_like(getattr(folded, name)) for folded in every]
        of_programs = [
            torch.stack([sums.parts.get(name, zero) for sums, zero in zip(slab, empty, strict=True)]) for slab in slabs
        ]
        found.append(torch.stack(of_programs).sum(0))
    return Folded(*found)


REFERENCE = Passes(_forward, _backward)
"""The passes in PyTorch."""
