"""Trace and products of a perceptron's Jacobian for a continuous flow, without differentiating the perceptron.

With weights V_1 … V_L and slopes d_i = s'(a_i) of its hidden layers, one row an example, the Jacobian is

    J = V_L diag(d_{L-1}) V_{L-1} … V_2 diag(d_1) V_1.

All is plain products, differentiated once by autograd like the rest of the loss: there is no double backward, which
`torch.compile` would refuse. Where there are one or two hidden layers, tr J has a closed form, whose cost does not
depend on the dimension; three have none, and d forward tangents, the columns of J, are pushed through instead.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from bench.machine.onednn_products import linear

CLOSED = (1, 2)
"""Numbers of hidden layers for which the trace has a closed form."""


def trace(weights: Sequence[Tensor], slopes: Sequence[Tensor]) -> Float[Tensor, " batch"]:
    """tr J: the closed form for one or two hidden layers, forward tangents for more."""
    return closed_trace(weights, slopes) if len(slopes) in CLOSED else tangent_trace(weights, slopes)


def closed_trace(weights: Sequence[Tensor], slopes: Sequence[Tensor]) -> Float[Tensor, " batch"]:
    """tr J of one or two hidden layers. Cost: O(batch m + dim m), and for two layers O(batch m² + dim m²).

    Σ_j d1_j (V_2 V_1)_jj summed the other way round, and Σ_ij d2_i M_ij d1_j with M = V_2 ∘ (V_1 V_3)ᵀ.
    """
    first, *inner, last = weights
    if not inner:
        return slopes[0] @ (first * last.T).sum(1)
    (second,) = inner
    # first @ last is (m1, m2), one product for all examples: their number never meets the dimension.
    return linear(slopes[1], (second * (first @ last).T).T, None).mul(slopes[0]).sum(-1)


def tangent_trace(weights: Sequence[Tensor], slopes: Sequence[Tensor]) -> Float[Tensor, " batch"]:
    """tr J of any number of hidden layers, by all the columns of J at once.

    Cost: O(batch dim m²) for each hidden layer but the first, dim times that of the value, and as many times its
    memory: cheap for dim = 2, dear for many coordinates, where a probe is what is affordable.
    """
    first, *inner, last = weights
    tangents = slopes[0].unsqueeze(1) * first.T  # (batch, dim, m1): one row a coordinate of x
    for weight, slope in zip(inner, slopes[1:], strict=True):
        tangents = linear(tangents, weight, None) * slope.unsqueeze(1)
    # Row k of V_L meets column k of all before it: the trace alone, no (batch, dim, dim) Jacobian.
    return (tangents * last).sum((1, 2))


def quadratic_form(
    weights: Sequence[Tensor], slopes: Sequence[Tensor], probe: Float[Tensor, "batch dim"]
) -> Float[Tensor, " batch"]:
    """eᵀ J e for the probe e. Cost: O(batch m²) for each hidden layer but the first, O(batch dim m) beside."""
    return _behind_first(weights, slopes, probe).mul(linear(probe, weights[0], None)).sum(-1)


def pulled_back(
    weights: Sequence[Tensor], slopes: Sequence[Tensor], probe: Float[Tensor, "batch dim"]
) -> Float[Tensor, "batch dim"]:
    """eᵀ J for the probe e. Cost: as `quadratic_form`."""
    return linear(_behind_first(weights, slopes, probe), weights[0].T, None)


def _behind_first(weights: Sequence[Tensor], slopes: Sequence[Tensor], probe: Tensor) -> Tensor:
    """eᵀ J without its last factor V_1, `(batch, m)`."""
    left = linear(probe, weights[-1].T, None)
    for weight, slope in zip(reversed(weights[1:-1]), reversed(slopes[1:]), strict=True):
        left = linear(left * slope, weight.T, None)
    return left * slopes[0]
