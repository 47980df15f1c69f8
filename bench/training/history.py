"""The history of a run's training: steps, clocks, FLOPs, validations; history.csv."""

import statistics
from dataclasses import dataclass, field

HISTORY_HEADER = "step,train_seconds,train_loss_nats,val_nll_nats"


@dataclass
class History:
    """Everything that a checkpoint keeps beside tensors.

    Attributes:
        step: optimisation steps taken.
        seconds: on the training clock.
        validation_seconds: on the evaluation clock.
        flops: of all steps.
        counted_flops, counted_evaluations: FLOPs and field evaluations of the last step taken under the FLOP counter.
        field_evaluations: of all steps; None for an entry that solves no ODE.
        best_step, best_value: step of the kept weights and their validation value.
        best_at: share of the budget that was used by then.
        ended: whether a limit was met or training stopped early.
        selected_by: the name of the validation value, such as `nll(exact)`, which is in nats, or `mmd2`.
        shared_machine: whether others used the machine while training ran; None while too short to tell.
        compiled: how the step is compiled, `step` or `graph`; None for an eager one.
        parts: `[first step, how]` of each part of a training that was resumed, `off` for an eager one.
        compile_seconds: on the compilation clock; None for an eager step.
        packed: most runs that this one was trained together with, itself counted: 1 for a run trained alone.
        rows: one `(step, train_seconds, train_loss_nats, validation value, step_milliseconds)` a validation.
    """

    step: int = 0
    seconds: float = 0.0
    validation_seconds: float = 0.0
    flops: float = 0.0
    counted_flops: int = 0
    counted_evaluations: int = 0
    field_evaluations: int | None = None
    best_step: int = 0
    best_value: float = float("inf")
    best_at: float = 0.0
    ended: bool = False
    selected_by: str | None = None
    shared_machine: bool | None = None
    compiled: str | None = None
    parts: list[list[int | str]] = field(default_factory=list)
    compile_seconds: float | None = None
    packed: int = 1
    rows: list[tuple[int, float, float, float, float]] = field(default_factory=list)

    @property
    def val_nll_nats(self) -> float | None:
        """The validation NLL of the kept weights; None where another value chose them."""
        return self.best_value if self.rows and self.by_likelihood else None

    @property
    def by_likelihood(self) -> bool:
        """True where the validation value is an NLL."""
        return (self.selected_by or "").startswith("nll")

    @property
    def step_milliseconds(self) -> float | None:
        """Median over validations of the median time of a step between them; None before the first."""
        return statistics.median(row[-1] for row in self.rows) if self.rows else None

    def begin_part(self, mode: str) -> None:
        """Notes how the step is compiled from here on; `off` is an eager one."""
        if not self.parts or self.parts[-1][1] != mode:
            self.parts.append([self.step, mode])

    def how_compiled(self) -> str | None:
        """How the step was compiled, each part of a resumed training by itself where they differ."""
        if len(self.parts) < 2:
            return self.compiled
        return ", ".join(f"{mode} from step {step}" for step, mode in self.parts)

    def csv_text(self) -> str:
        """history.csv: a line for each validation; val_nll_nats is empty where it is not what validates."""
        lines = [",".join([*map(repr, row[:3]), repr(row[3]) if self.by_likelihood else ""]) for row in self.rows]
        return "\n".join([HISTORY_HEADER, *lines]) + "\n"
