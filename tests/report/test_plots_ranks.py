"""Plots over data sets, and what they leave out."""

from itertools import pairwise

import pytest
from matplotlib import style

from bench.record.warnings import UNBOUNDED
from bench.report.plots_palette import styles
from bench.report.plots_ranks import heat_map, ranks
from bench.report.study import validated
from bench.report.style import RC
from bench.report.summary import summarise
from tests.report.synthetic import record

MODELS = ("a", "b", "c")


def cells(*tied: str, data: int = 3):
    """Three models on some data sets, `d0` first; of those tied every row warns."""
    names = [f"d{n}" for n in range(data)]
    warnings = {name: f"columns have ties, {UNBOUNDED}" if name in tied else None for name in names}
    runs = [record(name, model, 0, kl_to_truth=None, warning=warnings[name]) for name in names for model in MODELS]
    return summarise([validated(run) for run in runs])


def test_data_with_ties_count_in_no_rank_and_stand_on_no_map() -> None:
    look = styles(dict.fromkeys(MODELS, "flow"))
    for all_data, some in (
        (ranks(cells(), look), ranks(cells("d1"), look)),
        (heat_map(cells()), heat_map(cells("d1"))),
    ):
        assert all_data is not None
        assert some is not None
        assert "Left out" not in all_data.caption
        assert "Left out: d1, with ties" in some.caption
    counted = ranks(cells("d1"), look)
    assert counted is not None
    assert "over 2 independent data sets" in counted.alt
    assert "There are 2 independent data sets" in counted.caption
    shown = heat_map(cells("d1"))
    assert shown is not None
    assert [label.get_text() for label in shown.figure.axes[0].get_xticklabels()] == ["d0", "d2"]


def test_one_data_set_without_ties_is_too_few() -> None:
    assert ranks(cells("d0", data=2), styles(dict.fromkeys(MODELS, "flow"))) is None
    assert heat_map(cells("d0", data=2)) is None


@pytest.mark.parametrize("entries", [4, 12])
def test_numbers_of_ranks_lie_apart(entries: int) -> None:
    names = [f"name_{n:02}" for n in range(entries)]
    runs = [record(data, model, 0, kl_to_truth=None) for data in ("d0", "d1") for model in names]
    with style.context(["default", RC]):
        drawing = ranks(summarise([validated(run) for run in runs]), styles(dict.fromkeys(names, "flow")))
    assert drawing is not None
    boxes = [label.get_window_extent() for label in drawing.figure.axes[0].get_xticklabels()]
    assert len(boxes) == entries
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
