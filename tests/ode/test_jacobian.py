from itertools import pairwise

import pytest
import torch
from torch import Tensor

from bench.ode.jacobian import closed_trace, pulled_back, quadratic_form, tangent_trace, trace

every_depth = pytest.mark.parametrize("hidden", [(4,), (4, 6), (4, 6, 3), (4, 6, 3, 7)], ids=len)


def factors(hidden: tuple[int, ...], dim: int = 5, batch: int = 8) -> tuple[list[Tensor], list[Tensor]]:
    """Random weights and slopes: nothing here needs them to come from a perceptron."""
    sizes = [dim, *hidden, dim]
    weights = [torch.randn(o, i).double() for i, o in pairwise(sizes)]
    return weights, [torch.randn(batch, size).double() for size in hidden]


def multiplied_out(weights: list[Tensor], slopes: list[Tensor]) -> Tensor:
    """V_L diag(d_{L-1}) … diag(d_1) V_1 of each example."""
    jacobian = weights[0].expand(len(slopes[0]), -1, -1)
    for weight, slope in zip(weights[1:], slopes, strict=True):
        jacobian = weight @ (slope.unsqueeze(2) * jacobian)
    return jacobian


@every_depth
def test_every_trace_is_that_of_the_product(hidden: tuple[int, ...]) -> None:
    weights, slopes = factors(hidden)
    expected = multiplied_out(weights, slopes).diagonal(dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(trace(weights, slopes), expected)
    torch.testing.assert_close(tangent_trace(weights, slopes), expected)
    if len(hidden) <= 2:
        torch.testing.assert_close(closed_trace(weights, slopes), expected)


@every_depth
def test_a_probe_meets_the_product_from_both_sides(hidden: tuple[int, ...]) -> None:
    weights, slopes = factors(hidden)
    jacobian, probe = multiplied_out(weights, slopes), torch.randn(8, 5).double()
    torch.testing.assert_close(pulled_back(weights, slopes, probe), torch.einsum("bi,bij->bj", probe, jacobian))
    both = torch.einsum("bi,bij,bj->b", probe, jacobian, probe)
    torch.testing.assert_close(quadratic_form(weights, slopes, probe), both)


@pytest.mark.parametrize(("hidden", "widest"), [((40,), 2), ((40, 30), 2), ((40, 30, 20), 3)], ids=str)
def test_tangents_are_pushed_only_where_no_closed_form_is(hidden: tuple[int, ...], widest: int) -> None:
    """A tensor with an axis of tangents, `(batch, dim, m)`, is what makes them dear: autograd keeps it where it is."""
    weights, slopes = factors(hidden)
    kept: list[int] = []
    for weight in weights:
        weight.requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.ndim) or tensor, lambda t: t):
        trace(weights, slopes)
    assert max(kept) == widest
