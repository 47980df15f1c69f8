import pytest
import torch

from bench.errors import BenchError
from bench.models.cnf_fast import CNFFast
from bench.models.realnvp import RealNVP
from bench.spec import DataSpec
from bench.training.best_weights import copied_weights
from bench.training.stored_weights import give_weights, stored_weights, without_grid


def test_weights_and_grid_come_back() -> None:
    first, second = (CNFFast(DataSpec((3,)), width=8) for _ in range(2))
    first.grid = [0.0, 0.1, 0.7, 1.0]
    give_weights(second, stored_weights(first))
    assert second.grid == first.grid
    assert all(torch.equal(value, first.state_dict()[name]) for name, value in second.state_dict().items())
    assert without_grid(stored_weights(first)).keys() == first.state_dict().keys()


def test_an_entry_without_a_grid_keeps_its_weights_alone() -> None:
    entry = RealNVP(DataSpec((3,)), width=8, layers=2)
    assert stored_weights(entry).keys() == entry.state_dict().keys()
    give_weights(entry, stored_weights(entry))


def test_weights_of_before_grids_were_kept_are_not_evaluated() -> None:
    """Along another grid the error is another: such a row would be void, or sound, by chance."""
    entry = CNFFast(DataSpec((3,)), width=8)
    with pytest.raises(BenchError, match="its training grid was not kept"):
        give_weights(entry, copied_weights(entry))
