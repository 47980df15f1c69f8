"""Flow matching: a field learned by regression, without a solver (Lipman et al. 2023, arXiv:2210.02747).

An example x at t = 0 and a draw z ~ N(0, I) at t = 1 are joined by the straight path (1 - t) x + t z, whose velocity is
z - x. The field that minimises

    E |f(t, (1 - t) x + t z) - (z - x)|²,  t uniform on [0, 1],

is the mean velocity of the paths through a point, and its flow takes the data's law to N(0, I). That holds however x
and z are paired as long as each keeps its own law (Tong et al. 2024, arXiv:2302.00482, section 3, with σ = 0): drawn
independently, or by optimal transport within a batch, whose paths are shorter and cross less.
"""

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from bench.config import Optimiser
from bench.errors import unknown
from bench.laws.gaussian import standard_normal_log_prob
from bench.models.entry import Context
from bench.models.optimise import GradientStep, Trainer
from bench.models.parts.ode_flow import ODEFlow
from bench.models.parts.vector_field import VectorField

Coupling = Callable[[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]], Float[Tensor, "batch dim"]]
"""Draws z in the order in which they go with the examples x."""

Velocity = Callable[[Float[Tensor, " batch"], Float[Tensor, "batch dim"]], Float[Tensor, "batch dim"]]
"""A field at a time for each example."""


class TimedField(VectorField, Protocol):
    """A field that also takes a time for each example."""

    def at_times(self, times: Float[Tensor, " batch"], x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """f(t_i, x_i)."""
        ...


class Matched(ODEFlow):
    """A flow along a field that is learned by regression. `nfe` counts evaluations of the field, one per batch.

    It counts those of training steps and of densities, not that of a call of `loss`, which is no likelihood.

    Attributes:
        coupling: how a batch is paired with draws of z, set by the subclass.
    """

    compiled_with = "model.coupling=independent"
    field: TimedField
    coupling: Coupling

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log N(z - x; f, I): the nats of a Gaussian of unit variance around the field at one point of a path.

        An example's depends on its batch through the z that optimal transport gives it.
        """
        return matching_loss(self.field.at_times, x.flatten(1), self.coupling)

    def trainer(self, settings: Optimiser) -> Trainer:
        """The usual gradient step."""
        return CountedStep(self, settings)

    def compiles(self) -> Literal["no", "works", "pays"]:
        """`works` where no assignment is solved on the CPU."""
        return "works" if self.coupling is independent else "no"


class CountedStep(GradientStep):
    """The usual step, which counts its evaluation of the field."""

    packs = True
    entry: Matched

    def count(self) -> None:
        """Adds the batch's one evaluation."""
        self.entry.nfe += 1


def matching_loss(field: Velocity, x: Float[Tensor, "batch dim"], coupling: Coupling) -> Float[Tensor, " batch"]:
    """-log N(z - x; f(t, (1 - t) x + t z), I) in nats for a draw of z and a time t of each example."""
    z = coupling(x, torch.randn_like(x))
    times = spread_times(x)
    velocity = field(times, torch.lerp(x, z, times.unsqueeze(1)))
    # z - x is the velocity of the straight path at every t: the regression's target depends on no t.
    return -standard_normal_log_prob(velocity - (z - x))


def spread_times(x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
    """A time for each of x: an even grid on [0, 1), shifted around by one uniform draw.

    Each time by itself is uniform, and a batch covers the interval evenly: the low-discrepancy sampler of Kingma et al.
    (2021, arXiv:2107.00630, appendix I). It costs nothing; on digits, where the draws of z count for more, it takes 2 %
    off the gradient's variance at a batch of 256.
    """
    n = len(x)
    grid = torch.arange(n, dtype=x.dtype, device=x.device) / n
    return (grid + torch.rand((), dtype=x.dtype, device=x.device)) % 1


def independent(x: Float[Tensor, "batch dim"], z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    """z as they were drawn."""
    return z


def optimal_transport(x: Float[Tensor, "batch dim"], z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    """z in the order that minimises Σ |x_i - z_i|², hence maximises Σ x_i · z_i: an assignment, solved exactly.

    Between two sets of n equal weights that is the optimal transport plan. Cost: O(n³) at worst, on the CPU.
    """
    _, order = linear_sum_assignment((x @ z.T).detach().cpu().numpy(), maximize=True)
    return z[torch.from_numpy(order).to(z.device)]


COUPLINGS: dict[str, Coupling] = {"independent": independent, "optimal_transport": optimal_transport}


def coupling_named(name: str) -> Coupling:
    """The coupling of that name.

    Raises:
        BenchError: there is none.
    """
    if name not in COUPLINGS:
        raise unknown("coupling", name, COUPLINGS, "model.coupling")
    return COUPLINGS[name]
