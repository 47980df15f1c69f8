from pathlib import Path

import numpy as np

from bench.record.store import Record
from bench.report.notes import marked
from bench.report.picture_archive import upright
from bench.report.plots import draw
from bench.report.plots_likelihood import left_out, shown_range
from bench.report.plots_pictures import mosaic
from bench.report.study import Study, load, validated
from bench.report.style import Plot
from bench.report.summary import summarise
from tests.report.synthetic import record


def test_every_kind_of_plot_is_there_with_words(made: Path) -> None:
    study = load(made)
    plots = draw(study, summarise(study.runs))
    common = {"nll", "pareto", "pareto-flops", "training", "k-curve", "reconstruction", "samples"}
    assert {p.name for p in plots if p.data == "digits"} == {f"{kind}-digits" for kind in common | {"by-class"}}
    toy = {f"{kind}-eight_gaussians" for kind in common | {"density"}}
    assert {p.name for p in plots if p.data == "eight_gaussians"} == toy
    for plot in plots:
        assert plot.png.startswith(b"\x89PNG")
        assert b"Software" not in plot.png
        assert plot.data in plot.alt
    (bars,) = [p for p in plots if p.name == "nll-digits"]
    assert "95 % interval" in bars.caption
    assert "upper bound" in bars.caption


def test_a_study_of_failures_draws_nothing_and_does_not_fail() -> None:
    runs = [validated({"run_id": "a", "status": "failed", "data": "toy", "model": "vae", "seed": 0})]
    assert draw(Study("made", runs, {}, {}, {}), summarise(runs)) == []


def test_one_seed_of_one_model_is_enough() -> None:
    runs = [validated(record("toy", "mine", 0))]
    history = np.array([[100.0, 1.0, np.nan, np.inf], [200.0, 0.0, 3.0, 2.9]])
    study = Study("made", runs, {runs[0]["run_id"]: history}, {}, {})
    assert {plot.name for plot in draw(study, summarise(runs))} == {
        f"{kind}-toy" for kind in ("nll", "pareto", "pareto-flops", "training")
    }


def plots_of(*records: Record) -> dict[str, Plot]:
    """name -> plot, of runs on `toy` whose histories have two validations, 3 and 2 nats."""
    runs = [validated(found) for found in records]
    histories = {run["run_id"]: np.array([[100, 1, 3.1, 3], [200, 2, 2.1, 2]], float) for run in runs}
    return {plot.name: plot for plot in draw(Study("made", runs, histories, {}, {}), summarise(runs))}


def test_compute_has_a_plot_of_its_own_in_flop() -> None:
    found = plots_of(record("toy", "cnf", 0, train_flops=3.2e13), record("toy", "vae", 0, train_flops=1.5e11))
    plot = found["pareto-flops-toy"]
    assert "3.200·10¹³ FLOP" in plot.alt
    assert "1.500·10¹¹ FLOP" in plot.alt
    assert "matrix products and convolutions" in plot.caption
    assert "†" in found["pareto-toy"].caption  # the synthetic cnf was timed beside others,
    assert "†" not in plot.caption  # which changes no FLOP


def test_without_flops_only_time_is_drawn() -> None:
    found = plots_of(record("toy", "vae", 0, train_flops=None))
    assert "pareto-toy" in found
    assert "pareto-flops-toy" not in found


def test_models_measured_on_another_part_of_the_test_split_say_so_and_bound_no_frontier() -> None:
    few, many = record("toy", "vae", 0, nll_examples=100), record("toy", "cnf", 0, nll_examples=2000)
    runs = [validated(each) for each in (few, many, record("toy", "realnvp", 0, nll_examples=2000))]
    cells = [cell for cell in summarise(runs) if not cell.oracle]
    assert sorted(marked(cells)) == ["cnf", "realnvp", "vae (≤, of 100)"]
    found = plots_of(few, many)
    assert "not compared with each other" in found["nll-toy"].caption
    assert "on as many test examples" in found["pareto-toy"].caption
    alike = plots_of(record("toy", "vae", 0, nll_examples=2000), many)
    assert "not compared" not in alike["nll-toy"].caption
    assert "as many" not in alike["pareto-toy"].caption


def test_training_says_which_lines_stopped_and_how() -> None:
    good = plots_of(record("toy", "vae", 0), record("toy", "cnf", 0))["training-toy"]
    assert "cross" not in good.caption
    bad = record("toy", "vae", 0, status="timeout"), record("toy", "cnf", 0), record("toy", "cnf", 1, status="diverged")
    mixed = plots_of(*bad)["training-toy"]
    assert "a cross ends those of runs that did not finish (1 diverged, 1 timeout)" in mixed.caption
    assert "vae ends" not in mixed.alt
    assert "cnf ends at 2 nats" in mixed.alt


def test_a_diverged_run_does_not_stretch_the_axis_of_the_others() -> None:
    runs = [validated(record("toy", "vae", 0)), validated(record("toy", "vae", 1, status="diverged"))]
    calm, wild = np.array([[1, 3.0], [2, 2.0]]), np.array([[1, 3.0], [2, 1e6]])
    ends = shown_range([("vae", runs[0], calm), ("vae", runs[1], wild)], summarise(runs))
    assert ends == shown_range([("vae", runs[0], calm)], summarise(runs))
    assert ends[1] < 4
    assert shown_range([("vae", runs[1], wild)], summarise(runs))[1] > 1e5


def test_what_a_curve_rises_to_after_its_best_does_not_stretch_the_axis() -> None:
    runs = [validated(record("toy", "vae", seed)) for seed in (0, 1)]
    calm, overfitted = np.array([[1, 3.0], [2, 2.0]]), np.array([[1, 3.0], [2, 2.5], [3, 300.0]])
    low, high = shown_range([("vae", runs[0], calm), ("vae", runs[1], overfitted)], summarise(runs))
    assert low < 2
    assert 2.5 < high < 4


def test_a_mosaic_keeps_every_pixel_in_reading_order() -> None:
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    found = mosaic(images)
    assert found.shape == (2 * 3 + 1, 2 * 4 + 1)
    np.testing.assert_array_equal(found[1:3, 5:8], images[1])
    np.testing.assert_array_equal(found[4:6, 1:4], images[2])
    wide = mosaic(np.arange(6 * 6, dtype=np.uint8).reshape(6, 2, 3), 3)
    assert wide.shape == (2 * 3 + 1, 3 * 4 + 1)
    np.testing.assert_array_equal(wide[4:6, 1:4], np.arange(18, 24).reshape(2, 3))


def test_a_model_that_would_crowd_the_others_is_left_out_and_none_that_is_near() -> None:
    def far(*nlls: list[float]) -> list[str]:
        runs = [record("toy", f"m{m}", s, nll_nats=nll) for m, seeds in enumerate(nlls) for s, nll in enumerate(seeds)]
        return [cell.model for cell in left_out([c for c in summarise(list(map(validated, runs))) if not c.oracle])]

    assert far([1.0], [2.0], [3.0], [12.0]) == []
    assert far([1.0], [2.0], [3.0], [300.0]) == ["m3"]
    # Two alike and a third hardly behind, by their intervals.
    assert far([2.7, 2.784, 2.87], [2.787, 2.787, 2.787], [2.84, 2.869, 2.9]) == []
    assert far([5.0]) == []


def test_coloured_pictures_stay_coloured() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 3)).astype(np.uint8)
    flat = images.transpose(0, 3, 1, 2).reshape(4, -1)
    np.testing.assert_array_equal(upright(flat, [3, 2, 3]), images)
    coloured = mosaic(images)
    assert coloured.shape == (2 * 3 + 1, 2 * 4 + 1, 3)
    for channel in range(3):
        np.testing.assert_array_equal(coloured[..., channel], mosaic(images[..., channel]))
    assert upright(flat[:, :6], [2, 3]).shape == (4, 2, 3)
