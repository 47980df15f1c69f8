"""Likelihoods in standardised coordinates and in the user's units, against the closed form of a Gaussian."""

import math

import numpy as np
import pytest
import torch

from bench.data.standardised import Standardised
from bench.errors import BenchError


def test_a_gaussians_likelihood_in_units_is_its_closed_form() -> None:
    mean, spread = np.array([1e5, -3.0, 0.0]), np.array([40.0, 1e-3, 7.0])
    rows = mean + spread * np.random.default_rng(0).normal(size=(500, 3))
    space = Standardised.fitted(rows)
    raw = space.standardised(rows)
    x = space.to_model(raw, torch.Generator())
    reported = (0.5 * x.double().square() + 0.5 * math.log(2 * math.pi)).sum(1) - space.log_det(x)
    units = reported - space.unit_log_det
    m, s = rows.mean(0), rows.std(0)
    exact = (0.5 * ((rows - m) / s) ** 2 + 0.5 * np.log(2 * np.pi) + np.log(s)).sum(1)
    # float32 rounds coordinates of up to 4 by 1e-7 each.
    assert abs(float(units.mean()) - exact.mean()) < 1e-6
    np.testing.assert_allclose(units.numpy(), exact, atol=1e-5)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3)])
def test_units_and_back_are_the_rows(shape) -> None:
    rows = np.random.default_rng(0).normal(1000, 3, (50, *shape))
    space = Standardised.fitted(rows)
    raw = space.standardised(rows)
    columns = space.to_units(raw)
    assert tuple(columns) == space.names
    np.testing.assert_allclose(np.stack(list(columns.values()), 1).reshape(rows.shape), rows, rtol=1e-6)
    torch.testing.assert_close(space.from_units(columns, "mine.csv"), raw, atol=1e-6, rtol=0)


def test_units_have_as_many_decimal_places_as_float32_carries() -> None:
    rows = np.random.default_rng(0).normal(size=(500, 2)) * [1, 1e4] + [5, 0]
    columns = Standardised.fitted(rows).to_units(torch.from_numpy(rows[:1]).float())
    assert [len(str(values[0]).partition(".")[2]) for values in columns.values()] == [7, 3]


def test_names_say_the_place() -> None:
    assert Standardised(torch.zeros(4), torch.ones(4), (2, 2)).names == ("x0_0", "x0_1", "x1_0", "x1_1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x1": None}, "mine.csv: has no x1; give the 2 coordinates x0, ..."),
        ({"x2": [1.0, 2.0]}, "mine.csv: has x2, which the model does not know"),
        ({"x1": ["1", "b"]}, "mine.csv: row 2, column x1 is 'b'; give a finite number"),
        ({"x1": [1.0, math.nan]}, "mine.csv: row 2, column x1 is nan; give a finite number"),
        ({"x0": [math.inf, 1.0]}, "mine.csv: row 1, column x0 is inf; give a finite number"),
    ],
)
def test_other_columns_are_refused(change, said) -> None:
    space = Standardised(torch.zeros(2), torch.ones(2), (2,))
    columns = {"x0": [1.0, 2.0], "x1": [3.0, 4.0]} | change
    with pytest.raises(BenchError) as refusal:
        space.from_units({name: np.array(each) for name, each in columns.items() if each is not None}, "mine.csv")
    assert said in str(refusal.value)
