"""Contracts of isolation: evaluation changes no state, examples do not mix, randomness follows torch's seed."""

import os

import torch
from torch import Tensor

from bench.contract.likelihood import likelihood
from bench.contract.methods import TensorFunction, methods, seeded
from bench.contract.outcome import Absent, require
from bench.contract.testbed import Testbed
from bench.contract.training import changed
from bench.models.entry import Entry, HasLogProb

REPEATS = 48
LEVEL = 7.0
"""Standard errors, of 48 repeats, before a mean counts as changed: about one false alarm in 10⁷ comparisons."""

OF_EACH_EXAMPLE = {"log_prob", "log_weights", "encode", "decode", "posterior"}
"""Methods whose answer has a row, or of weights a column, for each example. `classes` and `clusters` hold the rest."""


def state(testbed: Testbed) -> None:
    """Evaluation leaves every parameter, buffer, gradient, training flag and setting of the process as it was."""
    entry = testbed.entry
    for name, method in methods(entry).items():
        before, flags, settings = snapshot(entry), [module.training for module in entry.modules()], process()
        seeded(method, testbed.test[:16], testbed.stream(17))
        differ = changed(before, snapshot(entry))
        require(
            not differ,
            f"{name} changes {', '.join(differ[:3])} on the {testbed.name}",
            "write no state outside training",
        )
        same = flags == [module.training for module in entry.modules()]
        entry.eval()
        require(
            same,
            f"{name} switches between train() and eval() on the {testbed.name}",
            "leave the mode as the caller set it",
        )
        moved = [key for key, value in process().items() if value != settings[key]]
        torch.set_grad_enabled(True)
        require(
            not moved,
            f"{name} changes {', '.join(moved)} on the {testbed.name}",
            "leave the process as it is: use torch.no_grad() as a context, dtypes as arguments",
        )


def process() -> dict[str, object]:
    """Settings of the whole process that an entry could change."""
    return {
        "whether gradients are on": torch.is_grad_enabled(),
        "torch's default dtype": torch.get_default_dtype(),
        "the working folder": os.getcwd(),
    }


def snapshot(entry: Entry) -> dict[str, Tensor]:
    """Copies of all parameters, their gradients and all buffers."""
    parameters = dict(entry.named_parameters())
    tensors = {**dict(entry.named_buffers()), **parameters}
    tensors |= {f"{name}.grad": p.grad for name, p in parameters.items() if p.grad is not None}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def batch(testbed: Testbed) -> None:
    """An example's value is the same alone, in a batch, and beside outliers.

    Values without randomness may differ by rounding, by a solver's tolerance where the estimator is named `ode-...`;
    random ones are compared in their means over repeats. Weights are looked at where no `log_prob` is made of them.
    """
    entry, x = testbed.entry, testbed.test[:8]
    crowd = torch.cat([x, testbed.unlike.expand_as(x)])
    ode = isinstance(entry, HasLogProb) and likelihood(entry, x, testbed.stream(18)).estimator.startswith("ode")
    for name, method in methods(entry).items():
        if name in OF_EACH_EXAMPLE and not (name == "log_weights" and isinstance(entry, HasLogProb)):
            by_row = (lambda batch, method=method: method(batch).mean(0)) if name == "log_weights" else method
            compare_batches(testbed, name, by_row, {"alone": x[:1], "beside outliers": crowd}, x, 5e-3 if ode else 1e-4)


def compare_batches(
    testbed: Testbed, name: str, method: TensorFunction, others: dict[str, Tensor], x: Tensor, tolerance: float
) -> None:
    """`batch` for one method: its first row in x against its first row in each other batch."""
    random = not torch.equal(*(seeded(method, x, testbed.stream(number)) for number in (19, 20)))
    repeats = REPEATS if random else 1
    usual = torch.stack([seeded(method, x, testbed.stream(100 + k))[0] for k in range(repeats)]).double()
    for label, other in others.items():
        again = torch.stack([seeded(method, other, testbed.stream(200 + k))[0] for k in range(repeats)]).double()
        allowed = tolerance * (1 + usual.mean(0).abs())
        if random:
            allowed = allowed + LEVEL * ((usual.var(0) + again.var(0)) / repeats).sqrt()
        excess = (usual.mean(0) - again.mean(0)).abs() - allowed
        off = float((excess + allowed).max())
        require(
            bool((excess <= 0).all()),
            f"{name} of one example changes by {off:.3g} when it stands {label} on the {testbed.name}",
            "use no statistics of the batch in evaluation",
        )


def seed(testbed: Testbed) -> None:
    """The same seed gives the same numbers, another seed other samples."""
    x = testbed.test[:16]
    for name, method in methods(testbed.entry).items():
        first, other, again = (seeded(method, x, testbed.stream(number)) for number in (21, 22, 21))
        require(
            torch.equal(first, again),
            f"{name} differs between two calls with one seed on the {testbed.name}",
            "draw from torch's global generator alone: no numpy, random or clock",
        )
        require(
            name != "sample" or not torch.equal(first, other),
            f"samples are the same for two seeds on the {testbed.name}",
            "never seed inside an entry",
        )
    built = [snapshot(testbed.fresh(own_width=True)[0]) for _ in range(2)]
    differ = changed(*built)
    require(
        not differ,
        f"one seed gives two initial {', '.join(differ[:3])} on the {testbed.name}",
        "initialise from torch's generator",
    )


def extremes(testbed: Testbed) -> None:
    """|x| = 1000 gives no NaN: an outlier may cost an infinite loss, never a poisoned mean without a cause."""
    if testbed.spec.kind == "binary":
        raise Absent("bits have no extremes")
    even = 1 - 2 * (torch.arange(testbed.spec.dim) % 2).float()
    rows = torch.stack([torch.ones_like(even), -torch.ones_like(even), even, -torch.ones_like(even) * (even < 0)])
    x = testbed.shaped(1e3 * rows)
    for name, method in methods(testbed.entry).items():
        if name in {"loss", "log_prob", "log_weights"}:
            got = seeded(method, x, testbed.stream(24))
            require(
                not bool(got.isnan().any()),
                f"{name} is NaN at |x| = 1000 on the {testbed.name}",
                "bound the scales, or work with logarithms",
            )
