"""The optimisation loop: steps, validation, checkpoints, the end of the budget. One loop for every entry."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config import VALIDATIONS, Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, Diverged
from bench.machine.clock import Neighbours, Stopwatch, either
from bench.machine.deadline import Deadline
from bench.machine.stage import Stage, Watch, unwatched
from bench.models.entry import Entry
from bench.models.optimise import ROUNDING
from bench.models.parts.conditional import with_context
from bench.models.parts.evaluation_weights import evaluation_weights
from bench.record.reading import SHOWN
from bench.record.typed import cut
from bench.seeds import stream_seed
from bench.training.batches import Batches
from bench.training.best_weights import BestWeights
from bench.training.checkpoint import load_state, save_state
from bench.training.clocks import CompileClock, IntervalClock
from bench.training.compile_step import Compiled, chosen_mode, compile_step, eager_step
from bench.training.early_stopping import is_best, out_of_patience
from bench.training.flop_price import FlopPrice
from bench.training.history import History
from bench.training.validation import Validation

Report = Callable[[History, float], None]


def train(
    entry: Entry,
    dataset: Dataset,
    config: Config,
    history: History,
    checkpoint: Path,
    deadline: Deadline,
    report: Report,
    watch: Watch = unwatched,
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
        watch: told when the step is compiled, and when training begins.

    Raises:
        Diverged: a loss or a validation value is NaN or infinite; a checkpoint from before is left behind.
        TimedOut: the deadline passed; the checkpoint of the last validation is left behind.
    """
    loop = Loop(entry, dataset, config, history, deadline)
    loop.resume_or_begin(checkpoint)
    if not history.ended:
        if config.compile != "off":
            watch(Stage("compile"))
        loop.compile()
        watch(Stage("train", loop.progress(history.seconds)))
    saved_at = history.seconds
    save_after = 0.0 if deadline.seconds else config.train.checkpoint_seconds
    while not history.ended:
        loop.interval()
        loop.validate()
        report(history, loop.progress(history.seconds))
        if history.ended or history.seconds - saved_at >= save_after:
            save_state(checkpoint, loop.state_dict())
            saved_at = history.seconds
    loop.best.restore(entry)


class Loop:
    """The steps between two validations, and the state carried over them.

    Attributes:
        price: FLOPs of a step.
        best: the weights that validated best.
        compile_clock: None while the step is eager.
        mean_loss, typical_milliseconds: of the last interval's steps.
    """

    compile_clock: CompileClock | None = None
    mean_loss: float
    typical_milliseconds: float = 0.0

    def __init__(self, entry: Entry, dataset: Dataset, config: Config, history: History, deadline: Deadline) -> None:
        self.entry, self.dataset, self.config = entry, dataset, config
        self.history, self.deadline = history, deadline
        self.neighbours = Neighbours()
        self.device = dataset.device
        self.batches = Batches(dataset, config.train.batch_size, config.seed, config.budget.steps)
        self.trainer = entry.trainer(config.train.optimiser)
        self.validation = Validation(dataset, config)
        self.price = FlopPrice(entry, history)
        self.best = BestWeights(entry)

    @property
    def compiled(self) -> Compiled | None:
        """The compiled part of the step; None while it is eager."""
        return self.compile_clock.compiled if self.compile_clock else None

    def progress(self, seconds: float) -> float:
        """Share of the budget used when the training clock shows `seconds`: that of the nearest limit."""
        budget, history = self.config.budget, self.history
        return max(
            history.step / budget.steps if budget.steps else 0.0,
            seconds / budget.seconds if budget.seconds else 0.0,
            history.flops / budget.flops if budget.flops else 0.0,
        )

    def intervals(self, seconds: float) -> int:
        """Whole intervals between validations when the training clock shows `seconds`."""
        every = self.config.train.validate_every
        return self.history.step // every if every else int(VALIDATIONS * self.progress(seconds) + ROUNDING)

    def interval(self) -> None:
        """Steps until the next validation is due or the budget is met.

        In each `COUNT_EVERY`th interval the first step is taken under the FLOP counter, hence off the clock, and
        charged at the median of the rest.

        Raises:
            Diverged: a loss is NaN or infinite; the message names the step.
            TimedOut: the deadline passed.
        """
        history, price, losses = self.history, self.price, list[Tensor]()
        first_step, evaluations = history.step + 1, price.evaluations()
        begun = self.intervals(history.seconds)
        self.entry.train()
        clock = IntervalClock(self.device, self.compiled)
        if price.count_due(begun):
            with clock.aside():
                progress = self.progress(history.seconds)
                # A compiled graph would hide its operations from the counter.
                losses.append(price.count(lambda: self.step(progress, eager=True)))
        while not losses or self.intervals(history.seconds + clock.elapsed) == begun:
            progress = self.progress(history.seconds + clock.elapsed)
            if losses and progress >= 1:
                break
            losses.append(self.step(progress))
            clock.lap()
        seconds, typical = clock.stop(self.typical_milliseconds / 1e3)
        history.seconds += seconds
        if price.solves_ode:
            history.field_evaluations = (history.field_evaluations or 0) + price.evaluations() - evaluations
        self.typical_milliseconds = 1e3 * typical
        # Only now are losses looked at: to look at each would make its step wait for the device.
        self.conclude(torch.stack(losses), first_step)

    def conclude(self, losses: Tensor, first_step: int) -> None:
        """Keeps the mean loss of an interval.

        Raises:
            Diverged: a loss is NaN or infinite; the message names the step.
        """
        self.mean_loss = finite_mean(losses, first_step)

    def step(self, progress: float, eager: bool = False) -> Tensor:
        """One optimisation step at that share of the budget, uncompiled where `eager`; the mean loss before it.

        Raises:
            Diverged: the entry itself met a NaN or an infinity.
            TimedOut: the deadline passed.
        """
        self.deadline.check()
        evaluations = self.price.evaluations()
        try:
            loss = self.learn(self.batches.next(), progress, eager)
        except Diverged as reason:
            step = self.history.step + 1
            raise Diverged(f"{reason} at step {step}", step) from reason
        self.history.step += 1
        self.price.charge(self.price.evaluations() - evaluations)
        if self.compile_clock is not None:
            self.compile_clock.charge()
        return loss

    def learn(self, x: Tensor, progress: float, eager: bool) -> Tensor:
        """The trainer's step; its third argument is the batch's context, where the data have one."""
        with eager_step(self.trainer) if eager else nullcontext():
            if self.batches.context is None:
                return self.trainer.step(x, progress)
            return with_context(self.trainer).step(x, progress, self.batches.context)

    def compile(self) -> None:
        """Compiles the trainer's step where the configuration asks for it, on a clock of its own.

        Raises:
            BenchError: it cannot be compiled here.
        """
        config = self.config
        mode = chosen_mode(config.compile, self.entry, self.device)
        self.history.begin_part(mode)
        self.history.compiled = None if mode == "off" else mode
        if mode == "off":
            return
        self.entry.train()
        # With noise of its own, so that the batches of training are those of an eager run.
        x = self.dataset.fixed(self.dataset.train[: config.train.batch_size], stream_seed(config.seed, "compile"))
        buffer = self.batches.buffer_for(x) if mode == "graph" else None
        self.compile_clock = CompileClock(self.history, compile_step(self.trainer, mode, x, buffer))

    def validate(self) -> None:
        """Measures the validation split, keeps the weights if they are the best so far, and says whether to end.

        Raises:
            Diverged: the validation value is NaN or infinite.
        """
        history, patience, share = self.history, self.config.train.patience, self.progress(self.history.seconds)
        watch = Stopwatch(self.device)
        with evaluation_weights(self.entry):
            with watch:
                try:
                    value, history.selected_by = self.validation.value(self.entry, self.deadline)
                except Diverged as reason:
                    raise Diverged(f"{reason} in the validation after step {history.step}", history.step) from reason
            history.validation_seconds += watch.seconds
            history.rows.append((history.step, history.seconds, self.mean_loss, value, self.typical_milliseconds))
            if is_best(history, value, share):
                self.best.keep(self.entry)
        history.shared_machine = either(history.shared_machine, self.neighbours.shared())
        history.ended = out_of_patience(history, patience, share) or share >= 1

    def state_dict(self) -> dict[str, Any]:
        """The checkpoint: all state from which training goes on, to the same end bit for bit."""
        cuda = [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return {
            "entry": dict(self.entry.state_dict()),
            **self.best.state_dict(),
            "trainer": self.trainer.state_dict(),
            "batches": self.batches.state_dict(),
            "random_states": [torch.get_rng_state(), *cuda],
            "history": asdict(self.history),
        }

    def resume_or_begin(self, checkpoint: Path) -> None:
        """Goes on from `checkpoint`, or begins with the random state that the run's seed gives and writes the first.

        Raises:
            BenchError: the checkpoint holds the state of another entry or loop.
        """
        state = load_state(checkpoint)
        if state is None:
            torch.manual_seed(stream_seed(self.config.seed, "train"))
            save_state(checkpoint, self.state_dict())
            return
        try:
            self.load_state_dict(state)
        except torch.OutOfMemoryError:
            raise
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = cut(" ".join(str(error).split()), SHOWN)
            raise BenchError(f"{checkpoint} is of other code ({reason}); remove it to train anew") from error

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes a checkpoint."""
        self.entry.load_state_dict(state["entry"])
        self.best.load_state_dict(state, self.device)
        self.trainer.load_state_dict(state["trainer"])
        self.batches.load_state_dict(state["batches"])
        vars(self.history).update(state["history"])
        # Last, as what is loaded before may draw.
        on_cpu, *on_cuda = state["random_states"]
        torch.set_rng_state(on_cpu)
        for random_state in on_cuda:
            torch.cuda.set_rng_state(random_state, self.device)


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
