"""Names beside lines and points cover one another nowhere."""

from itertools import combinations

import numpy as np
from matplotlib.text import Annotation

from bench.report.plots_labels import LINE, Label, beside_lines, beside_points, plane, spread


def test_places_are_the_nearest_that_are_apart() -> None:
    np.testing.assert_allclose(spread([0.0, 1.0], 0.1, 0.0, 1.0), [0.0, 1.0])
    np.testing.assert_allclose(spread([0.5, 0.5], 0.2, 0.0, 1.0), [0.4, 0.6])
    np.testing.assert_allclose(spread([1.0, 0.99], 0.2, 0.0, 1.0), [1.0, 0.8])
    places = spread([0.3, 0.31, 0.9, 0.32], 0.1, 0.0, 1.0)
    assert min(abs(a - b) for a, b in combinations(places, 2)) > 0.1 - 1e-9
    np.testing.assert_allclose(places[2], 0.9)


def boxes(axes: object) -> list[object]:
    figure = axes.get_figure()  # type: ignore[attr-defined]
    renderer = figure.canvas.get_renderer()
    names = [child for child in axes.get_children() if isinstance(child, Annotation)]  # type: ignore[attr-defined]
    return [name.get_window_extent(renderer) if not name.arrow_patch else _text_box(name, renderer) for name in names]


def _text_box(name: Annotation, renderer: object) -> object:
    from matplotlib.text import Text

    name.update_positions(renderer)  # type: ignore[arg-type]
    return Text.get_window_extent(name, renderer)  # type: ignore[arg-type]


def test_lines_that_end_together_have_names_apart_and_within_the_figure() -> None:
    names = [f"model {n}" for n in range(12)]
    fig, (axes,) = plane(names)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    beside_lines(axes, [Label(name, 1.0, 0.5 + n / 1000, "black") for n, name in enumerate(names)])
    found = boxes(axes)
    assert len(found) == 12
    assert not any(a.overlaps(b) for a, b in combinations([box.shrunk(0.9, 0.7) for box in found], 2))  # type: ignore[attr-defined]
    assert all(box.x1 <= fig.bbox.x1 for box in found)  # type: ignore[attr-defined]
    assert fig.get_size_inches()[1] > 12 * LINE


def test_what_lies_beyond_the_axes_has_its_number() -> None:
    _, (axes,) = plane(["a"])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    beside_lines(axes, [Label("a", 1.0, 300.0, "black"), Label("b", 1.0, 0.5, "black")])
    assert [child.get_text() for child in axes.get_children() if isinstance(child, Annotation)] == ["a ↑ 300", "b"]


def test_points_that_crowd_have_names_apart() -> None:
    fig, (axes,) = plane([], height=2.4)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    fig.canvas.draw()
    labels = [Label(f"name{n}", 0.5 + 0.02 * (n % 3), 0.5 + 0.02 * (n // 3), "black") for n in range(9)]
    beside_points(axes, labels)
    found = [box.shrunk(0.9, 0.7) for box in boxes(axes)]  # type: ignore[attr-defined]
    assert len(found) == 9
    assert sum(a.overlaps(b) for a, b in combinations(found, 2)) == 0


def test_wide_ticks_push_the_axes_to_the_right_and_nothing_is_cut() -> None:
    fig, (axes,) = plane(["a"])
    axes.set(xlim=(0, 1), ylim=(3.28001, 3.28002), ylabel="one line,\nand another")
    beside_lines(axes, [Label("a", 1.0, 3.28001, "black")])
    assert axes.yaxis.get_tightbbox(fig.canvas.get_renderer()).x0 >= 0  # type: ignore[attr-defined]
    _, (other,) = plane(["a"])
    beside_lines(other, [Label("a", 1.0, 0.5, "black")])
    assert other.get_position().x0 < axes.get_position().x0
    assert other.get_position().x1 == axes.get_position().x1
