import pytest
import torch

from bench.ode.kernel_tables import plan_tables
from bench.ode.plan import planned
from bench.ode.tableau import TABLEAUS

CPU = torch.device("cpu")
GRID = [0.0, 0.1, 0.4, 1.0]


def test_a_line_of_the_tables_is_an_evaluation_in_units_of_time() -> None:
    tables = plan_tables(planned(GRID, TABLEAUS["bosh3"]), CPU)
    assert tables.at.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    last_step = tables.rows[6:]  # 0.6 long; three stages, padded to four coefficients
    torch.testing.assert_close(last_step, 0.6 * torch.tensor([[0.0, 0, 0, 0], [1 / 2, 0, 0, 0], [0, 3 / 4, 0, 0]]))
    torch.testing.assert_close(tables.weights[6:], 0.6 * torch.tensor([2 / 9, 1 / 3, 4 / 9]))


@pytest.mark.parametrize("name", TABLEAUS)
def test_a_grid_of_tensors_has_the_tables_of_its_numbers(name: str) -> None:
    method = TABLEAUS[name]
    of_numbers, of_tensors = (
        plan_tables(planned(grid, method), CPU) for grid in (GRID, torch.tensor(GRID, dtype=torch.float64))
    )
    for a, b in zip(of_numbers, of_tensors, strict=True):
        torch.testing.assert_close(a, b)
