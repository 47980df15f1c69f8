"""A testbed: small data of one kind, and an entry trained on them for a few steps."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.contract.grid import Cube, Partition, Plane
from bench.contract.known import KnownLaw, Law
from bench.contract.likelihood import Mass, mass
from bench.contract.methods import bits, can_sample
from bench.contract.outcome import Absent
from bench.models.entry import Entry, HasFinish, HasLogWeights
from bench.models.optimise import Trainer
from bench.models.parts.conditional import with_context
from bench.models.parts.evaluation_weights import evaluation_weights
from bench.spec import DataSpec

Build = Callable[[DataSpec, int | None], Entry]
"""Constructs the entry for a spec; a width of None is the YAML's own."""

WIDTH = 64
FIELD_CHANNELS = 16
"""Width of an entry that solves an ODE of pictures: its channels work at every position, at each evaluation."""
STEPS = 150
MORE_STEPS = 600
"""Steps of an entry in many coordinates, half as many in few, with importance weights: after 150 of the former one or
two of 64 weights count, and its posterior misses a part of the plane."""

RESUMED_AT = 75
RESUMED_TO = 150
"""Steps between which training is repeated in a new entry."""

BATCH = 128

DRAWS = {2: 8192, 4: 8192, 8: 8192}
"""Samples by the number of coordinates: what moves them less than their noise is seen in many coordinates only."""
FEWER_DRAWS = 2048


@dataclass
class Halfway:
    """All that training remembers after `RESUMED_AT` steps, and what it came to at `RESUMED_TO`.

    Attributes:
        entry: its `state_dict`.
        trainer: that of its trainer.
        random: torch's random state.
        later: the entry's `state_dict` at the later step.
    """

    entry: dict[str, Any]
    trainer: dict[str, Any]
    random: Tensor
    later: dict[str, Any]


@dataclass
class Testbed:
    """Data of one kind, and the entry trained on them for a few short steps.

    Attributes:
        name: what messages call the data.
        spec: what the entry is told.
        build: makes the entry.
        law: what examples are drawn from.
        seed: of everything that is drawn; another one gives other data, weights and samples.
    """

    name: str
    spec: DataSpec
    build: Build
    law: Law
    seed: int = 0

    def stream(self, number: int) -> int:
        """The seed of one use of randomness."""
        return 1000 * self.seed + number

    @cached_property
    def train(self) -> Float[Tensor, "n *event"]:
        """Training examples."""
        return self.shaped(self.law.draw(4096, self.stream(2)))

    @cached_property
    def test(self) -> Float[Tensor, "m *event"]:
        """Other examples of the same law."""
        return self.shaped(self.law.draw(1024, self.stream(3)))

    @property
    def known(self) -> KnownLaw | None:
        """The law, where its density is known."""
        return self.law if isinstance(self.law, KnownLaw) else None

    @property
    def unlike(self) -> Float[Tensor, " *event"]:
        """One example that the law hardly produces: far out, or bits that alternate."""
        sign = 1 - 2 * (torch.arange(self.spec.dim) % 2)
        flat = (sign > 0).float() if self.spec.kind == "binary" else 8.0 * sign
        return flat.reshape(self.spec.event_shape)

    def shaped(self, x: Float[Tensor, "n dim"]) -> Float[Tensor, "n *event"]:
        """Flat examples as the entry gets them."""
        return x.reshape(len(x), *self.spec.event_shape)

    @cached_property
    def partition(self) -> Partition | None:
        """The whole space in pieces; None where it has too many coordinates."""
        if self.spec.kind == "binary":
            return Cube(self.spec.dim) if self.spec.dim <= 4 else None
        return Plane.around(self.train) if self.spec.event_shape == (2,) else None

    @cached_property
    def width(self) -> int:
        """Of the entry that is trained."""
        if len(self.spec.event_shape) < 3:
            return WIDTH
        with torch.random.fork_rng(devices=[]):
            return FIELD_CHANNELS if hasattr(self.build(self.spec, None), "nfe") else WIDTH

    def fresh(self, own_width: bool = False) -> tuple[Entry, Trainer]:
        """A new entry and its trainer, the same on every call; of its YAML's width where `own_width`."""
        torch.manual_seed(self.stream(1))
        entry = self.build(self.spec, None if own_width else self.width)
        return entry, entry.trainer(Optimiser(learning_rate=5e-3))

    @cached_property
    @torch.enable_grad()
    def trained(self) -> tuple[Entry, Halfway | None]:
        """The trained entry, and what training remembered halfway; None where no step is taken."""
        entry, trainer = self.fresh()
        halfway = None
        if not entry.fitted:
            steps = self.steps(entry)
            torch.manual_seed(self.stream(4))
            take_steps(entry, trainer, self.train, range(RESUMED_AT), steps)
            remembered = copy.deepcopy(entry.state_dict()), copy.deepcopy(trainer.state_dict()), torch.get_rng_state()
            take_steps(entry, trainer, self.train, range(RESUMED_AT, RESUMED_TO), steps)
            halfway = Halfway(*remembered, copy.deepcopy(entry.state_dict()))
            take_steps(entry, trainer, self.train, range(RESUMED_TO, steps), steps)
        with evaluation_weights(entry):
            evaluated = copy.deepcopy(entry.state_dict())
        entry.load_state_dict(evaluated)
        entry.eval()
        if isinstance(entry, HasFinish):
            entry.finish(self.train.clone())
        return entry, halfway

    def steps(self, entry: Entry) -> int:
        """Optimisation steps in all."""
        if not isinstance(entry, HasLogWeights):
            return STEPS
        return MORE_STEPS if self.spec.dim > 8 else MORE_STEPS // 2

    @property
    def entry(self) -> Entry:
        """The trained entry, finished where it has a `finish`, in evaluation mode."""
        return self.trained[0]

    @cached_property
    def mass(self) -> Mass:
        """The mass that the trained entry's likelihood gives to each piece of the space."""
        assert self.partition is not None
        return mass(self.entry, self.partition, self.stream(6))

    @cached_property
    def draws(self) -> Float[Tensor, "n dim"]:
        """Samples of the trained entry, flat; bits where it gives their probabilities.

        Raises:
            Absent: it has no `sample`.
        """
        if not can_sample(self.entry):
            raise Absent("no sample")
        torch.manual_seed(self.stream(11))
        with torch.no_grad():
            x = self.entry.sample(DRAWS.get(self.spec.dim, FEWER_DRAWS)).flatten(1)
        return bits(x) if self.spec.kind == "binary" else x


def train_briefly(entry: Entry, trainer: Trainer, data: Float[Tensor, "n *event"], steps: int, seed: int = 4) -> None:
    """`steps` steps on batches drawn from `data`, with some labels for an entry built for them, all from `seed`."""
    torch.manual_seed(seed)
    take_steps(entry, trainer, data, range(steps), steps)


def take_steps(entry: Entry, trainer: Trainer, data: Float[Tensor, "n *event"], which: range, steps: int) -> None:
    """Those of `steps` steps that `which` names."""
    entry.train()
    for step in which:
        x = data[torch.randint(len(data), (BATCH,))]
        if entry.data.classes:
            with_context(trainer).step(x, step / steps, some_labels(x))
        else:
            trainer.step(x, step / steps)


def with_labels(spec: DataSpec) -> DataSpec:
    """`spec` with some labels of two classes in sight."""
    return replace(spec, context_size=2, classes=2)


def some_labels(x: Float[Tensor, "batch *event"]) -> Float[Tensor, "batch 2"]:
    """Labels of every fourth example: the sign of its first coordinate."""
    context = torch.zeros(len(x), 2)
    context[::4] = nn.functional.one_hot((x[::4].flatten(1)[:, 0] > 0).long(), 2).float()
    return context
