"""Words in plots of the committed studies lie within their figure, and no two lie on each other."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from matplotlib import style
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from bench.report.model_summary import finals
from bench.report.plot import COLUMN, DPI
from bench.report.plots import drawings_over_all, plots_of
from bench.report.ranking import differences
from bench.report.sheet import sheets_of
from bench.report.study import load
from bench.report.style import RC, Drawing, figure, titled
from bench.report.summary import summarise
from tests.helpers import ROOT

HAIR = 0.5 * DPI / 72
"""Pixels by which two words may meet: half a point."""


def drawings(study: str) -> Iterator[Drawing]:
    """Every figure of a committed study."""
    stored = load(ROOT / "results" / study)
    cells = summarise(stored.runs, stored.test_sets)
    sheets = sheets_of(stored, cells, differences(cells, stored.test_sets))
    for sheet in sheets.values():
        yield from filter(None, (draw_one() for draw_one in plots_of(sheet)))
    yield from drawings_over_all(finals(cells), next(iter(sheets.values())).families)


def words_of(fig: Figure, monkeypatch: pytest.MonkeyPatch) -> list[Text]:
    """The texts that drawing the figure draws."""
    seen: list[Text] = []
    fig.set_dpi(DPI)
    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", lambda text, _: seen.append(text))
        FigureCanvasAgg(fig).draw()  # type: ignore[no-untyped-call]
    return [text for text in seen if text.get_visible() and text.get_text().strip()]


def box_of(text: Text) -> Bbox:
    """Where a text lies, in pixels, without the arrow of an annotation."""
    if isinstance(text, Annotation):
        text.update_positions(text.get_figure(root=True).canvas.get_renderer())  # type: ignore[union-attr]
    return Text.get_window_extent(text)


def faults(fig: Figure, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts that are cut by the edge of the figure, and pairs that overlap; of one axis the labels of ticks may."""
    words = words_of(fig, monkeypatch)
    axis_of = {label: axis for axis in fig.findobj(Axis) for label in axis.get_ticklabels(which="both")}
    boxes = [(text, box_of(text)) for text in words]
    cut = [f"cut: {text.get_text()}" for text, box in boxes if not contains(fig.bbox, box)]
    met = [
        f"{one.get_text()} on {other.get_text()}"
        for (one, box), (other, of_other) in combinations(boxes, 2)
        if axis_of.get(one, one) is not axis_of.get(other, other) and meet(box, of_other)
    ]
    return cut + met


def contains(outer: Bbox, box: Bbox) -> bool:
    return bool(outer.x0 <= box.x0 and outer.y0 <= box.y0 and box.x1 <= outer.x1 and box.y1 <= outer.y1)


def meet(box: Bbox, other: Bbox) -> bool:
    """True where two boxes share more than a hair in both directions."""
    across = min(box.x1, other.x1) - max(box.x0, other.x0)
    up = min(box.y1, other.y1) - max(box.y0, other.y0)
    return bool(min(across, up) > HAIR)


def faults_of(study: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    with style.context(["default", RC]):
        found = {drawing.name: faults(drawing.figure, monkeypatch) for drawing in drawings(study)}
    assert found
    return {name: own for name, own in found.items() if own}


def test_words_that_are_cut_or_overlap_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    fig = figure(2, 2)
    axes = fig.add_axes((0.3, 0.3, 0.6, 0.4))
    fig.text(0.4, 0.95, "within", va="top")
    assert faults(fig, monkeypatch) == []
    fig.text(0.42, 0.94, "covers it", va="top")
    axes.set_ylabel("far longer than two inches are high")
    found = faults(fig, monkeypatch)
    assert "cut: far longer than two inches are high" in found
    assert "within on covers it" in found


def test_a_long_title_is_printed_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    fig = figure(COLUMN, 2)
    titled(fig, "a data set of a long name", "validation NLL while training, and more")
    assert faults(fig, monkeypatch) == []


def test_words_of_the_quick_study_lie_apart_within_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults_of("quick", monkeypatch) == {}


@pytest.mark.long
@pytest.mark.parametrize("study", ["flows", "tables", "toys", "mnist", "latent", "latent_options", "mnist_latent"])
def test_words_of_every_study_lie_apart_within_their_figures(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert faults_of(study, monkeypatch) == {}
