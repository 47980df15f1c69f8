"""Endless batches of training examples in model space: shuffled each epoch, with fresh noise, resumable."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.streams import stream_seed


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
        self.begin(epoch=0)

    def begin(self, epoch: int) -> None:
        """Shuffles for `epoch`: the order depends on the seed and the epoch alone."""
        order = torch.Generator(self.device).manual_seed(stream_seed(self.seed, "order", epoch))
        self.epoch, self.position = epoch, 0
        self.order = torch.randperm(len(self.dataset.train), generator=order, device=self.device)

    def next(self) -> Float[Tensor, "batch *event"]:
        """The next batch, in model space."""
        if self.position + self.batch_size > len(self.order):
            self.begin(self.epoch + 1)
        chosen = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        return self.dataset.space.to_model(self.dataset.train.index_select(0, chosen), self.noise)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands."""
        return {"epoch": self.epoch, "position": self.position, "noise": self.noise.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where another stream stood."""
        self.begin(state["epoch"])
        self.position = state["position"]
        self.noise.set_state(state["noise"])
