import math

import pytest
import torch
from torch import Tensor

from bench.errors import Diverged
from bench.metrics.solver import solver_errors
from bench.models.cnf import CNF
from bench.models.entry import Entry, LogProb
from bench.spec import DataSpec
from tests.models.helpers import perturbed


class Known(Entry):
    """Its densities are what the test says."""

    def __init__(self, reported: float, on_grid: float, refined: float, reference: float = -2.0) -> None:
        super().__init__(DataSpec((2,)), width=1)
        self.reported, self.on_grid, self.refined, self.reference = reported, on_grid, refined, reference
        self.grid = [0.0, 1.0]

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> LogProb:
        assert len(x) <= Entry.reference_examples
        return LogProb(torch.full((len(x),), self.reported), "ode-exact(rtol=1e-5)", is_bound=False)

    def reference_log_prob(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), self.reference, dtype=torch.double)

    def grid_log_prob(self, x: Tensor, refined: int = 1) -> Tensor:
        return torch.full((len(x),), {1: self.on_grid, 2: self.refined}[refined])


X = torch.zeros(Entry.reference_examples + 5, 2)


def test_errors_are_those_of_the_nll() -> None:
    """A density that is too high by 0.003 nats is an NLL that is too low by as much."""
    found = solver_errors(Known(-1.997, -2.008, -2.001), X)
    assert found == {
        "solver_error_nats": pytest.approx(-0.003, abs=1e-6),
        "grid_error_nats": pytest.approx(0.008, abs=1e-6),
        "grid_error_refined_nats": pytest.approx(0.001, abs=1e-6),
    }


@pytest.mark.parametrize("off", [0.02, -0.02, float("nan")])
def test_a_likelihood_that_is_off_is_void(off: float) -> None:
    with pytest.raises(
        Diverged, match=r"^void: on the training grid .* nats off .*; tighten the grid by more model\.steps"
    ) as raised:
        solver_errors(Known(-2.0, -2.0 + off, -2.0), X)
    finite = {} if math.isnan(off) else {"grid_error_nats": pytest.approx(-off, abs=1e-6)}
    assert raised.value.columns == {"solver_error_nats": 0, "grid_error_refined_nats": 0} | finite
    with pytest.raises(Diverged, match=r"^void: on the evaluation's tolerance .*; tighten model\.eval_rtol"):
        solver_errors(Known(-2.0 + off, -2.0, -2.0), X)


def test_a_flow_without_a_grid_has_the_first_error_alone_and_a_loose_solve_a_larger_one() -> None:
    errors = []
    for tolerance in (1e-6, 1e-2):
        torch.manual_seed(1)
        model = perturbed(CNF(DataSpec((2,)), width=32, eval_rtol=tolerance, eval_atol=tolerance), 0.5)
        found = solver_errors(model, torch.randn(64, 2))
        assert found.keys() == {"solver_error_nats"}
        errors.append(abs(found["solver_error_nats"]))
    assert errors[0] < 1e-5
    assert errors[1] > errors[0]
