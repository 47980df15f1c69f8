from pathlib import Path

import numpy as np

from bench.report.plots import draw
from bench.report.plots_pictures import mosaic
from bench.report.study import Study, checked, load
from bench.report.summary import summarise
from tests.report.synthetic import record


def test_every_kind_of_plot_is_there_with_words(made: Path) -> None:
    study = load(made)
    plots = draw(study, summarise(study.runs))
    common = {"nll", "pareto", "training", "k-curve", "reconstruction", "samples"}
    assert {p.name for p in plots if p.data == "digits"} == {f"{kind}-digits" for kind in common}
    toy = {f"{kind}-eight_gaussians" for kind in common | {"density"}}
    assert {p.name for p in plots if p.data == "eight_gaussians"} == toy
    for plot in plots:
        assert plot.png.startswith(b"\x89PNG")
        assert b"Software" not in plot.png
        assert plot.data in plot.alt
    (bars,) = [p for p in plots if p.name == "nll-digits"]
    assert "95 % t interval" in bars.caption
    assert "upper bound" in bars.caption


def test_a_study_of_failures_draws_nothing_and_does_not_fail() -> None:
    runs = [checked({"run_id": "a", "status": "failed", "data": "toy", "model": "vae", "seed": 0})]
    assert draw(Study("made", runs, {}, {}, {}), summarise(runs)) == []


def test_one_seed_of_one_model_is_enough() -> None:
    runs = [checked(record("toy", "mine", 0))]
    history = np.array([[100.0, 1.0, np.nan, np.inf], [200.0, 0.0, 3.0, 2.9]])
    study = Study("made", runs, {runs[0]["run_id"]: history}, {}, {})
    assert {plot.name for plot in draw(study, summarise(runs))} == {"nll-toy", "pareto-toy", "training-toy"}


def test_a_mosaic_keeps_every_pixel_in_reading_order() -> None:
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    found = mosaic(images)
    assert found.shape == (2 * 3 + 1, 2 * 4 + 1)
    np.testing.assert_array_equal(found[1:3, 5:8], images[1])
    np.testing.assert_array_equal(found[4:6, 1:4], images[2])
