"""The validation value that chooses the weights: the likelihood, the loss or the samples, as the entry says."""

import math

import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.data.watched import Watched
from bench.errors import Diverged
from bench.machine.deadline import Deadline
from bench.metrics.likelihood import estimate, evaluating
from bench.metrics.mmd import mmd2
from bench.models.entry import Entry
from bench.seeds import stream_seed

SEED = 20_240_101
"""Of the noise and the draws of every validation, the same for all runs. It is no option of `eval`: what an evaluation
is asked for must not change the weights that are evaluated."""

BATCH_ROWS = 2_048
"""Examples that one validated chunk holds, importance samples counted in; no option either, as draws go by chunks."""


class Validation:
    """The first examples of the validation split, with noise that is the same for all runs."""

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self.importance_samples = config.train.validation_importance_samples
        self.x = dataset.fixed(dataset.validation[: config.train.validation_examples], stream_seed(SEED, "validation"))
        self.log_det = dataset.space.log_det(self.x)
        self.to_data = dataset.space.to_data
        self.watched = Watched({"the validation examples": self.x})

    def value(self, entry: Entry, deadline: Deadline) -> tuple[float, str]:
        """The validation value, smaller is better, and its name, such as `nll(exact)`, `loss` or `mmd2`.

        The first two are means in nats of the report space, the last is a distance of samples in data space. The
        random state is left as it was.

        Raises:
            Diverged: it is NaN or infinite.
            TimedOut: the deadline passed between two chunks.
            ChangedData: the entry changed the examples.
        """
        value, name = self.measured(entry, deadline)
        self.watched.check("a validation")
        return value, name

    def measured(self, entry: Entry, deadline: Deadline) -> tuple[float, str]:
        """The value and its name; see `value`."""
        devices = [self.x.device] if self.x.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.no_grad():
            torch.manual_seed(stream_seed(SEED, "validation", "estimate"))
            if entry.validated_by == "likelihood":
                likelihood = estimate(
                    entry,
                    self.x,
                    importance_samples=self.importance_samples,
                    batch_rows=BATCH_ROWS,
                    tick=deadline.check,
                    rough=True,
                )
                if likelihood is not None:
                    return float(-(likelihood.log_prob + self.log_det).mean()), f"nll({likelihood.estimator})"
            by_samples = entry.validated_by == "mmd2"
            with evaluating(entry):
                value, name = (self.distance(entry), "mmd2") if by_samples else (self.loss(entry), "loss")
        if not math.isfinite(value):
            raise Diverged(f"the validation {name} is {value}")
        return value, name

    def loss(self, entry: Entry) -> float:
        """Mean loss in nats of the report space."""
        losses = torch.cat([entry.loss(chunk) for chunk in torch.split(self.x, BATCH_ROWS)])
        return float((losses - self.log_det).mean())

    def distance(self, entry: Entry) -> float:
        """Squared MMD between the validation examples and as many samples."""
        return mmd2(self.to_data(entry.sample(len(self.x))), self.to_data(self.x))
