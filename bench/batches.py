"""Endless batches of training examples in model space: shuffled each epoch, with fresh noise, resumable."""

from typing import Any

import torch
from jaxtyping import Float
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
        self.noise_before = self.noise.get_state()
        self.begin(epoch=0)

    def begin(self, epoch: int) -> None:
        """Shuffles for `epoch`: the order depends on the seed and the epoch alone."""
        order = torch.Generator(self.device).manual_seed(stream_seed(self.seed, "order", epoch))
        self.epoch, self.position, self.filled_at = epoch, 0, 0
        self.ready: list[Tensor] = []
        self.order = torch.randperm(len(self.dataset.train), generator=order, device=self.device)

    def next(self) -> Float[Tensor, "batch *event"]:
        """The next batch, in model space."""
        if self.position + self.batch_size > len(self.order):
            self.begin(self.epoch + 1)
        if not self.ready:
            self.fill()
        self.position += self.batch_size
        return self.ready.pop()

    def fill(self) -> None:
        """Makes the next batches of this epoch, as many as `MADE_TOGETHER` allows and one at least."""
        self.filled_at, self.noise_before = self.position, self.noise.get_state()
        left = (len(self.order) - self.position) // self.batch_size
        together = max(1, MADE_TOGETHER // (self.batch_size * self.dataset.spec.dim))
        chosen = self.order[self.position :][: min(left, together) * self.batch_size]
        x = self.dataset.space.to_model(self.dataset.train.index_select(0, chosen), self.noise)
        self.ready = list(reversed(torch.split(x, self.batch_size)))

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands, and where it stood when batches were last made."""
        return {
            "epoch": self.epoch,
            "position": self.position,
            "filled_at": self.filled_at,
            "noise_before": self.noise_before,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where another stream stood."""
        self.begin(state["epoch"])
        self.position = state["filled_at"]
        self.noise.set_state(state["noise_before"])
        while self.position < state["position"]:
            self.next()
