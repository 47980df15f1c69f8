"""The transformer: in a causal one no token sees those behind it, and token by token it is the same."""

import torch

from bench.models.parts.transformer import HEAD_SIZE, Cache, Transformer
from tests.models.helpers import perturbed


def small(features: int = 10) -> Transformer:
    torch.manual_seed(0)
    return perturbed(Transformer(6, 3, features, 4, layers=2, final_gain=1.0), 0.3).double()


def test_a_token_is_read_off_itself_and_those_before() -> None:
    net, x = small(), torch.randn(2, 6, 3, dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(lambda v: net(v)[0].sum(-1), x)[:, 0].abs().sum(-1)
    assert torch.equal(jacobian != 0, torch.ones(6, 6).tril().bool())


def test_one_that_is_not_causal_sees_all() -> None:
    torch.manual_seed(0)
    net = perturbed(Transformer(6, 3, 10, 4, layers=1, final_gain=1.0, causal=False), 0.3).double()
    x = torch.randn(2, 6, 3, dtype=torch.double)
    jacobian = torch.autograd.functional.jacobian(lambda v: net(v)[0].sum(-1), x)[:, 0].abs().sum(-1)
    assert (jacobian != 0).all()


def test_token_by_token_it_is_the_same() -> None:
    for features in (10, 3 * HEAD_SIZE + 1):
        net, x = small(features), torch.randn(5, 6, 3, dtype=torch.double)
        caches: list[Cache | None] = [None, None]
        steps = [net.step(x[:, number], number, caches) for number in range(6)]
        torch.testing.assert_close(torch.stack(steps, 1), net(x))


def test_heads_are_as_many_as_come_nearest() -> None:
    assert [small(features).layers[0].attention.heads for features in (10, 64, 95, 97, 193)] == [1, 1, 1, 2, 3]  # type: ignore[union-attr]


def test_a_place_counts() -> None:
    net, x = small(), torch.ones(1, 6, 3, dtype=torch.double)
    assert len(net(x)[0, :, 0].unique()) == 6
