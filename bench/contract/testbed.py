"""Testbeds: small data of each kind that an entry models, and one trained copy of it for each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.contract.grid import Cube, Partition, Plane
from bench.contract.likelihood import Mass, mass
from bench.contract.outcome import Absent, Broken, described
from bench.errors import NotApplicable
from bench.models.entry import Entry, HasFinish
from bench.models.optimise import Trainer
from bench.models.parts.conditional import with_context
from bench.spec import DataSpec, Kind

Build = Callable[[DataSpec, int | None], Entry]
"""Constructs the entry for a spec; a width of None is the YAML's own."""

WIDTH = 64
STEPS = 150
BATCH = 128

SPECS: dict[str, DataSpec] = {
    "2 coordinates": DataSpec((2,)),
    "8 coordinates": DataSpec((8,)),
    "64 discrete pixels": DataSpec((64,), "discrete", levels=17),
    "64 binary pixels": DataSpec((64,), "binary"),
}


@dataclass
class Testbed:
    """Data of one kind, and the entry trained on them for a few short steps.

    Attributes:
        name: `plane`, `cube` or `linear-Gaussian`.
        spec: what the entry is told.
        build: makes the entry.
        train: `(n, *event_shape)` training examples.
        test: `(m, *event_shape)` other examples of the same distribution.
        unlike: one example that the distribution does not produce.
        steps: optimisation steps.
    """

    name: str
    spec: DataSpec
    build: Build
    train: Float[Tensor, "n event"]
    test: Float[Tensor, "m event"]
    unlike: Float[Tensor, " event"]
    steps: int = STEPS

    @cached_property
    def partition(self) -> Partition:
        """The whole space in pieces."""
        return Cube(self.spec.dim) if self.spec.kind == "binary" else Plane.around(self.train)

    @cached_property
    def entry(self) -> Entry:
        """The trained entry, finished where it has a `finish`, in evaluation mode."""
        torch.manual_seed(1)
        entry = self.build(self.spec, WIDTH)
        if not entry.fitted:
            train_briefly(entry, entry.trainer(Optimiser(learning_rate=5e-3)), self.train, steps=self.steps)
        entry.eval()
        if isinstance(entry, HasFinish):
            entry.finish(self.train)
        return entry

    @cached_property
    def mass(self) -> Mass:
        """The mass that the trained entry's likelihood gives to each piece of the space."""
        return mass(self.entry, self.partition)


class Subject:
    """The entry under check: the data it models, and its testbeds."""

    def __init__(self, build: Build) -> None:
        self.build = build

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of data that the entry says it can model.

        Raises:
            Broken: the constructor refuses every spec.
        """
        reasons = []
        for spec in map(self.labelled, SPECS.values()):
            try:
                return self.build(spec, None).kinds
            except Exception as error:  # whatever stops the constructor is the finding
                reasons.append(described(error))
        raise Broken(f"the constructor raises {reasons[0]}", "construct the entry from any DataSpec of its kinds")

    @cached_property
    def specs(self) -> dict[str, DataSpec]:
        """The specs that the entry can model."""
        return {name: spec for name, plain in SPECS.items() if self.models(spec := self.labelled(plain))}

    def labelled(self, spec: DataSpec) -> DataSpec:
        """`spec`, with labels where the entry needs them."""
        return with_labels(spec) if self.needs_labels else spec

    @cached_property
    def needs_labels(self) -> bool:
        """True for an entry that can be built for no data without labels, but for some with them."""
        return not any(map(self.builds, SPECS.values())) and any(map(self.builds, map(with_labels, SPECS.values())))

    def builds(self, spec: DataSpec) -> bool:
        """True if the constructor accepts `spec`; `kinds` and `models` report why it does not."""
        try:
            self.build(spec, None)
        except Exception:
            return False
        return True

    def models(self, spec: DataSpec) -> bool:
        """True if `spec` is of the entry's kinds and its constructor does not call it not applicable.

        Raises:
            Broken: the constructor raises anything else.
        """
        if spec.kind not in self.kinds:
            return False
        try:
            self.build(spec, None)
        except NotApplicable:
            return False
        except Exception as error:  # whatever stops the constructor is the finding
            raise Broken(
                f"the constructor raises {described(error)} on {spec}", "mend it, or leave that kind out of `kinds`"
            ) from error
        return True

    @cached_property
    def testbeds(self) -> list[Testbed]:
        """One testbed for two real coordinates and one for four bits, as far as the entry models them.

        Raises:
            Absent: it models neither.
        """
        real: list[tuple[Kind, int | None]] = [("continuous", None), ("discrete", 17)]
        plane = [spec for kind, levels in real if self.models(spec := self.labelled(DataSpec((2,), kind, levels)))][:1]
        cube = [spec for spec in [self.labelled(DataSpec((4,), "binary"))] if self.models(spec)]
        testbeds = [
            Testbed("plane", spec, self.build, skewed(4096, 2), skewed(512, 3), torch.tensor([9.0, -7.0]))
            for spec in plane
        ] + [
            Testbed("cube", spec, self.build, correlated_bits(4096, 2), correlated_bits(512, 3), torch.eye(4)[0])
            for spec in cube
        ]
        if not testbeds:
            raise Absent("it models neither two real coordinates nor four bits")
        return testbeds

    @cached_property
    def linear(self) -> Testbed:
        """The testbed whose density is known, x = W z + σ ε in four coordinates.

        Raises:
            Absent: the entry does not model continuous data.
        """
        spec = self.labelled(DataSpec((4,)))
        if not self.models(spec):
            raise Absent("it does not model four continuous coordinates")
        torch.manual_seed(3)
        train, test = linear_gaussian().sample(torch.Size((2, 4096)))
        return Testbed("linear-Gaussian", spec, self.build, train, test, torch.full((4,), 9.0), steps=100)


def train_briefly(entry: Entry, trainer: Trainer, data: Float[Tensor, "n event"], steps: int, seed: int = 4) -> None:
    """`steps` steps on batches drawn from `data`, with some labels for an entry built for them, all from `seed`."""
    entry.train()
    torch.manual_seed(seed)
    for step in range(steps):
        x = data[torch.randint(len(data), (BATCH,))]
        if entry.data.classes:
            with_context(trainer).step(x, step / steps, some_labels(x))
        else:
            trainer.step(x, step / steps)


def with_labels(spec: DataSpec) -> DataSpec:
    """`spec` with some labels of two classes in sight."""
    return replace(spec, context_size=2, classes=2)


def some_labels(x: Float[Tensor, "batch event"]) -> Float[Tensor, "batch 2"]:
    """Labels of every fourth example: the sign of its first coordinate."""
    context = torch.zeros(len(x), 2)
    context[::4] = nn.functional.one_hot((x[::4, 0] > 0).long(), 2).float()
    return context


def skewed(n: int, seed: int) -> Float[Tensor, "n 2"]:
    """A bent, skewed cloud, much smaller than a standard normal: x₁ = e^{a/2} - 1.1, x₂ = 0.4 x₁² + 0.35 b - 0.2."""
    a, b = torch.randn(2, n, generator=torch.Generator().manual_seed(seed))
    first = torch.exp(0.5 * a) - 1.1
    return torch.stack([first, 0.4 * first.square() + 0.35 * b - 0.2], 1)


def correlated_bits(n: int, seed: int) -> Float[Tensor, "n 4"]:
    """Four bits in two pairs that mostly agree."""
    draws = torch.rand(n, 4, generator=torch.Generator().manual_seed(seed))
    first = (draws[:, :2] < torch.tensor([0.7, 0.4])).float()
    second = torch.where(draws[:, 2:] < 0.85, first, 1 - first)
    return torch.stack([first[:, 0], second[:, 0], first[:, 1], second[:, 1]], 1)


def linear_gaussian(sigma: float = 0.5) -> torch.distributions.MultivariateNormal:
    """x = W z + σ ε with z in two and x in four coordinates: N(0, W Wᵀ + σ² I)."""
    weights = torch.tensor([[1.0, 0.0], [0.8, 0.6], [-0.5, 0.9], [0.0, 1.2]])
    return torch.distributions.MultivariateNormal(torch.zeros(4), weights @ weights.T + sigma**2 * torch.eye(4))
