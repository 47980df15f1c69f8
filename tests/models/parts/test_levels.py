"""The way from plain logits to levels is that of the data set's own space."""

import pytest
import torch

from bench.data.spaces import DequantisedLogit
from bench.errors import NotApplicable
from bench.models.parts.levels import GreyLevels
from bench.spec import DataSpec

COUNT, ALPHA = 17, 0.01
LEVELS = GreyLevels(COUNT, ALPHA)


def space() -> DequantisedLogit:
    return DequantisedLogit(COUNT, ALPHA, torch.zeros(6), torch.ones(6))


def test_levels_are_those_that_the_space_was_given() -> None:
    raw = torch.randint(0, COUNT, (500, 6), generator=torch.Generator().manual_seed(0)).float()
    x = space().to_model(raw, torch.Generator().manual_seed(1))
    assert torch.equal(LEVELS.level(x), raw)
    torch.testing.assert_close(LEVELS.fractions(x), space().to_data(x))
    torch.testing.assert_close(LEVELS.placed(LEVELS.fractions(x) * COUNT), x, rtol=1e-4, atol=1e-4)


def test_the_slope_is_the_jacobian_and_undoes_the_spaces() -> None:
    x = torch.randn(4, 6, dtype=torch.float64)
    for row in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: LEVELS.fractions(v) * COUNT, row)
        torch.testing.assert_close(LEVELS.log_slope(row), torch.linalg.slogdet(jacobian).logabsdet)
    torch.testing.assert_close(LEVELS.log_slope(x), -space().log_det(x))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (DataSpec((6,)), "of pictures, and these data are continuous"),
        (DataSpec((6,), "binary"), "of pictures, and these data are binary"),
        (DataSpec((6,), "discrete", COUNT), "in plain logits, whose alpha the space of these data lacks"),
    ],
    ids=lambda data: getattr(data, "kind", ""),
)
def test_other_data_are_refused_in_a_line_that_names_the_option(data: DataSpec, why: str) -> None:
    with pytest.raises(NotApplicable, match=rf"model\.decoder=x is for grey levels {why}"):
        GreyLevels.of(data, "model.decoder=x")
