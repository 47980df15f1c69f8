"""The loop of several runs in lockstep: one clock and one step for all, each run's history and validation its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from bench.errors import Diverged
from bench.machine.deadline import Deadline
from bench.pack.compile_pack import compile_update
from bench.pack.draws import Draw, RandomState
from bench.pack.step import PackedStep
from bench.training.batches import Batches
from bench.training.checkpoint import save_state
from bench.training.compile_step import chosen_mode
from bench.training.flop_price import FlopPrice
from bench.training.loop import Loop


class Member:
    """One run of a pack: its own loop, which never steps by itself, its checkpoint and its random state.

    Attributes:
        diverged: set when a loss or a validation value is NaN or infinite.
    """

    def __init__(self, loop: Loop, checkpoint: Path) -> None:
        """Goes on from the checkpoint, or begins."""
        self.loop, self.checkpoint = loop, checkpoint
        loop.resume_or_begin(checkpoint)
        self.random_state = RandomState(loop.device)
        self.diverged = False

    @property
    def active(self) -> bool:
        """True while it trains on."""
        return not (self.diverged or self.loop.history.ended)

    def example_batch(self) -> tuple[Tensor, ...]:
        """A batch of the training's size: the first examples, with their context where there is one."""
        dataset, batches = self.loop.dataset, self.loop.batches
        x = dataset.fixed(dataset.train[: batches.batch_size], 0)
        if batches.labelled_mix is None:
            return (x,)
        return x, batches.labelled_mix.contexts(torch.arange(len(x), device=x.device))

    def validate(self) -> None:
        """Validates as a run alone does; a value that is not finite ends it."""
        try:
            self.loop.validate()
        except Diverged:
            self.diverged = True

    def save(self) -> None:
        """Writes the checkpoint that the run alone would write."""
        self.random_state.restore()
        save_state(self.checkpoint, self.loop.state_dict())


class PackedBatches:
    """The next batch of every run, stacked."""

    context: Tensor | None = None

    def __init__(self, streams: Sequence[Batches]) -> None:
        self.streams = streams

    def next(self) -> Tensor:
        """`(runs, batch, *event)`; `context` is then `(runs, batch, classes)`, or None for data without one."""
        x = torch.stack([stream.next() for stream in self.streams])
        contexts = [stream.context for stream in self.streams if stream.context is not None]
        self.context = torch.stack(contexts) if contexts else None
        return x


class PackedLoop(Loop):
    """The loop whose batches and steps are those of several runs.

    Its history is the pack's: its clock is divided among the members that are active, everything else is theirs too.
    Members that have ended step on unheeded.
    """

    step_compiled = False

    def __init__(self, members: Sequence[Member], draws: Sequence[Draw], deadline: Deadline) -> None:
        """`members` stand at one step, and their losses draw `draws`.

        Raises:
            Unpackable: their steps cannot be taken at once.
        """
        lead = members[0].loop
        self.members, self.deadline = members, deadline
        self.entry, self.config, self.device = lead.entry, lead.config, lead.device
        self.history, self.handed_over = replace(lead.history, seconds=0.0), 0.0
        self.price = FlopPrice(self.entry, self.history, runs=len(members))
        self.batches = PackedBatches([member.loop.batches for member in members])  # type: ignore[assignment]
        self.packed = PackedStep(
            [member.loop.trainer for member in members], [member.random_state for member in members], draws
        )
        self.trainer = self.packed  # type: ignore[assignment]

    def learn(self, x: Tensor, progress: float, eager: bool) -> Tensor:
        """Every run's step; their losses before it, `(runs,)`."""
        return self.packed.step(x, progress, self.batches.context, eager)

    def compile(self) -> None:
        """Compiles the step of all where the configuration asks for it; its seconds are divided among them.

        Raises:
            BenchError: it cannot be compiled here.
        """
        mode = chosen_mode(self.config.compile, self.entry, self.device)
        for member in self.members:
            member.loop.history.begin_part(mode)
        if mode == "off":
            return
        self.entry.train()
        batch = tuple(torch.stack([part] * len(self.members)) for part in self.members[0].example_batch())
        seconds = compile_update(self.packed, mode, batch) / len(self.members)
        for member in self.members:
            history = member.loop.history
            history.compile_seconds, history.compiled = (history.compile_seconds or 0.0) + seconds, mode
        self.step_compiled = True

    @property
    def due(self) -> bool:
        """True while these members step on: to leave one out of a compiled step costs another compilation."""
        active = sum(member.active for member in self.members)
        return active > 1 and (2 * active > len(self.members) if self.step_compiled else active == len(self.members))

    def conclude(self, losses: Tensor, first_step: int) -> None:
        """Hands the interval over: to each run its mean loss, its weights, its share of the clock and the counts."""
        self.packed.write_entries()
        common = self.history
        active = [(member, own) for member, own in zip(self.members, losses.T, strict=True) if member.active]
        share = 1 / len(active)
        for member, own in active:
            history = member.loop.history
            history.step, history.flops, history.field_evaluations = common.step, common.flops, common.field_evaluations
            history.counted_flops, history.counted_evaluations = common.counted_flops, common.counted_evaluations
            history.seconds += share * (common.seconds - self.handed_over)
            history.packed = max(history.packed, len(active))
            member.loop.typical_milliseconds = share * self.typical_milliseconds
            try:
                member.loop.conclude(own, first_step)
            except Diverged:
                member.diverged = True
        self.handed_over = common.seconds
