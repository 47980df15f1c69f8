"""Mean ranks over independent data sets."""

import math

import pytest
from scipy.stats import rankdata

from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary, finals
from bench.report.plots_palette import styles
from bench.report.plots_ranks import cell_words, gaps_of, ranks, shade
from bench.report.ranks import critical_difference, places, ranks_of


def cell(data: str, model: str, nll: float, *, toy: bool = False, rung: float | None = None, setting: str = ""):
    intervals = {"nll_nats": Interval(nll, 0.1, 3)} | ({"kl_to_truth": Interval(0.1, 0.1, 3)} if toy else {})
    return ModelSummary(data, model, [], intervals, rung=rung, setting=setting)


def over(data_sets: int) -> list[ModelSummary]:
    return [cell(f"d{n}", model, nll) for n in range(data_sets) for model, nll in (("a", 1.0), ("b", 2.0), ("c", 3.0))]


def test_the_critical_difference_is_that_of_the_table() -> None:
    # Demšar's table 5 has 2.343 for 3 classifiers and 2.728 for 5.
    assert critical_difference(3, 10) == pytest.approx(2.343 * math.sqrt(3 * 4 / 60), rel=1e-3)
    assert critical_difference(5, 14) == pytest.approx(2.728 * math.sqrt(5 * 6 / 84), rel=1e-3)


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [1.0, 1.0, 0.5, 1.0], [2.0]])
def test_equal_values_share_the_mean_of_their_ranks(values: list[float]) -> None:
    assert places(values) == list(rankdata(values))


def test_toys_are_one_data_set() -> None:
    toys = [cell(f"t{n}", model, nll, toy=True) for n in range(8) for model, nll in (("a", 2.0), ("b", 1.0))]
    real = [cell("digits", "a", 90.0), cell("digits", "b", 95.0)]
    found = ranks_of(toys + real)
    assert found is not None
    assert found.blocks == 2
    assert found.means == {"a": 1.5, "b": 1.5}
    assert ranks_of(toys) is None


def test_below_ten_data_sets_the_figure_says_that_ranks_decide_nothing() -> None:
    look = styles({"a": "VAE", "b": "flow", "c": "other"})
    few, enough = ranks(over(9), look), ranks(over(10), look)
    assert few is not None
    assert enough is not None
    assert "ranks decide nothing" in few.caption
    assert "decide nothing" not in enough.caption


def test_only_entries_measured_everywhere_have_ranks() -> None:
    found = ranks_of([*over(3), cell("d0", "d", 0.5)])
    assert found is not None
    assert list(found.means) == ["a", "b", "c"]


def test_colours_of_the_map_are_those_of_its_numbers() -> None:
    gaps = gaps_of([cell("d", "a", 2.0), cell("d", "b", 2.1), cell("e", "a", 9.0), cell("e", "b", 8.0)])
    assert gaps == {("a", "d"): 0.0, ("b", "d"): pytest.approx(0.1), ("a", "e"): 1.0, ("b", "e"): 0.0}
    assert [shade(gap, 100.0) for gap in (0.0, 0.001, 0.01, 1.0, 100.0)] == pytest.approx([0, 0, 0, 0.5, 1])
    assert math.isnan(shade(None, 100.0))
    words = [cell_words(cell("d", "a", 2.0), gap) for gap in (0.0, 0.0149, 0.16, 2.346, 1234.4)]
    assert words == ["0", "0.015", "0.16", "2.35", "1,234"]


def test_the_cell_that_stands_for_a_model_is_tuned_and_of_the_largest_budget() -> None:
    cells = [
        cell("d", "a", 3.0, rung=1.0, setting="default"),
        cell("d", "a", 2.0, rung=1.0, setting="tuned"),
        cell("d", "a", 1.0, rung=0.25, setting="tuned"),
        cell("d", "b", 4.0, rung=1.0, setting="default=tuned"),
    ]
    assert [one.intervals["nll_nats"].mean for one in finals(cells)] == [2.0, 4.0]
