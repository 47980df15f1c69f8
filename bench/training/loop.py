"""The optimisation loop: budget, clock, validation, checkpoint, divergence. One loop for every entry."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import Diverged
from bench.machine.clock import Neighbours, Stopwatch, either, synchronise
from bench.machine.deadline import Deadline
from bench.metrics.compute import count_flops
from bench.models.entry import Entry, HasGrid, field_evaluations
from bench.models.parts.conditional import with_context
from bench.seeds import stream_seed
from bench.training.batches import Batches
from bench.training.checkpoint import load_state, save_state
from bench.training.compiled import Compiled, chosen_mode, compile_step, uncompiled
from bench.training.history import History
from bench.training.validation import Validation

COUNT_EVERY = 10
"""Intervals between two counts of a step's FLOPs: under the counter a step takes two to three times as long."""


Report = Callable[[History, float], None]


def train(
    entry: Entry,
    dataset: Dataset,
    config: Config,
    history: History,
    checkpoint: Path,
    deadline: Deadline,
    report: Report,
) -> None:
    """Trains `entry` within the budget and leaves it with the weights that validated best.

    Goes on from `checkpoint` where there is one, to the same end as if it had never been stopped.

    Args:
        entry: on the device of `dataset`; trained in place.
        dataset: on its device.
        config: the run's.
        history: empty; filled as training goes, and left as far as it came when training fails.
        checkpoint: the file to go on from and to write to.
        deadline: looked at before each step and each validated chunk.
        report: called after each validation with the history and the share of the budget used.

    Raises:
        Diverged: a loss or a validation value is NaN or infinite; a checkpoint from before is left behind.
        TimedOut: the deadline passed; the checkpoint of the last validation is left behind.
    """
    loop = Loop(entry, dataset, config, history, deadline)
    loop.resume_or_begin(checkpoint)
    if not history.ended:
        loop.compile()
    saved_at = history.seconds
    save_after = 0.0 if deadline.seconds else config.train.checkpoint_seconds
    while not history.ended:
        loop.interval()
        loop.validate()
        report(history, loop.progress(history.seconds))
        if history.ended or history.seconds - saved_at >= save_after:
            save_state(checkpoint, loop.state_dict())
            saved_at = history.seconds
    loop.restore_best()


class Loop:
    """The steps between two validations, and the state carried over them."""

    compiling: Compiled | None = None

    def __init__(self, entry: Entry, dataset: Dataset, config: Config, history: History, deadline: Deadline) -> None:
        self.entry, self.dataset, self.config = entry, dataset, config
        self.history, self.deadline = history, deadline
        self.neighbours = Neighbours()
        self.solves_ode = field_evaluations(entry) is not None
        self.device = dataset.train.device
        self.batches = Batches(dataset, config.train.batch_size, config.seed)
        self.trainer = entry.trainer(config.train.optimiser)
        self.validation = Validation(dataset, config)
        self.keep_best()

    def progress(self, seconds: float) -> float:
        """Share of the budget used when the training clock shows `seconds`: that of the nearest limit."""
        budget, history = self.config.budget, self.history
        return max(
            history.step / budget.steps if budget.steps else 0.0,
            seconds / budget.seconds if budget.seconds else 0.0,
            history.flops / budget.flops if budget.flops else 0.0,
        )

    def interval(self) -> None:
        """Steps until the next validation is due or the budget is met.

        In each `COUNT_EVERY`th interval the first step is taken under the FLOP counter, hence off the clock, and
        charged at the median of the rest.

        Raises:
            Diverged: a loss is NaN or infinite; the message names the step.
            TimedOut: the deadline passed.
        """
        history, losses, times = self.history, list[Tensor](), list[float]()
        first_step = history.step + 1
        evaluations = self.evaluations()
        self.entry.train()
        every = self.config.train.validate_every
        counted_seconds = 0.0
        if history.step % (COUNT_EVERY * every) == 0:
            began = self.clock()
            losses.append(self.counted_step())
            synchronise(self.device)
            counted_seconds = self.clock() - began
        began = before = self.clock()
        while not losses or history.step % every:
            progress = self.progress(history.seconds + before - began)
            if losses and progress >= 1:
                break
            losses.append(self.step(progress))
            now = self.clock()
            times.append(now - before)
            before = now
        synchronise(self.device)
        elapsed = self.clock() - began
        if self.device.type == "cuda" and times:
            times = [elapsed / len(times)]
        typical = statistics.median(times) if times else counted_seconds
        history.seconds += elapsed + (typical if counted_seconds else 0.0)
        if self.solves_ode:
            history.field_evaluations = (history.field_evaluations or 0) + self.evaluations() - evaluations
        self.typical_milliseconds = 1e3 * typical
        self.conclude(torch.stack(losses), first_step)

    def conclude(self, losses: Tensor, first_step: int) -> None:
        """Keeps the mean loss of an interval.

        Raises:
            Diverged: a loss is NaN or infinite; the message names the step.
        """
        self.mean_loss = finite_mean(losses, first_step)

    def step(self, progress: float) -> Tensor:
        """One optimisation step at that share of the budget; the mean loss before it.

        Raises:
            Diverged: the entry itself met a NaN or an infinity.
            TimedOut: the deadline passed.
        """
        self.deadline.check()
        evaluations = self.evaluations()
        try:
            loss = self.learn(self.batches.next(), progress)
        except Diverged as reason:
            step = self.history.step + 1
            raise Diverged(f"{reason} at step {step}", step) from reason
        self.history.step += 1
        self.history.flops += self.price(self.evaluations() - evaluations)
        self.charge_compiling()
        return loss

    def learn(self, x: Tensor, progress: float) -> Tensor:
        """The trainer's step; its third argument is the batch's context, where the data have one."""
        if self.batches.context is None:
            return self.trainer.step(x, progress)
        return with_context(self.trainer).step(x, progress, self.batches.context)

    def evaluations(self) -> int:
        """The entry's running count of field evaluations; 0 for an entry that solves no ODE."""
        return (field_evaluations(self.entry) or 0) if self.solves_ode else 0

    def counted_step(self) -> Tensor:
        """One step under the FLOP counter, by which the next ones are priced."""
        history, losses = self.history, list[Tensor]()
        spent, evaluations, progress = history.flops, self.evaluations(), self.progress(history.seconds)
        with uncompiled(self.trainer):
            history.counted_flops = count_flops(lambda: losses.append(self.step(progress)))
        history.counted_evaluations = self.evaluations() - evaluations
        history.flops = spent + history.counted_flops
        return losses[0]

    def price(self, evaluations: int) -> float:
        """FLOPs of a step with so many field evaluations: in proportion to them, or all alike where there are none."""
        history = self.history
        share = evaluations / history.counted_evaluations if history.counted_evaluations else 1.0
        return history.counted_flops * share

    def compile(self) -> None:
        """Compiles the trainer's step where the configuration asks for it, on a clock of its own.

        Raises:
            BenchError: it cannot be compiled here.
        """
        config = self.config
        mode = chosen_mode(config.compile, self.entry, self.device)
        if mode == "off":
            return
        self.entry.train()
        x = self.dataset.fixed(self.dataset.train[: config.train.batch_size], stream_seed(config.seed, "compile"))
        deck = self.batches.deck(x) if mode == "graph" else None
        self.compiling = compile_step(self.trainer, mode, x, deck)
        self.history.compiled, self.compiled_before = mode, self.history.compile_seconds or 0.0
        self.charge_compiling()

    def charge_compiling(self) -> None:
        """Charges what was compiled in steps, too: for a size that a step came to."""
        if self.compiling is not None:
            self.history.compile_seconds = self.compiled_before + self.compiling.seconds

    def clock(self) -> float:
        """Seconds from some moment on, without those of compiling."""
        return time.perf_counter() - (self.compiling.seconds if self.compiling else 0.0)

    def validate(self) -> None:
        """Measures the validation split, keeps the weights if they are the best so far, and says whether to end.

        Raises:
            Diverged: the validation value is NaN or infinite.
        """
        history, patience = self.history, self.config.train.patience
        watch = Stopwatch(self.device)
        with watch:
            try:
                value, history.selected_by = self.validation.value(self.entry, self.deadline)
            except Diverged as reason:
                raise Diverged(f"{reason} in the validation after step {history.step}", history.step) from reason
        history.validation_seconds += watch.seconds
        history.rows.append((history.step, history.seconds, self.mean_loss, value, self.typical_milliseconds))
        if value < history.best_value:
            history.best_step, history.best_value, history.stale = history.step, value, 0
            self.keep_best()
        else:
            history.stale += 1
        out_of_patience = patience is not None and history.stale >= patience
        history.shared_machine = either(history.shared_machine, self.neighbours.shared())
        history.ended = out_of_patience or self.progress(history.seconds) >= 1

    def keep_best(self) -> None:
        """Keeps the weights as they are, and the grid that the last step went along where there is one."""
        self.best_weights = copied_weights(self.entry)
        self.best_grid = list(self.entry.grid) if isinstance(self.entry, HasGrid) else None

    def restore_best(self) -> None:
        """Gives the entry what was kept."""
        self.entry.load_state_dict(self.best_weights)
        if isinstance(self.entry, HasGrid) and self.best_grid is not None:
            self.entry.grid = self.best_grid

    def state_dict(self) -> dict[str, Any]:
        """All that decides how training goes on."""
        cuda = [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return {
            "entry": dict(self.entry.state_dict()),
            "best_weights": self.best_weights,
            "best_grid": self.best_grid,
            "trainer": self.trainer.state_dict(),
            "batches": self.batches.state_dict(),
            "random_states": [torch.get_rng_state(), *cuda],
            "history": asdict(self.history),
        }

    def resume_or_begin(self, checkpoint: Path) -> None:
        """Goes on from `checkpoint`, or begins with the random state that the run's seed gives and writes the first."""
        state = load_state(checkpoint)
        if state is None:
            torch.manual_seed(stream_seed(self.config.seed, "train"))
            save_state(checkpoint, self.state_dict())
            return
        self.entry.load_state_dict(state["entry"])
        self.best_weights = {name: value.to(self.device) for name, value in state["best_weights"].items()}
        self.best_grid = state.get("best_grid")  # a checkpoint of an earlier commit has none
        self.trainer.load_state_dict(state["trainer"])
        self.batches.load_state_dict(state["batches"])
        vars(self.history).update(state["history"])
        on_cpu, *on_cuda = state["random_states"]
        torch.set_rng_state(on_cpu)
        for random_state in on_cuda:
            torch.cuda.set_rng_state(random_state, self.device)


def copied_weights(entry: Entry) -> dict[str, Tensor]:
    """A copy of the entry's parameters and buffers, each in memory of its own (tied ones too)."""
    compact = torch.contiguous_format
    return {name: value.detach().clone(memory_format=compact) for name, value in entry.state_dict().items()}


def finite_mean(losses: Tensor, first_step: int) -> float:
    """The mean of the losses of consecutive steps.

    Raises:
        Diverged: one of them is NaN or infinite.
    """
    bad = torch.nonzero(~torch.isfinite(losses))
    if len(bad):
        step = first_step + int(bad[0])
        raise Diverged(f"the training loss is {losses[bad[0]].item()} at step {step}", step)
    return float(losses.mean())
