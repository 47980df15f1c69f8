"""Contracts of training: the trainer works and resumes, the loss is each example's own, no parameter is idle."""

import copy

import torch
from torch import Tensor

from bench.config import Optimiser
from bench.contract.outcome import Absent, require
from bench.contract.testbed import Subject, Testbed, train_briefly
from bench.models.entry import Entry
from bench.models.optimise import Trainer

FEW_STEPS = 20


def trains(subject: Subject) -> None:
    """The trainer has its three methods and leaves finite parameters after some hundred steps."""
    for testbed in subject.testbeds:
        trainer = subject.build(testbed.spec, None).trainer(Optimiser())
        require(
            isinstance(trainer, Trainer),
            f"trainer(settings) is a {type(trainer).__name__}",
            "give it step, state_dict and load_state_dict",
        )
        for name, parameter in testbed.entry.named_parameters():
            require(
                bool(torch.isfinite(parameter).all()),
                f"{name} is not finite after {testbed.steps} steps on the {testbed.name}",
                "keep the loss and its gradient finite",
            )


def gradients(subject: Subject) -> None:
    """Every trainable parameter moves in a few steps, so it had a gradient at some of them.

    The YAML's own width is taken: in a very narrow network all units of a layer may be dead by chance.
    """
    for testbed in subject.testbeds:
        entry, trainer = fresh(testbed)
        if entry.fitted:
            raise Absent("it takes no steps: finish fits it")
        initial = {name: parameter.detach().clone() for name, parameter in entry.named_parameters()}
        train_briefly(entry, trainer, testbed.train, steps=FEW_STEPS, seed=12)
        idle = [name for name, p in entry.named_parameters() if p.requires_grad and p.equal(initial[name])]
        require(
            not idle,
            f"{', '.join(idle[:3])} never moved in {FEW_STEPS} steps on the {testbed.name}",
            "let the loss depend on it, or do not make it: idle parameters count in matched budgets",
        )


def resumes(subject: Subject) -> None:
    """Training that goes on from `state_dict`s ends in the same parameters, bit for bit."""
    for testbed in subject.testbeds:
        straight, trainer = fresh(testbed)
        if straight.fitted:
            raise Absent("it takes no steps: finish fits it")
        train_briefly(straight, trainer, testbed.train, steps=3, seed=12)
        resumed, second = fresh(testbed)
        resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
        second.load_state_dict(copy.deepcopy(trainer.state_dict()))
        train_briefly(straight, trainer, testbed.train, steps=3, seed=13)
        train_briefly(resumed, second, testbed.train, steps=3, seed=13)
        differ = changed(dict(straight.state_dict()), dict(resumed.state_dict()))
        require(
            not differ,
            f"{', '.join(differ[:3])} differ after resuming on the {testbed.name}",
            "keep all that training remembers in the two state_dicts, and draw randomness from torch alone",
        )


def fresh(testbed: Testbed) -> tuple[Entry, Trainer]:
    """A fresh entry and its trainer, the same on every call."""
    torch.manual_seed(14)
    entry = testbed.build(testbed.spec, None)
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
    for testbed in subject.testbeds:
        x = testbed.test[:8]
        before, state_before = loss(testbed, x)
        for row in (0, 3, 7):
            other = x.clone()
            other[row] = testbed.unlike if not testbed.unlike.equal(x[row]) else 1 - x[row]
            after, state_after = loss(testbed, other)
            moved = (after - before).abs()
            behind = moved[row + 1 :] if state_after.equal(state_before) else moved[:0]
            rest = torch.cat([moved[:row], behind, moved.new_zeros(1)])
            require(
                bool(moved[row] > 2 * rest.max()),
                f"replacing example {row} on the {testbed.name} moves its loss by {float(moved[row]):.3g} and "
                f"another's by {float(rest.max()):.3g}",
                "return one loss per example, in the batch's order, before any mean",
            )


def loss(testbed: Testbed, x: Tensor) -> tuple[Tensor, Tensor]:
    """The trained entry's loss of x at a fixed seed, and the random state that it leaves."""
    torch.manual_seed(15)
    with torch.no_grad():
        return testbed.entry.loss(x), torch.get_rng_state()
