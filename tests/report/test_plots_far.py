"""One far model flattens no other: in every kind of plot that has an axis of values over models."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib import style

from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary, finals
from bench.report.plots_cost import pareto
from bench.report.plots_curves import k_curve, reconstruction
from bench.report.plots_differences import forest
from bench.report.plots_frontier import frontiers
from bench.report.plots_latent import over_sizes, rate_distortion
from bench.report.plots_likelihood import dots
from bench.report.plots_palette import Look, styles
from bench.report.plots_quality import quality
from bench.report.plots_training import training
from bench.report.plots_tuning import expected
from bench.report.ranking import Difference
from bench.report.sheet import sheets_of
from bench.report.study import Study, validated
from bench.report.style import RC, Drawing, vector
from bench.report.summary import summarise
from tests.report.ladder_runs import rung
from tests.report.synthetic import record
from tests.tuning.helpers import trial

NEAR = {"a": 1.0, "b": 1.1, "c": 1.2, "d": 1.3}
FAR = 77_777.0
"""Of the model `e`, beside four that are near each other."""
UNKNOWN: dict[str, Any] = {"kl_to_truth": None, "oracle_nll_nats": None}
Draw = Callable[[Study, list[ModelSummary], Look], Drawing | None]


def made(*runs: Any, **parts: Any) -> Study:
    return Study("made", list(runs), **{"histories": {}, "curves": {}, "pictures": {}} | parts)


def of_column(column: str, **others: Any) -> Study:
    """A run a model, whose number in one column is the model's."""
    return made(*(validated(record("toy", m, 0, **others | {column: v})) for m, v in {**NEAR, "e": FAR}.items()))


def with_curves(kind: str, shape: list[float]) -> Study:
    """A run a model, whose curve is the model's number times a shape."""
    runs = {model: validated(record("toy", model, 0, **UNKNOWN)) for model in (*NEAR, "e")}
    at = np.arange(len(shape)) + 1.0
    curves = {(run["run_id"], kind): np.stack([at, np.array(shape) * NEAR.get(m, FAR)], 1) for m, run in runs.items()}
    return made(*runs.values(), curves=curves)


def with_histories() -> Study:
    runs = {model: validated(record("toy", model, 0, **UNKNOWN)) for model in (*NEAR, "e")}
    histories = {
        run["run_id"]: np.array([[n, n, 0.0, NEAR.get(model, FAR) + 1 / n] for n in (1.0, 2.0, 3.0)])
        for model, run in runs.items()
    }
    return made(*runs.values(), histories=histories)


def with_trials() -> Study:
    run = validated(record("toy", "a", 0))
    every = {**NEAR, "e": FAR}.items()
    return made(run, trials=[trial(0.01 * n, v + n / 10, model=m, data="toy") for m, v in every for n in range(1, 9)])


def of_sizes() -> Study:
    sized = {f"latent_size={size}": 1 / size for size in (2, 5, 10)}
    rows = [
        record("toy", model, 0, variant=variant, run_id=f"{model}{variant}", nll_nats=v + more, **UNKNOWN)
        for model, v in {**NEAR, "e": FAR}.items()
        for variant, more in sized.items()
    ]
    return made(*map(validated, rows))


def ladder(**far: float) -> Study:
    near = [(m, share, v) for m, v in NEAR.items() for share in (0.5, 1.0)]
    known = [rung(m, share, v - share / 10, **({"kl_to_truth": v} if far else {})) for m, share, v in near]
    return made(*known, *(rung("e", share, FAR, **far) for share in (0.5, 1.0)))


def behind_first(study: Study, cells: list[ModelSummary], look: Look) -> Drawing | None:
    best, *others = cells
    gaps = [(cell.intervals["nll_nats"].mean, cell) for cell in others]
    return forest([Difference(1.0, "", best, cell, Interval(gap, 0.01, 3), True) for gap, cell in gaps], look)


KINDS: dict[str, tuple[Study, Draw, str]] = {
    "nll": (of_column("nll_nats", **UNKNOWN), lambda _, cells, look: dots(cells, look), "x"),
    "distance": (of_column("kl_to_truth"), lambda _, cells, look: dots(cells, look), "x"),
    "pareto": (of_column("nll_nats", **UNKNOWN), lambda _, cells, look: pareto(cells, look), "y"),
    "differences": (of_column("nll_nats", **UNKNOWN), behind_first, "x"),
    "frontier": (ladder(), frontiers, "y"),
    "frontier of distances": (ladder(kl_to_truth=FAR), frontiers, "y"),
    "quality, logarithmic": (of_column("sliced_w2", c2st=None), lambda _, cells, look: quality(cells, look), "x"),
    "quality, linear": (of_column("mmd2", c2st=None), lambda _, cells, look: quality(cells, look), "x"),
    "training": (with_histories(), training, "y"),
    "tuning": (with_trials(), lambda study, *_: expected(study, "toy", {}), "y"),
    "reconstruction": (with_curves("noise", [1e-3, 0.1, 1]), reconstruction, "y"),
    "k-curve": (with_curves("k", [3, 2, 1, 0]), k_curve, "y"),
    "rate-distortion": (
        of_column("distortion_nats", rate_nats=1.0),
        lambda _, cells, look: rate_distortion(cells, look),
        "x",
    ),
    "latent-size": (of_sizes(), lambda _, cells, look: over_sizes(cells, look), "y"),
}
"""Kind of plot -> a study with one far model, what draws it, the axis of values."""


def drawing_of(study: Study, draw: Draw) -> Drawing:
    cells = summarise(study.runs)
    families = next(iter(sheets_of(study, cells).values())).families
    with style.context(["default", RC]):
        drawing = draw(study, cells if draw is frontiers else finals(cells), styles(families))
    assert drawing is not None
    return drawing


@pytest.mark.parametrize("kind", KINDS)
def test_a_far_model_lies_beyond_the_axis_with_its_number(kind: str) -> None:
    study, draw, direction = KINDS[kind]
    drawing = drawing_of(study, draw)
    with style.context(["default", RC]):
        assert "77,77" in vector(drawing.figure, "svg").decode() + drawing.caption
    assert re.search("[Aa]rrow", drawing.caption)
    assert all(getattr(axes, f"get_{direction}lim")()[1] < 1000 for axes in drawing.figure.axes)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"training", "tuning"}))  # their lines begin above the axis
def test_where_none_is_far_no_arrow_is_explained(kind: str) -> None:
    study, draw, _ = KINDS[kind]
    near = replace(
        study,
        runs=[run for run in study.runs if run["model"] != "e"],
        trials=[one for one in study.trials if one.model != "e"],
    )
    assert not re.search("[Aa]rrow", drawing_of(near, draw).caption)
