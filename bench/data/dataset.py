"""A data set: three splits of raw tensors, the space entries see them in, and the truth where it is known."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bench.data.spaces import Space
from bench.spec import DataSpec


@runtime_checkable
class Density(Protocol):
    """A known distribution, in the coordinates of the report space."""

    def log_prob(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, " batch"]:
        """Exact (or numerically exact) log-density in nats."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n *event"]:
        """`n` independent draws, made by `generator` alone."""
        ...


@dataclass(frozen=True)
class Dataset:
    """Splits of one data set, raw (in data space), with the way from there to model space.

    Attributes:
        name: the name of its file in conf/data.
        spec: what entries are told.
        space: the map from data space to model space and its log-determinant to the report space.
        train, validation, test: raw examples, `(n, *event_shape)`; uint8 levels for discrete and binary data.
        truth: the distribution the examples were drawn from, where it is known.
        image_shape: `(height, width)` when an event is a picture laid flat; None otherwise.
        labels: class of each training, validation and test example, where there are classes.
        labelled: indices of the training examples whose labels an entry may see; None where it may see none.
    """

    name: str
    spec: DataSpec
    space: Space
    train: Shaped[Tensor, "train *event"]
    validation: Shaped[Tensor, "validation *event"]
    test: Shaped[Tensor, "test *event"]
    truth: Density | None = None
    image_shape: tuple[int, int] | None = None
    labels: tuple[Tensor, ...] | None = None
    labelled: Int[Tensor, " labelled"] | None = None

    def to(self, device: torch.device) -> "Dataset":
        """The same data set with its splits and space on `device`."""
        return replace(
            self,
            space=self.space.to(device),
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
            labels=None if self.labels is None else tuple(part.to(device) for part in self.labels),
            labelled=None if self.labelled is None else self.labelled.to(device),
        )

    def fixed(self, raw: Shaped[Tensor, "batch *event"], seed: int) -> Float[Tensor, "batch *event"]:
        """`raw` in model space with noise that depends on `seed` alone: the evaluation's view of a split."""
        generator = torch.Generator(raw.device).manual_seed(seed)
        return self.space.to_model(raw, generator)
