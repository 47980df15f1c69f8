"""Contracts of training: the trainer works and resumes, the loss is each example's own, no parameter is idle."""

import torch
from torch import Tensor

from bench.config import Optimiser
from bench.contract.outcome import Absent, Broken, require
from bench.contract.testbed import RESUMED_AT, RESUMED_TO, Testbed, take_steps, train_briefly
from bench.models.optimise import Trainer
from bench.training.checkpoint import flatten, restore

FEW_STEPS = 20


def trains(testbed: Testbed) -> None:
    """The trainer has its three methods and leaves finite parameters after some hundred steps."""
    trainer = testbed.build(testbed.spec, None).trainer(Optimiser())
    require(
        isinstance(trainer, Trainer),
        f"trainer(settings) is a {type(trainer).__name__}",
        "give it step, state_dict and load_state_dict",
    )
    for name, parameter in testbed.entry.named_parameters():
        require(
            bool(torch.isfinite(parameter).all()),
            f"{name} is not finite after {testbed.steps(testbed.entry)} steps on the {testbed.name}",
            "keep the loss and its gradient finite",
        )


def gradients(testbed: Testbed) -> None:
    """Every trainable parameter moves in a few steps, so it had a gradient at some of them.

    The YAML's own width is taken: in a very narrow network all units of a layer may be dead by chance.
    """
    entry, trainer = testbed.fresh(own_width=True)
    if entry.fitted:
        raise Absent("it takes no steps: finish fits it")
    initial = {name: parameter.detach().clone() for name, parameter in entry.named_parameters()}
    train_briefly(entry, trainer, testbed.train, steps=FEW_STEPS, seed=testbed.stream(12))
    idle = [name for name, p in entry.named_parameters() if p.requires_grad and p.equal(initial[name])]
    require(
        not idle,
        f"{', '.join(idle[:3])} never moved in {FEW_STEPS} steps on the {testbed.name}",
        "let the loss depend on it, or do not make it: idle parameters count in matched budgets",
    )


def resumes(testbed: Testbed) -> None:
    """Training that goes on halfway in a new entry, from what a checkpoint holds, ends in the same parameters.

    It resumes at step 75 and is compared at 150, so that what counts its own steps up to a hundred counts them anew.
    """
    _, halfway = testbed.trained
    if halfway is None:
        raise Absent("it takes no steps: finish fits it")
    entry, trainer = testbed.fresh()
    entry.load_state_dict(halfway.entry)
    trainer.load_state_dict(checkpointed(halfway.trainer))
    torch.set_rng_state(halfway.random)
    take_steps(entry, trainer, testbed.train, range(RESUMED_AT, RESUMED_TO), testbed.steps(entry))
    differ = changed(halfway.later, dict(entry.state_dict()))
    require(
        not differ,
        f"{', '.join(differ[:3])} differ after {RESUMED_TO} steps on the {testbed.name} when training resumes at "
        f"{RESUMED_AT}",
        "keep all that training remembers in the two state_dicts, step counters too, and draw from torch alone",
    )


def checkpointed(state: dict[str, object]) -> dict[str, object]:
    """A trainer's state as it comes back from a checkpoint.

    Raises:
        Broken: a checkpoint cannot hold it.
    """
    tensors: dict[str, Tensor] = {}
    try:
        back: dict[str, object] = restore(flatten(state, tensors), tensors)
    except TypeError as error:
        raise Broken(f"the trainer's state_dict: {error}", "store tensors, numbers and text alone") from error
    return back


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> list[str]:
    """Names of tensors that are not bit for bit the same, a NaN being the same as itself.

    What is no dense tensor is left out: `stored` refuses it.
    """
    return [
        name
        for name in before.keys() | after.keys()
        if name not in before
        or name not in after
        or (
            isinstance(before[name], Tensor)
            and not before[name].is_sparse
            and (
                not torch.equal(before[name].nan_to_num(), after[name].nan_to_num())
                or not torch.equal(before[name].isnan(), after[name].isnan())
            )
        )
    ]


def per_example(testbed: Testbed) -> None:
    """loss[i] is about x[i]: putting an unlikely example in one row moves that row's loss and hardly any other's.

    The same seed is set for both batches, so that a random loss draws the same noise for the rows before. Those behind
    may draw other where the two took different amounts of randomness, as a rejection sampler does, which takes as much
    as it needs: there only the rows before are compared.
    """
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
    entry = testbed.entry
    torch.manual_seed(testbed.stream(15))
    with torch.no_grad():
        return entry.loss(x), torch.get_rng_state()
