"""Endless batches of training examples in model space: shuffled each epoch, with fresh noise, resumable.

Where an entry may see some labels, every batch holds the same number of labelled examples: of 100 among 50,000 a plain
batch would rarely have one. Labelled examples and others are each walked through evenly, in orders of their own.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.seeds import stream_seed
from bench.training.batch_buffer import BatchBuffer
from bench.training.row_stream import RowStream

LABELLED_SHARE = 1 / 8
"""Least share of labelled examples in a batch, where there are any. Above their share of the data, all that a loss says
of them counts for more than their number: the price of labels in every step."""

DEQUANTISED_AT_ONCE = 2**18
"""Coordinates that are dequantised at once: of a small batch on its own, starting the operations is half the cost."""


class Batches:
    """Batches of one size; an epoch's last, smaller one is left out, so that every step does the same work.

    Attributes:
        context: labels of the batch that `next` gave last, `(batch, classes)`: one-hot rows for labelled examples, rows
            of zeros for the others; None for data that show no labels.
    """

    context: Float[Tensor, "batch classes"] | None = None
    buffer: BatchBuffer | None = None

    def __init__(self, dataset: Dataset, batch_size: int, seed: int, steps: int | None = None) -> None:
        """Begins at epoch 0.

        Args:
            dataset: of the run.
            batch_size: examples of a batch.
            seed: of order and noise.
            steps: batches that are needed in all, where that is known: no more are made at once.

        Raises:
            BenchError: there are fewer training examples than one batch needs, or no room in it for a labelled example
                and another.
        """
        if batch_size > len(dataset.train):
            rows = len(dataset.train)
            raise BenchError(
                f"train.batch_size={batch_size}: {dataset.name} has {rows} training examples; give at most that, such "
                f"as train.batch_size={max(1, 2 ** (rows.bit_length() - 2))}"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.device = dataset.device
        self.noise = torch.Generator(self.device).manual_seed(stream_seed(seed, "noise"))
        self.per_epoch = len(dataset.train) // batch_size
        at_once = max(1, DEQUANTISED_AT_ONCE // (batch_size * dataset.spec.dim))
        self.together = at_once if steps is None else min(at_once, steps)
        self.position = 0
        self.ready: list[tuple[Tensor, Tensor | None]] = []
        self.rows = RowStream(dataset.train, self.device) if dataset.streamed else None
        everyone = torch.arange(len(dataset.train), device=dataset.train.device)
        self.everyone = Walk(everyone, seed, "order", self.device)
        self.labelled_mix = None if dataset.labelled is None else LabelledMix(dataset, batch_size, seed)

    def next(self) -> Float[Tensor, "batch *event"]:
        """The next batch, in model space."""
        if not self.ready:
            self.fill()
        self.position += 1
        x, self.context = self.ready.pop()
        return x

    def fill(self) -> None:
        """Makes the next batches, of one epoch or several: as many as `DEQUANTISED_AT_ONCE` allows, at least one."""
        self.filled_at, self.noise_before = self.position, self.noise.get_state()
        chosen, raw = self.raw()
        x = self.dataset.space.to_model(raw, self.noise)
        x = x if self.buffer is None else self.buffer.lay(x)
        contexts: Sequence[Tensor | None] = [None] * self.together
        if self.labelled_mix is not None:
            contexts = torch.split(self.labelled_mix.contexts(chosen), self.batch_size)
        # `next` pops from the end.
        self.ready = list(zip(torch.split(x, self.batch_size), contexts, strict=True))[::-1]

    def raw(self) -> tuple[Int[Tensor, " n"], Shaped[Tensor, "n *event"]]:
        """Indices of the examples of the next batches, and the examples on the device.

        Of data that are streamed, those after them are gathered meanwhile.
        """
        if self.rows is None:
            chosen = self.chosen_from(self.position)
            return chosen, self.dataset.train.index_select(0, chosen)
        known = self.rows.expected(self.position)
        chosen = self.chosen_from(self.position) if known is None else known
        raw = self.rows.take(self.position, chosen)
        after = self.position + self.together
        self.rows.prepare(after, self.chosen_from(after))
        return chosen, raw

    def chosen_from(self, batch: int) -> Int[Tensor, " n"]:
        """Indices of the examples of the batches that are made at once, from that number on."""
        return torch.cat([self.chosen(batch + ahead) for ahead in range(self.together)])

    def buffer_for(self, x: Float[Tensor, "batch *event"]) -> BatchBuffer:
        """The buffer in which all batches to come will lie side by side, each like x."""
        self.buffer = BatchBuffer(x, self.together)
        return self.buffer

    def chosen(self, batch: int) -> Int[Tensor, " batch"]:
        """Indices of the examples of the stream's batch of that number, counted from 0."""
        if self.labelled_mix is not None:
            return self.labelled_mix.chosen(batch)
        epoch, within = divmod(batch, self.per_epoch)
        return self.everyone.places(epoch * len(self.dataset.train) + within * self.batch_size, self.batch_size)

    def state_dict(self) -> dict[str, Any]:
        """The position of the stream, and its position and noise when batches were last made."""
        filled_at, noise = (
            (self.filled_at, self.noise_before) if self.ready else (self.position, self.noise.get_state())
        )
        return {"taken": self.position, "filled_at": filled_at, "noise_before": noise}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another stream's position; batches already made are made again."""
        self.ready, self.position = [], state["filled_at"]
        self.noise.set_state(state["noise_before"])
        while self.position < state["taken"]:
            self.next()


class Walk:
    """An endless walk through a pool of examples: each time round meets all of them, in a new order."""

    def __init__(self, pool: Int[Tensor, " pool"], seed: int, name: str, device: torch.device) -> None:
        """The order of each round depends on `seed`, `name`, the round and `device`, which draws it, alone."""
        self.pool, self.seed, self.name, self.device = pool, seed, name, device
        self.round = -1

    def places(self, start: int, count: int) -> Int[Tensor, " count"]:
        """The examples at so many places of the walk, from place `start` on."""
        parts = [self.pool[:0]]
        while count > 0:
            round_, within = divmod(start, len(self.pool))
            if round_ != self.round:
                self.shuffle(round_)
            parts.append(self.order[within:][:count])
            start, count = start + len(parts[-1]), count - len(parts[-1])
        return torch.cat(parts)

    def shuffle(self, round_: int) -> None:
        """Draws the order of one round."""
        generator = torch.Generator(self.device).manual_seed(stream_seed(self.seed, self.name, round_))
        self.round = round_
        order = torch.randperm(len(self.pool), generator=generator, device=self.device)
        self.order = self.pool[order.to(self.pool.device)]


class LabelledMix:
    """Batches with a fixed number of labelled examples: `LABELLED_SHARE` of each, or their share of the data if larger.

    The others stand in the batch without a label.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int) -> None:
        """Begins both walks.

        Raises:
            BenchError: a batch of one cannot hold a labelled example and another.
        """
        if batch_size < 2:
            raise BenchError(
                f"train.batch_size={batch_size}: with data.labelled a batch mixes examples; give at least 2"
            )
        assert dataset.labels is not None
        assert dataset.labelled is not None
        is_labelled = torch.zeros(len(dataset.train), dtype=torch.bool, device=dataset.device)
        is_labelled[dataset.labelled] = True
        one_hot = torch.nn.functional.one_hot(dataset.labels[0].long(), dataset.spec.classes)
        self.rows = (one_hot * is_labelled[:, None]).float()
        place = dataset.train.device
        self.labelled = Walk(dataset.labelled.to(place), seed, "labelled order", dataset.device)
        others = torch.nonzero(~is_labelled).flatten().to(place)
        self.others = Walk(others, seed, "unlabelled order", dataset.device)
        share = max(LABELLED_SHARE, float(is_labelled.float().mean()))
        most = batch_size - 1 if len(self.others.pool) else batch_size
        self.labelled_size = min(max(1, round(share * batch_size)), most)
        self.others_size = batch_size - self.labelled_size

    def chosen(self, batch: int) -> Int[Tensor, " batch"]:
        """Indices of the examples of the batch of that number, the labelled ones first."""
        labelled = self.labelled.places(batch * self.labelled_size, self.labelled_size)
        return torch.cat([labelled, self.others.places(batch * self.others_size, self.others_size)])

    def contexts(self, chosen: Int[Tensor, " n"]) -> Float[Tensor, "n classes"]:
        """The labels of examples, as an entry gets them."""
        return self.rows.index_select(0, chosen.to(self.rows.device))
