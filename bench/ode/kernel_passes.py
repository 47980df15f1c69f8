"""The two passes of a solve by kernels, forward and backward, and the tiles in which they take the examples.

`bench.ode.triton_kernels` has the two as Triton kernels; the tests hold them against the same in PyTorch.
"""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from bench.ode.perceptron import Activation, Folded
from bench.ode.plan import SolvePlan

TILE = 16
"""Examples of a tile: the fewest rows that a matrix product of Triton takes, for the most programs at a time."""
PROGRAMS = 128
"""Programs that go back at the most, about the multiprocessors of one GPU: each needs memory for a gradient."""


class Ends(NamedTuple):
    """Results of the pass forward.

    Attributes:
        x: the state at the plan's end.
        log_det: nats.
        states: the inputs of all evaluations in their order; none unless they were to be kept.
    """

    x: Float[Tensor, "batch dim"]
    log_det: Float[Tensor, " batch"]
    states: Float[Tensor, "evaluations batch dim"]


class Passes(NamedTuple):
    """The two passes of a solve with its gradient, by one implementation.

    Attributes:
        forward: from the start, the plan, the activation, the folded field and whether the states are to be kept.
        backward: from the gradients of the end and of the log-determinant, the states, the plan, the activation and
            the folded field to the gradients of the start and of the folded field.
    """

    forward: Callable[[Tensor, SolvePlan, Activation, Folded, bool], Ends]
    backward: Callable[[Tensor, Tensor, Tensor, SolvePlan, Activation, Folded], tuple[Tensor, Folded]]
