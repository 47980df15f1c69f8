import torch

from bench.models.cnf_fast import CNFFast
from bench.models.realnvp import RealNVP
from bench.spec import DataSpec
from bench.training.best_weights import BestWeights

CPU = torch.device("cpu")


def test_what_was_kept_is_a_copy_that_training_leaves_alone() -> None:
    entry = RealNVP(DataSpec((3,)), width=8, layers=2)
    before = {name: value.clone() for name, value in entry.state_dict().items()}
    best = BestWeights(entry)
    with torch.no_grad():
        for parameter in entry.parameters():
            parameter.add_(1.0)
    best.restore(entry)
    assert all(torch.equal(value, before[name]) for name, value in entry.state_dict().items())


def test_a_grid_is_kept_and_given_back_with_the_weights() -> None:
    entry = CNFFast(DataSpec((3,)), width=8)
    entry.grid = [0.0, 0.25, 1.0]
    best, other = BestWeights(entry), BestWeights(entry)
    entry.grid = [0.0, 1.0]
    other.keep(entry)
    other.load_state_dict(best.state_dict(), CPU)
    other.restore(entry)
    assert entry.grid == [0.0, 0.25, 1.0]


def test_a_checkpoint_from_before_grids_were_kept_leaves_the_entrys_own() -> None:
    entry = CNFFast(DataSpec((3,)), width=8)
    entry.grid = [0.0, 0.25, 1.0]
    best = BestWeights(entry)
    best.load_state_dict({"best_weights": best.weights}, CPU)
    best.restore(entry)
    assert entry.grid == [0.0, 0.25, 1.0]
