"""Gradient checkpointing: the same gradients from less memory."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.models.glow import Glow
from bench.models.jet import Jet
from bench.models.parts.flow import Flow
from bench.models.realnvp_conv import RealNVPConv
from bench.models.tarflow import TarFlow
from bench.spec import DataSpec
from tests.models.helpers import perturbed

DATA = DataSpec((1, 8, 8), image_shape=(1, 8, 8))
every_entry = pytest.mark.parametrize("cls", [RealNVPConv, Glow, TarFlow, Jet])


def pair(cls: Callable[..., Flow]) -> list[Flow]:
    """The same weights, kept and recomputed."""
    made = []
    for recompute in (False, True):
        torch.manual_seed(0)
        made.append(perturbed(cls(DATA, width=48, recompute=recompute), 0.1))
    return made


def saved_bytes(loss: Callable[[], Tensor]) -> int:
    """Bytes that the forward pass keeps for the backward pass, weights counted in."""
    held: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        held[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        result = loss()
    assert result.requires_grad
    return sum(held.values())


@every_entry
def test_gradients_are_the_same_bit_for_bit(cls: Callable[..., Flow]) -> None:
    x, gradients = torch.randn(6, 1, 8, 8), []
    for entry in pair(cls):
        entry.loss(x).mean().backward()
        gradients.append([parameter.grad for parameter in entry.parameters()])
    for kept, again in zip(*gradients, strict=True):
        assert kept is not None
        assert again is not None
        assert torch.equal(kept, again)


@every_entry
def test_less_is_kept(cls: Callable[..., Flow]) -> None:
    x = torch.randn(64, 1, 8, 8)
    kept, again = (saved_bytes(lambda entry=entry: entry.loss(x).mean()) for entry in pair(cls))
    assert again < 0.5 * kept


@every_entry
def test_densities_are_evaluated_as_ever(cls: Callable[..., Flow]) -> None:
    x = torch.randn(4, 1, 8, 8)
    kept, again = (entry.eval().log_prob(x).value for entry in pair(cls))
    assert torch.equal(kept, again)


def test_it_compiles() -> None:
    torch._dynamo.reset()
    entry, x = pair(RealNVPConv)[1], torch.randn(4, 1, 8, 8)
    traced = torch.compile(lambda x: entry.loss(x).mean(), backend="aot_eager", fullgraph=True, dynamic=False)
    expected = torch.autograd.grad(entry.loss(x).mean(), list(entry.parameters()))
    for one, other in zip(torch.autograd.grad(traced(x), list(entry.parameters())), expected, strict=True):
        torch.testing.assert_close(one, other)
