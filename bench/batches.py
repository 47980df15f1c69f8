"""Endless batches of training examples in model space: shuffled each epoch, with fresh noise, resumable."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.streams import stream_seed

MADE_TOGETHER = 2**18
"""Coordinates that are dequantised at once: of a small batch on its own, starting the operations is half the cost."""


class Batches:
    """Batches of one size; an epoch's last, smaller one is left out, so that every step does the same work."""

    def __init__(self, dataset: Dataset, batch_size: int, seed: int) -> None:
        """Begins at epoch 0.

        Raises:
            BenchError: there are fewer training examples than one batch needs.
        """
        if batch_size > len(dataset.train):
            raise BenchError(
                f"train.batch_size={batch_size}: {dataset.name} has {len(dataset.train)} training examples"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.device = dataset.train.device
        self.noise = torch.Generator(self.device).manual_seed(stream_seed(seed, "noise"))
        self.per_epoch = len(dataset.train) // batch_size
        self.together = max(1, MADE_TOGETHER // (batch_size * dataset.spec.dim))
        self.taken = 0
        self.ready: list[Tensor] = []
        self.shuffle(epoch=0)

    def next(self) -> Float[Tensor, "batch *event"]:
        """The next batch, in model space."""
        if not self.ready:
            self.fill()
        self.taken += 1
        return self.ready.pop()

    def fill(self) -> None:
        """Makes the next batches, of one epoch or several: as many as `MADE_TOGETHER` allows, and one at least."""
        self.filled_at, self.noise_before = self.taken, self.noise.get_state()
        chosen = torch.cat([self.chosen(self.taken + ahead) for ahead in range(self.together)])
        x = self.dataset.space.to_model(self.dataset.train.index_select(0, chosen), self.noise)
        self.ready = list(reversed(torch.split(x, self.batch_size)))

    def chosen(self, batch: int) -> Int[Tensor, " batch"]:
        """Indices of the examples of the stream's batch of that number, counted from 0."""
        epoch, within = divmod(batch, self.per_epoch)
        if epoch != self.epoch:
            self.shuffle(epoch)
        return self.order[within * self.batch_size :][: self.batch_size]

    def shuffle(self, epoch: int) -> None:
        """Draws the order of `epoch`, which depends on the seed and the epoch alone."""
        generator = torch.Generator(self.device).manual_seed(stream_seed(self.seed, "order", epoch))
        self.epoch = epoch
        self.order = torch.randperm(len(self.dataset.train), generator=generator, device=self.device)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands, and where it stood when batches were last made."""
        made = (self.filled_at, self.noise_before) if self.ready else (self.taken, self.noise.get_state())
        return {"taken": self.taken, "filled_at": made[0], "noise_before": made[1]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where another stream stood."""
        self.ready, self.taken = [], state["filled_at"]
        self.noise.set_state(state["noise_before"])
        while self.taken < state["taken"]:
            self.next()
