"""Contracts of training: the trainer works and resumes, the loss is each example's own, no parameter is idle."""

import copy

import torch
from torch import Tensor

from bench.config import Optimiser
from bench.contract.outcome import Absent, require
from bench.contract.stage import Stage, Subject, train
from bench.models.entry import Entry
from bench.models.optimise import Trainer

FEW_STEPS = 20


def trains(subject: Subject) -> None:
    """The trainer has its three methods and leaves finite parameters after some hundred steps."""
    for stage in subject.stages:
        trainer = subject.build(stage.spec, None).trainer(Optimiser())
        require(
            isinstance(trainer, Trainer),
            f"trainer(settings) is a {type(trainer).__name__}",
            "give it step, state_dict and load_state_dict",
        )
        for name, parameter in stage.entry.named_parameters():
            require(
                bool(torch.isfinite(parameter).all()),
                f"{name} is not finite after {stage.steps} steps on the {stage.name}",
                "keep the loss and its gradient finite",
            )


def gradients(subject: Subject) -> None:
    """Every trainable parameter moves in a few steps, so it had a gradient at some of them.

    The YAML's own width is taken: in a very narrow network all units of a layer may be dead by chance.
    """
    for stage in subject.stages:
        entry, trainer = begun(stage)
        if entry.fitted:
            raise Absent("it takes no steps: finish fits it")
        fresh = {name: parameter.detach().clone() for name, parameter in entry.named_parameters()}
        train(entry, trainer, stage.train, steps=FEW_STEPS, seed=12)
        idle = [name for name, p in entry.named_parameters() if p.requires_grad and p.equal(fresh[name])]
        require(
            not idle,
            f"{', '.join(idle[:3])} never moved in {FEW_STEPS} steps on the {stage.name}",
            "let the loss depend on it, or do not make it: idle parameters count in matched budgets",
        )


def resumes(subject: Subject) -> None:
    """Training that goes on from `state_dict`s ends in the same parameters, bit for bit."""
    for stage in subject.stages:
        straight, trainer = begun(stage)
        if straight.fitted:
            raise Absent("it takes no steps: finish fits it")
        train(straight, trainer, stage.train, steps=3, seed=12)
        resumed, second = begun(stage)
        resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
        second.load_state_dict(copy.deepcopy(trainer.state_dict()))
        train(straight, trainer, stage.train, steps=3, seed=13)
        train(resumed, second, stage.train, steps=3, seed=13)
        differ = changed(dict(straight.state_dict()), dict(resumed.state_dict()))
        require(
            not differ,
            f"{', '.join(differ[:3])} differ after resuming on the {stage.name}",
            "keep all that training remembers in the two state_dicts, and draw randomness from torch alone",
        )


def begun(stage: Stage) -> tuple[Entry, Trainer]:
    """A fresh entry and its trainer, the same on every call."""
    torch.manual_seed(14)
    entry = stage.build(stage.spec, None)
    return entry, entry.trainer(Optimiser())


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> list[str]:
    """Names of tensors that are not bit for bit the same, a NaN being the same as itself."""
    return [
        name
        for name in before.keys() | after.keys()
        if name not in before
        or name not in after
        or not torch.equal(before[name].nan_to_num(), after[name].nan_to_num())
        or not torch.equal(before[name].isnan(), after[name].isnan())
    ]


def per_example(subject: Subject) -> None:
    """loss[i] is about x[i]: putting an unlikely example in one row moves that row's loss and hardly any other's.

    The same seed is set for both batches, so that a random loss draws the same noise for the rows before. Those behind
    may draw other where the two took different amounts of randomness, as a rejection sampler does, which takes as much
    as it needs: there only the rows before are compared.
    """
    for stage in subject.stages:
        x = stage.test[:8]
        before, taken = loss(stage, x)
        for row in (0, 3, 7):
            other = x.clone()
            other[row] = stage.unlike if not stage.unlike.equal(x[row]) else 1 - x[row]
            after, taken_now = loss(stage, other)
            moved = (after - before).abs()
            behind = moved[row + 1 :] if taken_now.equal(taken) else moved[:0]
            rest = torch.cat([moved[:row], behind, moved.new_zeros(1)])
            require(
                bool(moved[row] > 2 * rest.max()),
                f"replacing example {row} on the {stage.name} moves its loss by {float(moved[row]):.3g} and another's "
                f"by {float(rest.max()):.3g}",
                "return one loss per example, in the batch's order, before any mean",
            )


def loss(stage: Stage, x: Tensor) -> tuple[Tensor, Tensor]:
    """The trained entry's loss of x at a fixed seed, and the random state that it leaves."""
    torch.manual_seed(15)
    with torch.no_grad():
        return stage.entry.loss(x), torch.get_rng_state()
