"""A setting of a second: three coordinates, eight units a layer, weights far from the identity."""

import torch

from bench.ode.field import ConcatSquashField
from bench.speed.cnf_problem import Problem, Setting, Weights, copied

CPU = torch.device("cpu")
TINY_DATA = (
    "data=linear_gaussian", "data.dim=3", "data.latent=2", "data.train=64", "data.validation=32", "data.test=32"
)  # fmt: skip


def tiny(steps: int = 4, warm_steps: int = 0) -> Problem:
    """The problem."""
    return Problem(Setting(TINY_DATA, width=16, batch_size=16, steps=steps, warm_steps=warm_steps), CPU)


def strong_weights() -> Weights:
    """Of a field that moves examples about as far as they lie apart: one near zero would hide a wrong solver."""
    torch.manual_seed(3)
    return copied(ConcatSquashField(3, (8, 8), final_gain=1.0))
