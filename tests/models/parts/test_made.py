import pytest
import torch

from bench.models.parts.made import MADE
from tests.models.helpers import perturbed


@pytest.mark.parametrize("hidden", [[1], [3, 2], [7, 9]], ids=str)
@pytest.mark.parametrize("dim", [2, 5])
def test_an_output_reads_the_coordinates_before_it_and_the_context(dim: int, hidden: list[int]) -> None:
    net = perturbed(MADE(dim, hidden, 3, outputs=2, final_gain=1.0, activation="tanh").double())
    z, context = torch.randn(1, dim).double(), torch.randn(1, 3).double()
    for number in range(2):
        jacobian = torch.autograd.functional.jacobian(lambda z, number=number: net(z, context)[number][0], z)[:, 0]
        assert jacobian.triu().abs().max() == 0
        if min(hidden) >= dim:
            assert (jacobian[torch.tril_indices(dim, dim, -1).unbind()] != 0).all()
        by_context = torch.autograd.functional.jacobian(lambda c, number=number: net(z, c)[number][0], context)[:, 0]
        assert (by_context != 0).all()


def test_a_few_units_still_see_late_coordinates() -> None:
    """Three units of six coordinates read the first none, two and four of them."""
    net = perturbed(MADE(6, [3], 2, outputs=1, final_gain=1.0, activation="tanh"))
    jacobian = torch.autograd.functional.jacobian(lambda z: net(z, torch.randn(1, 2))[0][0], torch.randn(1, 6))[:, 0]
    assert (jacobian != 0).sum(1).tolist() == [0, 0, 2, 2, 4, 4]


def test_a_new_net_has_outputs_of_the_gain_asked_for() -> None:
    net = MADE(8, [400, 400], 8, outputs=2, final_gain=0.5)
    first, second = net(torch.randn(2000, 8), torch.randn(2000, 8))
    # Unit inputs and unit context give hidden units of twice the power; random weights give or take.
    assert 0.3 < torch.cat([first, second]).std() < 1.2


def test_contexts_are_shared_by_samples() -> None:
    net, z, context = MADE(3, [8], 2, outputs=1, final_gain=1.0), torch.randn(4, 5, 3), torch.randn(5, 2)
    together = net(z, context)[0]
    torch.testing.assert_close(together, torch.stack([net(part, context)[0] for part in z]))


@pytest.mark.parametrize(("size", "degrees"), [(1, [4]), (3, [2, 4, 6]), (7, [1, 2, 3, 4, 5, 6, 7])])
def test_without_a_context_the_degrees_are_spread_over_the_coordinates(size: int, degrees: list[int]) -> None:
    """Of eight coordinates: no unit reads none, and none reads the last."""
    net = perturbed(MADE(8, [size], 0, outputs=1, final_gain=1.0, activation="tanh"))
    jacobian = torch.autograd.functional.jacobian(lambda z: net(z)[0][0], torch.randn(1, 8))[:, 0]
    read = [max((d for d in degrees if d < coordinate), default=0) for coordinate in range(1, 9)]
    assert (jacobian != 0).sum(1).tolist() == read


@pytest.mark.parametrize("hidden", [[1], [3, 2], [7, 9]], ids=str)
def test_coordinates_made_in_turn_are_those_that_a_forward_gives(hidden: list[int]) -> None:
    net = perturbed(MADE(5, hidden, 0, outputs=2, final_gain=1.0)).double()
    noise = torch.randn(6, 5, dtype=torch.double)
    z = net.in_turn(6, lambda i, outputs: outputs[:, 0] + noise[:, i] * torch.exp(outputs[:, 1]))
    shift, log_scale = net(z)
    torch.testing.assert_close(z, shift + noise * torch.exp(log_scale))
