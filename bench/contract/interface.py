"""Contracts of form: the constructor, shapes and types, the size knob."""

import torch
from torch import Tensor

from bench.contract.outcome import Absent, Broken, require
from bench.contract.testbed import SPECS, Subject
from bench.models.entry import Entry, HasLatent, HasLogProb, HasLogWeights, LogProb
from bench.spec import DataSpec

WIDTHS = (32, 64, 128)


def builds(subject: Subject) -> None:
    """The constructor takes every kind of data the entry names, and gives an Entry of 32-bit parameters."""
    require(
        len(subject.kinds) > 0 and subject.kinds <= {spec.kind for spec in SPECS.values()},
        f"kinds is {sorted(subject.kinds)}",
        "name at least one of continuous, discrete and binary",
    )
    require(bool(subject.specs), f"it models none of {', '.join(SPECS)}", "accept flat events of some size")
    for name, spec in subject.specs.items():
        entry = subject.build(spec, None)
        require(isinstance(entry, Entry), f"it is a {type(entry).__name__}", "subclass bench.models.entry.Entry")
        require(any(True for _ in entry.parameters()), "it has no parameters", "register them as nn.Parameter")
        for label, parameter in entry.named_parameters():
            require(
                parameter.dtype == torch.float32,
                f"{label} is {parameter.dtype} on {name}",
                "make every parameter float32",
            )


def width(subject: Subject) -> None:
    """More width, more parameters: the bench matches budgets by this knob alone."""
    for name, spec in subject.specs.items():
        if subject.build(spec, None).fitted:
            raise Absent("no budget is matched to an entry that finish fits in one go")
        counts = [sum(p.numel() for p in subject.build(spec, size).parameters()) for size in WIDTHS]
        require(
            counts[0] < counts[1] < counts[2],
            f"widths {WIDTHS} give {tuple(counts)} parameters on {name}",
            "let the parameter count grow with width",
        )


def shapes(subject: Subject) -> None:
    """Every method answers in the promised shape, in finite 32-bit numbers, also for a batch of one."""
    for name, spec in subject.specs.items():
        torch.manual_seed(5)
        entry = subject.build(spec, WIDTHS[0])
        for n in (1, 5):
            x = torch.randn(n, *spec.event_shape)
            if spec.kind == "binary":
                x = (x > 0).float()
            entry.train()
            expect(f"loss(x) on {name}", entry.loss(x), (n,))
            entry.eval()
            with torch.no_grad():
                evaluated(entry, x, name, spec)


def evaluated(entry: Entry, x: Tensor, name: str, spec: DataSpec) -> None:
    """`shapes` of the methods that evaluation calls."""
    n = len(x)
    expect(f"sample({n}) on {name}", entry.sample(n), (n, *spec.event_shape))
    if isinstance(entry, HasLogWeights):
        expect(f"log_weights(x, 3) on {name}", entry.log_weights(x, 3), (3, n))
    if isinstance(entry, HasLogProb):
        log_prob = entry.log_prob(x)
        require(
            isinstance(log_prob, LogProb),
            f"log_prob(x) is a {type(log_prob).__name__} on {name}",
            "return bench.models.entry.LogProb",
        )
        expect(f"log_prob(x).value on {name}", log_prob.value, (n,))
        if log_prob.standard_error is not None:
            expect(f"log_prob(x).standard_error on {name}", log_prob.standard_error, (n,))
    if isinstance(entry, HasLatent):
        z = entry.encode(x)
        expect(f"encode(x) on {name}", z, (n, *z.shape[1:]))
        expect(f"decode(encode(x)) on {name}", entry.decode(z), (n, *spec.event_shape))


def expect(what: str, got: object, shape: tuple[int, ...]) -> None:
    """Holds one returned tensor against its shape.

    Raises:
        Broken: it is no tensor, has another shape or type, or is not finite.
    """
    if not isinstance(got, Tensor):
        raise Broken(f"{what} is a {type(got).__name__}", f"return a tensor of shape {shape}")
    require(tuple(got.shape) == shape, f"{what} has shape {tuple(got.shape)}", f"return shape {shape}")
    require(got.dtype == torch.float32, f"{what} is {got.dtype}", "return float32")
    require(bool(torch.isfinite(got).all()), f"{what} is not finite", "keep values finite on standard normal input")
