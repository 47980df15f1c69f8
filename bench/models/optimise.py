"""The training step: Adam on the loss of one batch, shared by every entry that brings no trainer of its own."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.config import Optimiser
from bench.models.parts.precision import products
from bench.models.parts.weight_average import WeightAverage

ROUNDING = 1e-9
"""Of a share of the budget: sums of steps and seconds fall short of a share by as much."""


@runtime_checkable
class Trainer(Protocol):
    """An optimisation step, and everything it remembers between steps."""

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """Learns from one batch.

        Args:
            x: examples in model space.
            progress: share of the budget already used, in [0, 1].

        Returns:
            The mean loss in nats before the update, detached and left on the device.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, strings, lists and dicts from which the trainer can go on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from `state`."""
        ...


class GradientStep:
    """Adam on the entry's mean loss, gradients clipped by norm, a linear warm-up and a cosine decay of the rate.

    Class attributes:
        packs: whether several runs' steps may be taken as one although a subclass has a `step` of its own: where that
            does nothing to weights or objective. It counts for the very class that says so.

    Attributes:
        objective_by, update_by: slots for a compiled `objective` or `update`, called in place of the method; None while
            the step is eager.
    """

    packs: ClassVar[bool] = True
    objective_by: Callable[[Tensor], Tensor] | None = None
    update_by: Callable[[Tensor], Tensor] | None = None

    def __init__(self, entry: nn.Module, settings: Optimiser, average: WeightAverage | None = None) -> None:
        """Begins with an optimiser that has no moments yet.

        Args:
            entry: what learns.
            settings: of the optimiser.
            average: of the entry's weights, brought up to date after each step; a part of the entry.
        """
        self.entry = entry
        self.settings = settings
        self.average = average
        self.parameters = [p for p in entry.parameters() if p.requires_grad]
        self.adam = adam(self.parameters, settings)

    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """One forward, backward and update."""
        self.count()
        rate = learning_rate(self.settings, progress)
        for group in self.adam.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        update = self.update if self.update_by is None else self.update_by
        return update(x)

    def update(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The step at the rate that is set, in which nothing waits for the device."""
        self.adam.zero_grad()
        objective = self.objective if self.objective_by is None else self.objective_by
        with products(self.settings.precision, x.device):
            loss = objective(x)
        loss.backward()  # type: ignore[no-untyped-call]
        clip(self.parameters, self.settings.clip_norm)
        self.adam.step()
        if self.average is not None:
            self.average.update(self.entry)
        return loss.detach()

    def objective(self, x: Float[Tensor, "batch *event"]) -> Float[Tensor, ""]:
        """The scalar that the step descends, in nats: the mean loss; a subclass may add a penalty on the batch."""
        mean: Tensor = self.entry.loss(x).mean()  # type: ignore[operator]
        return mean

    def count(self) -> None:
        """Counts a step's field evaluations, in Python: a compiled step repeats no such side effect. Here nothing."""

    def sizes(self) -> tuple[int, ...]:
        """Sizes of a step beside those of the batch, for each of which it is compiled anew. Here none."""
        return ()

    def settled(self) -> bool:
        """True when `sizes` are those of a step, False when the next step sets them for the first time."""
        return True

    def hold_rate_on_device(self) -> None:
        """Keeps the learning rate in a tensor, from which a CUDA graph reads it."""
        for group in self.adam.param_groups:
            group["lr"] = torch.tensor(float(group["lr"]), device=self.parameters[0].device)
            group["capturable"] = True

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments and step counts."""
        return self.adam.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from another step's moments."""
        self.adam.load_state_dict(state)
        lay_as_parameters(self.adam)


def adam(
    parameters: Iterable[nn.Parameter], settings: Optimiser, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Adam:
    """Adam at the rate of `settings`; with a decay of weights AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), which
    takes rate · decay · w from each weight w at a step, beside Adam's own change."""
    if settings.weight_decay == 0:
        return torch.optim.Adam(parameters, lr=settings.learning_rate, betas=betas, fused=True)
    decay = settings.weight_decay
    return torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=betas, weight_decay=decay, fused=True)


def lay_as_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Lays moments in memory as their parameters lie there.

    A checkpoint holds them in the plain order. Fused Adam goes through memory as it comes (torch 2.13): beside weights
    that lie channels last it would pair each with another one's moments.
    """
    for parameter, memory in optimiser.state.items():
        for name, value in memory.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                memory[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def clip(parameters: Sequence[nn.Parameter], largest: float) -> None:
    """Scales the gradients down to the norm `largest`, as `clip_grad_norm_` does, bit for bit.

    It multiplies by 1 what needs no scaling, which on a GPU is cheaper than to ask. On a CPU asking is free.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients, foreach=True)
    if norm.is_cuda or not norm + 1e-6 <= largest:  # NaN too
        nn.utils.clip_grads_with_norm_(parameters, largest, norm, foreach=True)


class NoStep:
    """The trainer of an entry that is fitted in closed form: reports the loss and changes nothing."""

    def __init__(self, entry: nn.Module) -> None:
        self.entry = entry

    @torch.no_grad()
    def step(self, x: Float[Tensor, "batch *event"], progress: float) -> Float[Tensor, ""]:
        """The mean loss."""
        mean: Tensor = self.entry.loss(x).mean()  # type: ignore[operator]
        return mean

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


def learning_rate(settings: Optimiser, progress: float) -> float:
    """The learning rate when a share `progress` of the budget is used: linear up, then a cosine down to `final`."""
    if progress < settings.warmup:
        return settings.learning_rate * (progress / settings.warmup)
    share = (progress - settings.warmup) / (1 - settings.warmup)
    height = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return settings.learning_rate * (settings.final + (1 - settings.final) * height)
