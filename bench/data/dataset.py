"""A data set: three splits of raw tensors, the space entries see them in, and the truth where it is known."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bench.data.mapped_reads import picked
from bench.data.spaces import Reshaped, Space, Standardised
from bench.errors import BenchError
from bench.spec import DataSpec, Standardise

CPU = torch.device("cpu")


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
class ReshapedDensity:
    """A known distribution whose events are laid out in another shape.

    Attributes:
        inner: the distribution of events of `inner_shape`.
        inner_shape: shape of an event of the inner distribution.
        event_shape: shape of an event here, of as many coordinates in the same order.
    """

    inner: Density
    inner_shape: tuple[int, ...]
    event_shape: tuple[int, ...]

    def log_prob(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, " batch"]:
        """Log-density in nats."""
        return self.inner.log_prob(x.reshape(len(x), *self.inner_shape))

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n *event"]:
        """`n` independent draws, the same as the inner distribution's."""
        return self.inner.sample(n, generator).reshape(n, *self.event_shape)


@dataclass(frozen=True)
class Dataset:
    """Splits of one data set, raw (in data space), with the way from there to model space.

    Attributes:
        name: the name of its file in conf/data.
        spec: what entries are told.
        space: the map from data space to model space and its log-determinant to the report space.
        train, validation, test: raw examples, `(n, *event_shape)`, pictures flat unless `shaped`; uint8 levels for
            discrete and binary data.
        truth: the distribution the examples were drawn from, where it is known.
        image_shape: `(height, width)` or `(channels, height, width)` of an event that is a picture; None otherwise.
        labels: class of each training, validation and test example, where there are classes.
        class_names: the user's own labels of the classes 0, 1, ...; empty where the classes are their numbers.
        labelled: indices of the training examples whose labels an entry may see; None where it may see none.
        files: that the examples were read from; their bytes count in a run's key.
        content: a hash of what came in where no whole file holds it, such as a function's arrays; it counts likewise.
        version: of a generator of the project's, raised when its examples change on purpose.
        warnings: why numbers of its runs are to be read with care, a line each; `bench.data.inspection` adds its own.
        notes: what is said of it before anything runs, a line each.
        by_seed: the data set of a run's seed, where runs differ in more than their initialisation; see `of_seed`.
        varies: what that changes: `training draw` or `fold`; empty where all runs have the same splits.
        fold: number of the test fold that these splits are of; None where there are no folds.
        streamed: the splits stay where they are, such as in mapped files larger than memory, and rows go to `device`
            as they are needed.
        device: where entries compute; that of the splits, unless they are streamed.
        standardise: how the logits of pictures are standardised, see `as_asked`.
    """

    name: str
    spec: DataSpec
    space: Space
    train: Shaped[Tensor, "train *event"]
    validation: Shaped[Tensor, "validation *event"]
    test: Shaped[Tensor, "test *event"]
    truth: Density | None = None
    image_shape: tuple[int, ...] | None = None
    labels: tuple[Tensor, ...] | None = None
    class_names: tuple[str, ...] = ()
    labelled: Int[Tensor, " labelled"] | None = None
    files: tuple[Path, ...] = ()
    content: str = ""
    version: int = 1
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    by_seed: "Callable[[int], Dataset] | None" = None
    varies: str = ""
    fold: int | None = None
    streamed: bool = False
    device: torch.device = CPU
    standardise: Standardise = "pixel"

    def __post_init__(self) -> None:
        """Tells entries the shape of a picture and the number of training examples; finds out where the splits lie."""
        own = self.spec.image_shape
        if self.image_shape is not None:
            *channels, height, width = self.image_shape
            own = (channels[0] if channels else 1, height, width)
        spec = replace(self.spec, image_shape=own, examples=len(self.train))
        object.__setattr__(self, "spec", spec)
        if not self.streamed and isinstance(self.train, Tensor):
            object.__setattr__(self, "device", self.train.device)

    @property
    def noisy(self) -> bool:
        """True where `to_model` draws noise on levels or cells, so that one draw of a likelihood is an accident."""
        return self.spec.kind == "discrete" or bool(getattr(self.space, "noisy", False))

    def to(self, device: torch.device) -> "Dataset":
        """The same data set for `device`: space and labels there, and the splits unless they are streamed."""
        splits = {name: getattr(self, name) for name in ("train", "validation", "test")}
        return replace(
            self,
            **(splits if self.streamed else {name: split.to(device) for name, split in splits.items()}),
            device=device,
            space=self.space.to(device),
            labels=None if self.labels is None else tuple(part.to(device) for part in self.labels),
            labelled=None if self.labelled is None else self.labelled.to(device),
        )

    def of_seed(self, seed: int) -> "Dataset":
        """The data set that a run of this seed trains and is tested on; the same for all where nothing varies.

        Raises:
            BenchError: its events are of another kind or shape.
        """
        if self.by_seed is None:
            return self
        drawn = self.by_seed(seed)
        drawn = drawn.as_asked(drawn.spec.event_shape != self.spec.event_shape, self.standardise)
        if replace(drawn.spec, examples=0) != replace(self.spec, examples=0) or drawn.train.dtype != self.train.dtype:
            raise BenchError(f"data={self.name}: by_seed({seed}) gives events of another kind; let it keep the spec")
        return replace(drawn, warnings=self.warnings)

    def as_asked(self, own_shape: bool, standardise: Standardise) -> "Dataset":
        """The data set as an entry asks for it by its class attributes of these names; the report space is the same.

        Raises:
            ValueError: it is standardised in another way already.
        """
        dataset = self.shaped() if own_shape else self
        if standardise == self.standardise or not isinstance(dataset.space, Standardised):
            return dataset
        if self.standardise != "pixel":
            raise ValueError(f"standardised by {self.standardise}: what pixels had of their own is gone")
        space = dataset.space.standardised(standardise)
        if space is dataset.space:
            return dataset
        alpha = getattr(dataset.space, "alpha", None) if standardise == "none" else None
        spec = replace(dataset.spec, alpha=alpha)
        return replace(dataset, spec=spec, space=space, standardise=standardise)

    def shaped(self) -> "Dataset":
        """The same data set with events in their own shape: pictures `(channels, height, width)` in place of flat.

        Noise, likelihoods and pictures are those of the flat data set, number for number; data that are no pictures,
        or have their own shape already, are left as they are.
        """
        flat, own = self.spec.event_shape, self.spec.image_shape
        if own is None or flat == own:
            return self
        return replace(
            self,
            spec=replace(self.spec, event_shape=own),
            space=Reshaped(self.space, flat, own),
            train=self.train.reshape(-1, *own),
            validation=self.validation.reshape(-1, *own),
            test=self.test.reshape(-1, *own),
            truth=None if self.truth is None else ReshapedDensity(self.truth, flat, own),
        )

    def fixed(self, raw: Shaped[Tensor, "batch *event"], seed: int) -> Float[Tensor, "batch *event"]:
        """`raw` in model space with noise that depends on `seed` alone: the evaluation's view of a split."""
        generator = torch.Generator(self.device).manual_seed(seed)
        return self.space.to_model(raw.to(self.device), generator)

    def training(self, rows: Int[Tensor, " n"]) -> Shaped[Tensor, "n *event"]:
        """Raw training examples by their indices, on `device` wherever the split lies."""
        rows = rows.to(self.train.device)
        return (picked(self.train, rows) if self.streamed else self.train[rows]).to(self.device)
