"""The check that runs can be packed: loss and gradient of one step, taken together and by each run alone, agree."""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor

from bench.errors import one_line
from bench.models.optimise import GradientStep
from bench.pack.draws import Draw, RandomState, Recording, Unpackable, drawn_for
from bench.pack.loop import Member
from bench.pack.step import ObjectiveModule, PackedStep, buffers_of, packable, rows

LOSS_AGREEMENT = 1e-3
GRADIENT_AGREEMENT = 1e-2
"""Relative. Single precision leaves 1e-6 to 1e-4 in another order of sums; other noise or weights change all digits."""


class Alone(NamedTuple):
    """The results of one run's step, taken alone.

    Attributes:
        loss, gradient: in nats, and `(parameters,)`.
        buffers: tensors of the entry's state beside parameters afterwards.
        draws: of the loss.
        state: the random state afterwards.
    """

    loss: Tensor
    gradient: Tensor
    buffers: dict[str, Tensor]
    draws: list[Draw]
    state: RandomState


def agreed_draws(members: Sequence[Member]) -> list[Draw]:
    """The random draws of the members' losses, after checking that a step of all of them is the step of each.

    Nothing is changed: copies take the step.

    Raises:
        Unpackable: it is not, or cannot be taken.
    """
    for member in members:
        member.loop.entry.train()
    trainers = packable([member.loop.trainer for member in members])
    batch = members[0].example_batch()
    alone = [alone_step(trainer, member, batch) for trainer, member in zip(trainers, members, strict=True)]
    draws = alone[0].draws
    if any(one.draws != draws for one in alone):
        raise Unpackable("its losses do not all draw the same")
    states = [member.random_state.copy() for member in members]
    step = PackedStep(deepcopy(trainers), states, draws)
    stacked = tuple(part.expand(len(members), *part.shape) for part in batch)
    try:
        gradients, losses, buffers = step.gradients(step.parameters, step.buffers, stacked, drawn_for(states, draws))
    except Unpackable:
        raise
    except Exception as error:
        raise Unpackable(one_line(error)) from error
    for run, one in enumerate(alone):
        if not close(losses[run], one.loss, LOSS_AGREEMENT):
            raise Unpackable(f"its loss is {losses[run]:.6g} when packed and {one.loss:.6g} alone")
        if not close(gradients[run], one.gradient, GRADIENT_AGREEMENT):
            raise Unpackable("its gradient is another when packed")
        if not all(
            close(buffers[name][run].double(), one.buffers[name].double(), GRADIENT_AGREEMENT) for name in buffers
        ):
            raise Unpackable("its loss leaves other buffers behind when packed")
        if not states[run].same_as(one.state):
            raise Unpackable("its loss draws at random in a way that cannot be foreseen")
    return draws


def alone_step(trainer: GradientStep, member: Member, batch: tuple[Tensor, ...]) -> Alone:
    """A copy's step on `batch`, from the member's random state."""
    trainer = deepcopy(trainer)
    member.random_state.restore()
    with Recording() as recording:
        loss = ObjectiveModule(trainer)(*batch)
    gradients = torch.autograd.grad(loss, trainer.parameters, allow_unused=True)
    gradient = [torch.zeros_like(p) if g is None else g for p, g in zip(trainer.parameters, gradients, strict=True)]
    state, buffers = RandomState(member.loop.device), buffers_of(trainer.entry)
    return Alone(loss.detach(), rows([gradient])[0], buffers, recording.draws, state)


def close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """True when `a` is `b` to a relative tolerance, in norm; numbers that are not finite are so in both."""
    if not torch.equal(a.isfinite(), b.isfinite()):
        return False
    a, b = a.nan_to_num(0, 0, 0), b.nan_to_num(0, 0, 0)
    return bool((a - b).norm() <= tolerance * (b.norm() + tolerance))
