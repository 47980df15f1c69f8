"""A loaded run: samples, likelihoods, latents and reconstructions in the user's units."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.config import Config
from bench.data.content import is_projects
from bench.data.stored_space import StoredSpace
from bench.errors import BenchError, Diverged
from bench.metrics.draws import OverDraws
from bench.metrics.likelihood import evaluating
from bench.models.entry import Entry, HasLatent
from bench.record.store import Record
from bench.seeds import stream_seed
from bench.use.labels import class_of
from bench.use.rebuilt import rebuilt
from bench.use.scores import Scores, estimated, placed
from bench.use.settled import check_draws
from bench.use.units import from_user, is_table, to_array, to_columns

AT_ONCE = 10_000
"""Events that are drawn or mapped at once."""


@dataclass(frozen=True, repr=False)
class LoadedRun:
    """A trained entry with the way to the user's units. `bench.load` and `bench.train` make one.

    Rows of a table are pandas frames or mappings of columns; other events arrays `(n, *shape)`, pictures of whole
    levels. Every draw comes from a seed, by default 0: the same call gives the same result.

    Attributes:
        name: as the run was asked for.
        record: its row, see `bench list metrics`.
        config: that made it.
        entry: the model, on `device`, in evaluation mode.
        stored: what is known of its data.
        device: where it computes.
        test_log_prob: of the test examples, float64 in the report space; None where none is stored.
    """

    name: str
    record: Record
    config: Config
    entry: Entry
    stored: StoredSpace
    device: torch.device
    test_log_prob: Tensor | None

    def __repr__(self) -> str:
        nll = self.record.get("nll_nats")
        told = "" if nll is None else f", test NLL {nll:.4g} nats"
        return f"<run {self.record.get('run_id')}: {self.config.model['name']} on {self.stored.name}{told}>"

    @property
    def space(self) -> Any:
        """The way between raw examples and model space, on `device`."""
        assert self.stored.space is not None
        return self.stored.space.to(self.device)

    def sample(self, n: int, *, seed: int = 0, label: int | str | None = None, temperature: float = 1.0) -> Any:
        """`n` draws in the user's units: a pandas frame for tables, else an array `(n, *shape)`.

        Args:
            n: how many.
            seed: of the draws.
            label: class to draw, for a model that takes one, by your own label of it; None draws it too.
            temperature: factor of the standard normal latent of a flow; 1 draws from the model itself.

        Raises:
            BenchError: the model takes no label or temperature, or n is not above 0.
        """
        return self.given(self.model_sample(n, seed=seed, label=label, temperature=temperature))

    def model_sample(
        self, n: int, *, seed: int = 0, label: int | str | None = None, temperature: float = 1.0
    ) -> Tensor:
        """`n` draws in model space; see `sample`.

        Raises:
            BenchError: as `sample`, or a draw is not finite.
        """
        check_draws(n, temperature)
        if temperature != 1 and (self.entry.latent != "exact" or not isinstance(self.entry, HasLatent)):
            raise BenchError(f"{self.name}: temperature scales the normal latent of a flow, which this model has not")
        if temperature != 1 and label is not None:
            raise BenchError(f"{self.name}: temperature={temperature:g} draws of no label; leave one of the two out")
        number = None if label is None else class_of(label, self.entry, self.stored, self.name)
        with self.drawing(seed, "sample"):
            parts = [self.drawn(count, number, temperature) for count in pieces(n)]
        return self.finite(torch.cat(parts), "a sample")

    def drawn(self, n: int, label: int | None, temperature: float) -> Tensor:
        """`n` draws at once, in model space, of the class of that number."""
        if temperature != 1:
            assert isinstance(self.entry, HasLatent)
            return self.entry.decode(temperature * torch.randn(n, *self.stored.spec.event_shape, device=self.device))
        context = self.context(n, label)
        return self.entry.sample(n) if context is None else self.entry.sample(n, context)

    def context(self, n: int, number: int | None) -> Tensor | None:
        """One-hot rows of a class; None where none is asked for."""
        if number is None:
            return None
        one_hot = torch.zeros(n, self.stored.spec.classes, device=self.device)
        one_hot[:, number] = 1
        return one_hot

    def log_prob(self, x: Any) -> Any:
        """`(n,)` float64 nats of each row in the user's units, the log-determinant included; a bound where `is_bound`.

        Raises:
            BenchError: the rows are not the model's, or it has no likelihood.
        """
        return self.score(x).log_prob

    def score(self, x: Any, where: str = "x") -> Scores:
        """Likelihood, distance from the usual one and place among the test examples of each row.

        Args:
            x: rows in the user's units.
            where: what an error calls them.

        Raises:
            BenchError: the rows are not the model's, or it has no likelihood, or not a finite one of them.
        """
        raw = from_user(self.stored, x, where).to(self.device)
        try:
            found = self.over_draws(raw, "score")
        except Diverged as reason:
            raise BenchError(f"{where}: {reason}; the model has no finite likelihood of them") from reason
        if found is None:
            raise BenchError(f"{self.name}: {self.config.model['name']} has no likelihood to score with")
        return placed(found, self.test_log_prob, self.stored)

    def encode(self, x: Any, where: str = "x") -> Any:
        """The latent of each row, `(n, *latent)` float32: exact for a flow, the posterior mean for a VAE.

        Raises:
            BenchError: the rows are not the model's, or it has no latent.
        """
        entry = self.latent_entry()
        return self.mapped(entry.encode, self.model_rows(x, where)).cpu().numpy()

    def decode(self, z: Any, where: str = "z") -> Any:
        """Latents in the user's units: the inverse of `encode`, or the decoder's mean.

        Raises:
            BenchError: they have not the latent's shape, or the model has none.
        """
        return self.given(self.model_decoded(z, where))

    def model_decoded(self, z: Any, where: str = "z") -> Tensor:
        """Latents decoded to model space; see `decode`."""
        entry, shape = self.latent_entry(), self.latent_shape()
        array = np.asarray(z)
        if array.dtype.kind not in "biuf" or array.ndim < 2 or array.size != len(array) * int(np.prod(shape)):
            raise BenchError(
                f"{where}: shape {tuple(array.shape)} of {array.dtype}; latents are numbers (rows, {shape})"
            )
        if not len(array) or not bool(np.isfinite(array.astype(np.float64)).all()):
            raise BenchError(f"{where}: no rows, or a value that is not finite; give finite numbers")
        latents = torch.from_numpy(array.astype(np.float32)).reshape(len(array), *shape).to(self.device)
        return self.finite(self.mapped(entry.decode, latents), "a decoded row")

    def reconstruct(self, x: Any, where: str = "x") -> Any:
        """decode(encode(x)) of each row, in the user's units.

        Raises:
            BenchError: the rows are not the model's, or it has no latent.
        """
        return self.given(self.model_reconstructed(x, where))

    def model_reconstructed(self, x: Any, where: str = "x") -> Tensor:
        """decode(encode(x)) in model space."""
        entry = self.latent_entry()
        return self.finite(
            self.mapped(lambda each: entry.decode(entry.encode(each)), self.model_rows(x, where)), "a row"
        )

    def latent_entry(self) -> HasLatent:
        """The entry, which maps to latents and back.

        Raises:
            BenchError: it does not.
        """
        if not isinstance(self.entry, HasLatent):
            raise BenchError(f"{self.name}: {self.config.model['name']} has no latent to encode to or decode from")
        return self.entry

    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        entry = self.latent_entry()
        example = self.stored.reference.get("x")
        shape = self.stored.spec.event_shape
        x = torch.zeros(2, *shape) if example is None else example[:2]
        return tuple(self.mapped(entry.encode, x.to(self.device)).shape[1:])

    def test_nll(self) -> float:
        """The mean test NLL, measured again from the weights as the run did; it needs the data, and a run's time.

        Raises:
            BenchError: the data are not here or are others than the run's, or the model has no likelihood.
        """
        if not is_projects(self.config.data):
            raise BenchError(f"{self.name}: its data are made by code of one's own; bench evaluate measures it again")
        dataset = rebuilt(self.config, self.record, type(self.entry), self.name, warnings.warn).to(self.device)
        settings = self.config.eval
        test = dataset.test[: settings.test_examples]
        if settings.estimator == "ais":
            test = test[: settings.ais_examples]
        with self.drawing_as(stream_seed(settings.seed, "evaluate")):
            found = self.over_draws_of(test, self.test_stream)
        if found is None:
            raise BenchError(f"{self.name}: {self.config.model['name']} has no likelihood")
        return float(-found.mean.log_prob.mean())

    def test_stream(self, number: int) -> int:
        """The seed of a draw of the test examples' noise, as `bench.evaluate` takes it."""
        return stream_seed(self.config.eval.seed, "test", *([number] if number else []))

    def given(self, x: Tensor) -> Any:
        """Events of model space in the user's units: a frame for a table, else an array."""
        if not is_table(self.stored):
            return to_array(self.on_device(), x)
        import pandas as pd

        return pd.DataFrame(to_columns(self.on_device(), x))

    def on_device(self) -> StoredSpace:
        """What is known of the data, the space on `device`."""
        return replace(self.stored, space=self.space)

    def model_rows(self, x: Any, where: str) -> Tensor:
        """A user's rows in model space, their noise from a fixed seed."""
        raw = from_user(self.stored, x, where).to(self.device)
        generator = torch.Generator(self.device).manual_seed(stream_seed(self.config.eval.seed, "encode"))
        x_model: Tensor = self.space.to_model(raw, generator)
        return x_model

    def over_draws(self, raw: Tensor, stream: str) -> OverDraws | None:
        """The row's own estimate of the likelihood of raw examples, over draws of their noise."""
        with self.drawing(self.config.eval.seed, stream):
            return self.over_draws_of(raw, lambda number: stream_seed(self.config.eval.seed, stream, number))

    def over_draws_of(self, raw: Tensor, seed_of: Callable[[int], int], rows: int | None = None) -> OverDraws | None:
        """As `bench.metrics.draws.likelihood_over_draws`, of any raw examples.

        Args:
            raw: examples.
            seed_of: number of a draw to the seed of its noise.
            rows: the first so many of them alone, their noise as among all.
        """
        return estimated(self.entry, self.on_device(), self.config.eval, raw, seed_of, rows)

    def mapped(self, method: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """A method of the entry over all of x, in chunks, gradients off."""
        with torch.no_grad(), evaluating(self.entry):
            return torch.cat([method(chunk) for chunk in torch.split(x, self.config.eval.batch_rows)])

    def finite(self, x: Tensor, what: str) -> Tensor:
        """x, where all of it is finite.

        Raises:
            BenchError: it is not.
        """
        if not bool(x.isfinite().all()):
            raise BenchError(f"{self.name}: {what} is NaN or infinite; the model has diverged there")
        return x

    def drawing(self, seed: int, stream: str) -> Any:
        """A block whose draws come from a seed and the name of their use."""
        return self.drawing_as(stream_seed(seed, stream))

    @contextmanager
    def drawing_as(self, seed: int) -> Iterator[None]:
        """A block whose draws come from a seed; torch's random state is as before behind it."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.no_grad(), evaluating(self.entry), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield


def pieces(n: int) -> list[int]:
    """`n` in parts of at most `AT_ONCE`."""
    return [min(AT_ONCE, n - start) for start in range(0, n, AT_ONCE)]
