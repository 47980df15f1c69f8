"""Contracts of form: the constructor, shapes and types, the size knob."""

import torch
from torch import Tensor

from bench.contract.methods import can_sample
from bench.contract.outcome import Absent, Broken, require
from bench.contract.testbed import Testbed
from bench.models.entry import Entry, HasLatent, HasLogProb, HasLogWeights, LogProb

WIDTHS = (32, 64, 128)
KINDS = {"continuous", "discrete", "binary"}


def builds(testbed: Testbed) -> None:
    """The constructor takes every kind of data the entry names, and gives an Entry of 32-bit parameters."""
    entry = testbed.build(testbed.spec, None)
    require(isinstance(entry, Entry), f"it is a {type(entry).__name__}", "subclass bench.models.entry.Entry")
    require(
        len(entry.kinds) > 0 and entry.kinds <= KINDS,
        f"kinds is {sorted(entry.kinds)}",
        f"name at least one of {', '.join(sorted(KINDS))}",
    )
    require(
        entry.fitted or any(True for _ in entry.parameters()),
        "it has no parameters",
        "register them as nn.Parameter, or set fitted = True where finish fits all of it into buffers",
    )
    for label, parameter in entry.named_parameters():
        require(
            parameter.dtype == torch.float32,
            f"{label} is {parameter.dtype} on the {testbed.name}",
            "make every parameter float32",
        )


def width(testbed: Testbed) -> None:
    """More width, more parameters: the bench matches budgets by this knob alone."""
    if testbed.build(testbed.spec, None).fitted:
        raise Absent("no budget is matched to an entry that finish fits in one go")
    counts = [sum(p.numel() for p in testbed.build(testbed.spec, size).parameters()) for size in WIDTHS]
    require(
        counts[0] < counts[1] < counts[2],
        f"widths {WIDTHS} give {tuple(counts)} parameters on the {testbed.name}",
        "let the parameter count grow with width",
    )


def shapes(testbed: Testbed) -> None:
    """Every method answers in the promised shape, in finite 32-bit numbers, also for a batch of one."""
    spec = testbed.spec
    torch.manual_seed(testbed.stream(5))
    entry = testbed.build(spec, WIDTHS[0])
    for n in (1, 5):
        x = torch.randn(n, *spec.event_shape)
        if spec.kind == "binary":
            x = (x > 0).float()
        entry.train()
        expect(f"loss(x) on the {testbed.name}", entry.loss(x), (n,))
        entry.eval()
        with torch.no_grad():
            evaluated(entry, x, f"on the {testbed.name}")


def evaluated(entry: Entry, x: Tensor, where: str) -> None:
    """`shapes` of the methods that evaluation calls."""
    n, event = len(x), entry.data.event_shape
    if can_sample(entry):
        expect(f"sample({n}) {where}", entry.sample(n), (n, *event))
    if isinstance(entry, HasLogWeights):
        expect(f"log_weights(x, 3) {where}", entry.log_weights(x, 3), (3, n))
    if isinstance(entry, HasLogProb):
        log_prob = entry.log_prob(x)
        require(
            isinstance(log_prob, LogProb),
            f"log_prob(x) is a {type(log_prob).__name__} {where}",
            "return bench.models.entry.LogProb",
        )
        expect(f"log_prob(x).value {where}", log_prob.value, (n,))
        if log_prob.standard_error is not None:
            expect(f"log_prob(x).standard_error {where}", log_prob.standard_error, (n,))
    if isinstance(entry, HasLatent):
        z = entry.encode(x)
        expect(f"encode(x) {where}", z, (n, *z.shape[1:]))
        expect(f"decode(encode(x)) {where}", entry.decode(z), (n, *event))


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
