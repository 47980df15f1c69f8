"""Contracts of isolation: evaluation changes no state, examples do not mix, randomness follows torch's seed."""

from collections.abc import Callable

import torch
from torch import Tensor

from bench.contract.likelihood import IMPORTANCE_SAMPLES, likelihood
from bench.contract.outcome import require
from bench.contract.testbed import Subject, Testbed
from bench.contract.training import changed
from bench.models.entry import Entry, HasLatent, HasLogProb, HasLogWeights

REPEATS = 48
LEVEL = 7.0
"""Standard errors, of 48 repeats, before a mean counts as changed: about one false alarm in 10⁷ comparisons."""

Method = Callable[[Tensor], Tensor]


def methods(entry: Entry) -> dict[str, Method]:
    """The entry's methods that evaluation calls, each as a function of examples."""
    by_name: dict[str, Method] = {"loss": entry.loss, "sample": lambda x: entry.sample(len(x))}
    if isinstance(entry, HasLogProb):
        by_name["log_prob"] = lambda x: entry.log_prob(x).value
    if isinstance(entry, HasLogWeights):
        by_name["log_weights"] = lambda x: entry.log_weights(x, IMPORTANCE_SAMPLES)
    if isinstance(entry, HasLatent):
        by_name["encode"] = entry.encode
        by_name["decode"] = lambda x: entry.decode(entry.encode(x))
    return by_name


def seeded(method: Method, x: Tensor, seed: int) -> Tensor:
    """The method's answer when torch is seeded so."""
    torch.manual_seed(seed)
    with torch.no_grad():
        return method(x)


def state(subject: Subject) -> None:
    """Evaluation leaves every parameter, buffer, gradient and training flag as it found them."""
    for testbed in subject.testbeds:
        entry = testbed.entry
        for name, method in methods(entry).items():
            before, flags = snapshot(entry), [module.training for module in entry.modules()]
            seeded(method, testbed.test[:16], seed=17)
            differ = changed(before, snapshot(entry))
            require(not differ, f"{name} changes {', '.join(differ[:3])}", "write no state outside training")
            same = flags == [module.training for module in entry.modules()]
            entry.eval()
            require(same, f"{name} switches between train() and eval()", "leave the mode as the caller set it")
            require(
                torch.is_grad_enabled(), f"{name} leaves gradients switched off", "use torch.no_grad() as a context"
            )


def snapshot(entry: Entry) -> dict[str, Tensor]:
    """Copies of all parameters, their gradients and all buffers."""
    parameters = dict(entry.named_parameters())
    tensors = {**dict(entry.named_buffers()), **parameters}
    tensors |= {f"{name}.grad": p.grad for name, p in parameters.items() if p.grad is not None}
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def batch(subject: Subject) -> None:
    """An example's value is the same alone, in a batch, and beside outliers.

    Values without randomness may differ by rounding, by a solver's tolerance where the estimator is named `ode-...`;
    random ones are compared in their means over repeats.
    """
    for testbed in subject.testbeds:
        x = testbed.test[:8]
        crowd = torch.cat([x, testbed.unlike.expand(8, -1)])
        ode = isinstance(testbed.entry, HasLogProb) and likelihood(testbed.entry, x, seed=18).estimator.startswith(
            "ode"
        )
        for name, method in methods(testbed.entry).items():
            if name in {"loss", "sample", "log_weights"}:
                continue
            compare_batches(testbed, name, method, {"alone": x[:1], "beside outliers": crowd}, x, 5e-3 if ode else 1e-4)


def compare_batches(
    testbed: Testbed, name: str, method: Method, others: dict[str, Tensor], x: Tensor, tolerance: float
) -> None:
    """`batch` for one method: its first row in x against its first row in each other batch."""
    random = not torch.equal(seeded(method, x, 19), seeded(method, x, 20))
    repeats = REPEATS if random else 1
    usual = torch.stack([seeded(method, x, 100 + k)[0] for k in range(repeats)]).double()
    for label, other in others.items():
        again = torch.stack([seeded(method, other, 200 + k)[0] for k in range(repeats)]).double()
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


def seed(subject: Subject) -> None:
    """The same seed gives the same numbers, another seed other samples."""
    for testbed in subject.testbeds:
        x = testbed.test[:16]
        for name, method in methods(testbed.entry).items():
            first, other, again = (seeded(method, x, s) for s in (21, 22, 21))
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
        built = []
        for _ in range(2):
            torch.manual_seed(23)
            built.append(snapshot(testbed.build(testbed.spec, None)))
        differ = changed(*built)
        require(not differ, f"one seed gives two initial {', '.join(differ[:3])}", "initialise from torch's generator")


def extremes(subject: Subject) -> None:
    """|x| = 1000 gives no NaN: an outlier may cost an infinite loss, never a poisoned mean without a cause."""
    for testbed in subject.testbeds:
        if testbed.name != "plane":
            continue
        x = 1e3 * torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 0.0]])
        for name, method in methods(testbed.entry).items():
            if name in {"loss", "log_prob", "log_weights"}:
                got = seeded(method, x, 24)
                require(
                    not bool(got.isnan().any()),
                    f"{name} is NaN at |x| = 1000",
                    "bound the scales, or work with logarithms",
                )
