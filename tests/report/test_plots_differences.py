"""What the caption of differences says of bars that are hollow and exclude 0."""

import pytest
from matplotlib import style

from bench.report.intervals import Interval
from bench.report.plots_differences import forest
from bench.report.plots_palette import styles
from bench.report.ranking import Difference
from bench.report.study import validated
from bench.report.style import RC, Drawing
from bench.report.summary import summarise
from tests.report.synthetic import record

MODELS = ("cnf", "maf", "nsf", "realnvp", "vae")


def behind(*gaps: tuple[str, float, bool]) -> Drawing:
    """The plot of models so far behind cnf, each with a half-width of 0.1 and whether it is told apart."""
    cells = {cell.model: cell for cell in summarise([validated(record("toy", model, 0)) for model in MODELS])}
    pairs = [Difference(1.0, "", cells["cnf"], cells[m], Interval(gap, 0.1, 3), sure) for m, gap, sure in gaps]
    with style.context(["default", RC]):
        drawing = forest(pairs, styles(dict.fromkeys(MODELS, "flow")))
    assert drawing is not None
    return drawing


@pytest.mark.parametrize("others", [(), (("maf", 0.9, True),)])
def test_a_hollow_bar_that_excludes_0_is_explained_wherever_it_occurs(
    others: tuple[tuple[str, float, bool], ...],
) -> None:
    assert "hollow bar that excludes 0" in behind(("nsf", 0.2, False), *others).caption
    assert "hollow bar that excludes 0" not in behind(("nsf", 0.05, False), *others).caption


def test_none_is_explained_where_all_are_filled() -> None:
    assert "excludes 0" not in behind(("nsf", 0.2, True), ("maf", 0.9, True)).caption


def test_a_bound_that_is_not_told_apart_may_be_so_for_its_slack() -> None:
    assert "what its slack leaves" in behind(("vae", 0.2, False)).caption
    assert "what its slack leaves" not in behind(("nsf", 0.2, False), ("vae", 0.9, True)).caption


def test_marks_of_names_are_explained() -> None:
    assert "≤ marks an upper bound" in behind(("vae", 0.2, False)).caption
    assert "≤" not in behind(("nsf", 0.2, False)).caption


def test_a_far_model_that_is_not_told_apart_has_a_hollow_arrow() -> None:
    near = [(model, gap, True) for model, gap in (("maf", 0.2), ("nsf", 0.3), ("realnvp", 0.4))]
    fillings = [
        {
            line.get_markerfacecolor()
            for line in behind(*near, ("vae", 99.0, sure)).figure.axes[0].lines
            if line.get_marker() == 5
        }
        for sure in (True, False)
    ]
    assert "white" not in fillings[0]
    assert fillings[1] == {"white"}
