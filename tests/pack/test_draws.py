import pytest
import torch
from torch import Tensor
from torch.func import vmap

from bench.pack.draws import RandomState, Recording, Replay, Unpackable, drawn_for

CPU = torch.device("cpu")


def many(x: Tensor) -> Tensor:
    """Draws in every way that can be foreseen, of more and of fewer than 16 numbers, and across a transposed memory."""
    return (
        x
        + torch.randn(3, 20, dtype=torch.float64).sum()
        + torch.randn_like(x.T).T
        + torch.rand(4).sum()
        + torch.rand_like(x)
        + torch.empty_like(x).normal_(1.0, std=2.0)
        + x.new_empty(5).uniform_(-1, 1).sum()
        + torch.empty_like(x).bernoulli_(0.3).mul_(2)
        + torch.empty_like(x).exponential_()
    )


def state_of(seed: int) -> RandomState:
    torch.manual_seed(seed)
    return RandomState(CPU)


def test_draws_for_many_are_those_of_each_alone_and_leave_its_state() -> None:
    x = torch.arange(3 * 7 * 6, dtype=torch.float32).view(3, 7, 6)
    with Recording() as recording:
        many(x[0])
    assert len(recording.draws) == 8
    states = [state_of(seed) for seed in (3, 4, 3)]
    drawn = drawn_for(states, recording.draws)

    def replayed(x: Tensor, drawn: list[Tensor]) -> Tensor:
        left = list(drawn)
        with Replay(left):
            y = many(x)
        assert not left
        return y

    together = vmap(replayed)(x, drawn)
    for seed, one, state, y in zip((3, 4, 3), x, states, together, strict=True):
        torch.manual_seed(seed)
        torch.testing.assert_close(y, many(one), rtol=0, atol=1e-5)  # sums of float32 below 200 in the same order
        assert state.same_as(RandomState(CPU))


def test_states_are_the_same_only_while_they_would_draw_the_same() -> None:
    one, copy = state_of(1), state_of(1).copy()
    assert one.same_as(copy)
    with Recording() as recording:
        torch.rand(1)
    one.draw(recording.draws[0])
    assert not one.same_as(copy)
    assert not one.same_as(state_of(2))
    one.restore()
    expected = torch.rand(3)
    torch.manual_seed(1)
    torch.rand(1)
    assert torch.equal(torch.rand(3), expected)


def test_what_a_loss_draws_besides_is_left_to_vmap_to_refuse() -> None:
    with Recording() as recording:
        torch.bernoulli(torch.full((3,), 0.5))
    assert recording.draws == []
    with pytest.raises(RuntimeError, match="random"):
        vmap(lambda p: torch.bernoulli(p))(torch.full((2, 3), 0.5))


def test_draws_that_cannot_be_made_before_are_refused() -> None:
    with Recording(), pytest.raises(Unpackable, match="bernoulli_ depends on other tensors"):
        torch.empty(3).bernoulli_(torch.rand(3))
    with Recording(), pytest.raises(Unpackable, match="a generator of its own"):
        torch.randn(3, generator=torch.Generator())
