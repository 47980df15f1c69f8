"""The problem that all methods on the ladder share: data, field, first weights, batches, optimiser, one evaluator."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from bench.config import Optimiser
from bench.laws.gaussian import standard_normal_log_prob
from bench.models.parts.networks import spread
from bench.ode.field import ConcatSquashField
from bench.ode.fused import solve_fused
from bench.ode.plan import planned
from bench.ode.runge_kutta import uniform
from bench.ode.tableau import RK4
from bench.seeds import stream_seed
from bench.setup import build
from bench.setup.compose import compose
from bench.training.batches import Batches

Weights = dict[str, Tensor]
"""The field's parameters by name."""

EVALUATION_STEPS = 16
"""Steps of RK4 of the one evaluator: four times the training's."""


def constant_rate() -> Optimiser:
    """Adam as the bench has it, its rate held constant: no method knows beforehand when it will end."""
    return Optimiser(warmup=0.0, final=1.0)


@dataclass(frozen=True)
class Setting:
    """The comparison's fixed choices.

    Attributes:
        data: overrides that name the data set.
        width: hidden units of the field, half of them in each layer, tanh between.
        batch_size: examples a step.
        steps: of every fixed grid.
        tolerance: rtol and atol of every adaptive solver.
        warm_steps: training steps after which methods are timed: a new field is so smooth that it costs an adaptive
            solver less than any later one.
        optimiser: the step that all take.
    """

    data: tuple[str, ...] = ("data=digits",)
    width: int = 512
    batch_size: int = 256
    steps: int = 4
    tolerance: float = 1e-5
    warm_steps: int = 300
    optimiser: Optimiser = field(default_factory=constant_rate)


class Size:
    """The setting in so many coordinates, on a device: all that a method must know to start."""

    def __init__(self, setting: Setting, dim: int, device: torch.device) -> None:
        self.setting, self.dim, self.device = setting, dim, device

    def new_field(self, final_gain: float = 0.01) -> ConcatSquashField:
        """A field of the setting's size, its weights drawn from torch's generator; see `ConcatSquashField`."""
        first, second = spread(self.setting.width, [1, 1])
        return ConcatSquashField(self.dim, (first, second), final_gain=final_gain).to(self.device)

    def field(self, weights: Weights) -> ConcatSquashField:
        """A field of the setting's size with these weights."""
        flow_field = self.new_field()
        flow_field.load_state_dict(weights)
        return flow_field


class Problem(Size):
    """The setting with its data."""

    def __init__(self, setting: Setting, device: torch.device) -> None:
        self.dataset = build.dataset(compose([*setting.data])).to(device)
        super().__init__(setting, self.dataset.spec.dim, device)
        self.validation = self.dataset.fixed(self.dataset.validation, stream_seed(0, "validation")).flatten(1)

    def first_weights(self, seed: int) -> Weights:
        """Those of a new field; `seed` alone decides."""
        with torch.random.fork_rng([]):
            torch.manual_seed(stream_seed(seed, "init"))
            return copied(self.new_field())

    def batches(self, seed: int) -> Batches:
        """The batches of a run with that seed, in its order."""
        return Batches(self.dataset, self.setting.batch_size, seed)

    def nll(self, weights: Weights, finer: int = 1) -> float:
        """Mean validation NLL in nats of model space, the same solver whoever trained; its steps cut into `finer`."""
        with torch.no_grad():
            return float(exact_nll(self.field(weights), self.validation, finer * EVALUATION_STEPS).mean())


def next_batches(batches: Batches, n: int) -> Float[Tensor, "n batch dim"]:
    """The next `n` batches, each example laid flat."""
    return torch.stack([batches.next().flatten(1) for _ in range(n)])


def exact_nll(flow_field: ConcatSquashField, x: Float[Tensor, "batch dim"], steps: int) -> Float[Tensor, " batch"]:
    """-log p(x) in nats on a uniform grid of RK4, with the exact divergence."""
    solution = solve_fused(flow_field, x, planned(uniform(steps), RK4))
    return -standard_normal_log_prob(solution.x) - solution.log_det


def copied(flow_field: ConcatSquashField) -> Weights:
    """A copy of the field's parameters."""
    return {name: value.detach().clone() for name, value in flow_field.state_dict().items()}
