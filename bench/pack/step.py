"""The gradient step of several runs at once: `GradientStep` over stacked parameters, a plain function of tensors."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, vmap

from bench.config import Optimiser
from bench.models.optimise import GradientStep, Trainer, lay_as_parameters, learning_rate
from bench.models.parts.conditional import ConditionalStep
from bench.pack.draws import Draw, RandomState, Replay, Unpackable, drawn_for
from bench.pack.settings import differing, stacked, with_buffers

OPEN = frozenset({"__init__", "objective"})
"""Methods of `GradientStep` that a trainer may override: `PackedStep` takes the place of all others."""


def packable(trainers: Sequence[Trainer]) -> list[GradientStep]:
    """Check that the steps of `trainers` can be taken at once, and return them.

    Raises:
        Unpackable: trainers differ in kind, parameters in type, weights are averaged, products are of bfloat16, or one
            has a step of its own and does not say that it `packs`.
    """
    kind = type(trainers[0])
    if {type(trainer) for trainer in trainers} != {kind}:
        raise Unpackable("by its options runs take different steps")
    steps = [trainer for trainer in trainers if isinstance(trainer, GradientStep)]
    if len(steps) < len(trainers) or overridden(kind) - OPEN:
        raise Unpackable(f"{kind.__name__} takes a step of its own")
    if any(step.average is not None for step in steps):
        raise Unpackable("its weights are averaged")
    if any(step.settings.precision != "float32" for step in steps):
        raise Unpackable("it trains in bfloat16")
    if len({parameter.dtype for parameter in steps[0].parameters}) != 1:
        raise Unpackable("its parameters are not of one type of number")
    return steps


def overridden(kind: type[Trainer]) -> set[str]:
    """Methods of `GradientStep` that a subclass overrides, without `packs = True` in the class that does."""
    own = [cls for cls in kind.__mro__ if cls not in GradientStep.__mro__ and not vars(cls).get("packs")]
    methods = {name for name, value in vars(GradientStep).items() if callable(value)}
    return methods & {name for cls in own for name in vars(cls)}


class ObjectiveModule(nn.Module):
    """A trainer's objective as a module, so that its entry's tensors can be replaced by one run's."""

    def __init__(self, trainer: GradientStep) -> None:
        super().__init__()
        self.entry, self.trainer = trainer.entry, trainer

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The mean loss in nats."""
        if not isinstance(self.trainer, ConditionalStep):
            return self.trainer.objective(x)
        self.trainer.context = context
        try:
            return self.trainer.objective(x)
        finally:
            self.trainer.context = None


class PackedStep:
    """Adam on each run's mean loss, its gradient clipped by its own norm, at its own learning rate.

    The entry of the first run is the template through which the losses of all are computed; of what those of the others
    hold beside tensors, numbers with a fraction alone are looked at.

    Attributes:
        parameters, first, second: trainable parameters and Adam's two moments, `(runs, parameters)`.
        buffers: other tensors that an entry's state holds, frozen parameters too, by name, `(runs, *shape)`.
        numbers: settings in which the runs' entries differ, by name, `(runs,)`.
        largest: each run's norm to clip at, `(runs, 1)`.
        decay: each run's decay of weights, `(runs, 1)`; None where no run has one.
        steps_of_adam: that Adam has taken.
        update_by: slot for a compiled `update`, called in its place; None while the step is eager.
    """

    update_by: Callable[..., Any] | None = None

    def __init__(self, trainers: Sequence[Trainer], states: Sequence[RandomState], draws: Sequence[Draw]) -> None:
        """Stacks the tensors of all runs, from their trainers and entries.

        Raises:
            Unpackable: see `packable`.
        """
        self.trainers, self.states, self.draws = packable(trainers), states, draws
        numbers = differing([trainer.entry for trainer in self.trainers])
        template = with_buffers(self.trainers[0], list(numbers))
        self.module = ObjectiveModule(template)
        self.names = [f"entry.{name}" for name, value in template.entry.named_parameters() if value.requires_grad]
        self.shapes = [parameter.shape for parameter in template.parameters]
        self.parameters = rows(trainer.parameters for trainer in self.trainers)
        buffers = [buffers_of(trainer.entry) for trainer in self.trainers]
        self.buffers = {name: torch.stack([tensors[name] for tensors in buffers]) for name in buffers[0]}
        self.numbers = stacked(numbers, self.parameters)
        self.largest = self.parameters.new_tensor([[trainer.settings.clip_norm] for trainer in self.trainers])
        decay = [[trainer.settings.weight_decay] for trainer in self.trainers]
        self.decay = self.parameters.new_tensor(decay) if any(one for (one,) in decay) else None
        self.schedules = schedules([trainer.settings for trainer in self.trainers], self.parameters)
        states_of_adam = [AdamState(trainer) for trainer in self.trainers]
        if len({state.steps_of_adam for state in states_of_adam}) != 1:
            raise Unpackable("its runs stand at different steps")
        self.steps_of_adam = states_of_adam[0].steps_of_adam
        self.first, self.second = rows(m.first for m in states_of_adam), rows(m.second for m in states_of_adam)

    def step(
        self,
        x: Float[Tensor, "runs batch *event"],
        progress: float,
        context: Tensor | None = None,
        eager: bool = False,
    ) -> Float[Tensor, " runs"]:
        """One forward, backward and update of every run, each on its own batch; the mean losses before it.

        With `eager` what is compiled is left aside, so that operations can be counted.
        """
        batch = (x,) if context is None else (x, context)
        self.steps_of_adam += 1
        for trainer in self.trainers:
            trainer.count()
        drawn = drawn_for(self.states, self.draws)
        update = self.update if eager or self.update_by is None else self.update_by
        losses: Tensor
        self.parameters, self.first, self.second, self.buffers, losses = update(
            self.parameters, self.first, self.second, self.buffers, batch, drawn, self.scales(progress)
        )
        return losses

    def scales(self, progress: float) -> tuple[Tensor, ...]:
        """Adam's factors at this step: each run's learning rate over the first moment's bias, `(runs, 1)`, and the root
        of the other's bias. Where weights decay, the rates themselves come third.

        The biases are worked out in double precision, as in torch's own Adam: in single, 1 - 0.999 has four digits.
        Nothing is copied to the device, which would wait for it: runs of one schedule differ in a factor alone.
        """
        bias, square_bias = (1 - beta**self.steps_of_adam for beta in self.trainers[0].adam.defaults["betas"])
        # A run has a rate in the schedule that it follows and 0 in the others, so that their sum is each run's own
        # rate.
        scales = [rates * (learning_rate(schedule, progress) / bias) for schedule, rates in self.schedules]
        rates = sum(scales[1:], scales[0])
        root = scales[0].new_full((), square_bias**0.5)
        return (rates, root) if self.decay is None else (rates, root, rates * bias)

    def update(
        self,
        parameters: Tensor,
        first: Tensor,
        second: Tensor,
        buffers: dict[str, Tensor],
        batch: tuple[Tensor, ...],
        drawn: list[Tensor],
        scales: tuple[Tensor, ...],
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor], Tensor]:
        """Parameters, moments, other tensors and losses after a step: a pure function of what it is given.

        Adam as in Kingma & Ba (2015, arXiv:1412.6980), algorithm 1.
        """
        gradient, losses, buffers = self.gradients(parameters, buffers, batch, drawn)
        adam = self.trainers[0].adam.defaults
        # As torch's clip_grad_norm_, its 1e-6 too, but by each run's own norm.
        norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient = gradient * torch.clamp(self.largest / (norm + 1e-6), max=1.0)
        decay, square_decay = adam["betas"]
        first = torch.lerp(first, gradient, 1 - decay)
        second = second * square_decay + (1 - square_decay) * gradient.square()
        # ε is added after the second moment's bias is divided out, the rate has that of the first: rates (m / (√v /
        # root + ε)).
        rates, root, *plain_rates = scales
        if self.decay is not None:  # as in AdamW, before the step and whatever the gradient
            parameters = parameters * (1 - plain_rates[0] * self.decay)
        return parameters - rates * first / (second.sqrt() / root + adam["eps"]), first, second, buffers, losses

    def gradients(
        self, parameters: Tensor, buffers: dict[str, Tensor], batch: tuple[Tensor, ...], drawn: list[Tensor]
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Gradient `(runs, parameters)`, losses `(runs,)` and other tensors as the losses leave them.

        No run's loss depends on another's parameters, so that one gradient of their sum is the gradient of each.
        """

        def total(parameters: Tensor, buffers: dict[str, Tensor]) -> tuple[Tensor, tuple[Tensor, dict[str, Tensor]]]:
            losses, after = vmap(self.loss)(parameters, buffers, batch, drawn, self.numbers)
            return losses.sum(), (losses, after)

        gradient, (losses, after) = torch.func.grad(total, has_aux=True)(parameters, buffers)
        return gradient, losses, after

    def loss(
        self,
        parameters: Tensor,
        buffers: dict[str, Tensor],
        batch: tuple[Tensor, ...],
        drawn: list[Tensor],
        numbers: dict[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One run's mean loss, and its other tensors afterwards.

        Raises:
            Unpackable: the loss draws less than when it was recorded.
        """
        # A loss may write into buffers, such as moving averages; what it leaves there is returned, and nothing shared
        # changes.
        buffers = {name: value.clone() for name, value in buffers.items()}
        tensors = dict(zip(self.names, self.pieces(parameters), strict=True)) | buffers | numbers
        left = list(drawn)
        with Replay(left):
            loss = functional_call(self.module, tensors, batch)
        if left:
            raise Unpackable("its loss does not draw the same at every step")
        return loss, {name: tensors[name] for name in buffers}

    def pieces(self, row: Tensor) -> list[Tensor]:
        """One run's row of numbers as tensors of the parameters' shapes."""
        parts = torch.split(row, [shape.numel() for shape in self.shapes])
        return [part.view(shape) for part, shape in zip(parts, self.shapes, strict=True)]

    @torch.no_grad()
    def write_entries(self) -> None:
        """Copies parameters and buffers of the pack into every run's entry."""
        for run, trainer in enumerate(self.trainers):
            torch._foreach_copy_(list[Tensor](trainer.parameters), self.pieces(self.parameters[run]))
            for name, place in buffers_of(trainer.entry).items():
                place.copy_(self.buffers[name][run])

    def write_trainers(self) -> None:
        """Copies step count and moments of the pack into the Adam of every run's trainer."""
        for run, trainer in enumerate(self.trainers):
            moments = zip(self.pieces(self.first[run].clone()), self.pieces(self.second[run].clone()), strict=True)
            state = {
                i: {"step": torch.tensor(float(self.steps_of_adam)), "exp_avg": first, "exp_avg_sq": second}
                for i, (first, second) in enumerate(moments)
            }
            trainer.adam.load_state_dict({**trainer.adam.state_dict(), "state": state})
            lay_as_parameters(trainer.adam)


def schedules(settings: Sequence[Optimiser], like: Tensor) -> list[tuple[Optimiser, Float[Tensor, "runs 1"]]]:
    """Each schedule of the learning rate at a rate of 1, and the rates of the runs that follow it, 0 for the others."""
    by_schedule: dict[tuple[float, float], list[list[float]]] = {}
    for run, own in enumerate(settings):
        by_schedule.setdefault((own.warmup, own.final), [[0.0] for _ in settings])[run] = [own.learning_rate]
    return [
        (Optimiser(learning_rate=1.0, warmup=warmup, final=final), like.new_tensor(rates))
        for (warmup, final), rates in by_schedule.items()
    ]


class AdamState:
    """The state of a trainer's Adam, all of it 0 before the first step.

    Attributes:
        steps_of_adam: that it has taken.
        first, second: moments of the gradient and of its square, a tensor for each parameter.
    """

    def __init__(self, trainer: GradientStep) -> None:
        state: dict[int, dict[str, Any]] = trainer.adam.state_dict()["state"]
        self.steps_of_adam = max((int(known["step"]) for known in state.values()), default=0)
        blank = {i: torch.zeros_like(parameter) for i, parameter in enumerate(trainer.parameters)}
        self.first = [state[i]["exp_avg"] if i in state else blank[i] for i in blank]
        self.second = [state[i]["exp_avg_sq"] if i in state else blank[i] for i in blank]


def rows(runs: Any) -> Float[Tensor, "runs numbers"]:
    """Each run's tensors as one row."""
    return torch.stack([torch.cat([tensor.detach().flatten() for tensor in tensors]) for tensors in runs])


def buffers_of(entry: nn.Module) -> dict[str, Tensor]:
    """Tensors of an entry's state beside trained parameters, named as in `ObjectiveModule`; all others are constant."""
    held = entry.state_dict(keep_vars=True)
    named = {**dict(entry.named_parameters()), **dict(entry.named_buffers())}
    untrained = {name: value for name, value in named.items() if name in held and not value.requires_grad}
    return {f"entry.{name}": value.detach() for name, value in untrained.items()}
