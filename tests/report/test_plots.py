from pathlib import Path

import numpy as np

from bench.record.store import Record
from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary
from bench.report.picture_archive import upright
from bench.report.plot import Plot
from bench.report.plots_training import Line, axis_of, band
from bench.report.ranking import Difference
from bench.report.study import Study, load, validated
from bench.report.summary import summarise
from tests.report.synthetic import drawn, record

COMMON = {"nll", "pareto", "quality", "training", "k-curve", "reconstruction", "samples"}


def test_every_kind_of_plot_is_there_with_words(made: Path) -> None:
    study = load(made)
    plots = drawn(study, summarise(study.runs))
    assert {p.name for p in plots if p.data == "digits"} == {f"{kind}-digits" for kind in COMMON | {"by-class"}}
    toy = {f"{kind}-eight_gaussians" for kind in COMMON | {"density"}}
    assert {p.name for p in plots if p.data == "eight_gaussians"} == toy
    assert {p.name for p in plots if p.data == "all data sets"} == {"ranks", "map"}
    for plot in plots:
        assert plot.png.startswith(b"\x89PNG")
        assert plot.files.keys() == {"png", "svg"}
        assert plot.data in plot.alt
        assert plot.data in plot.title or plot.data == "all data sets"
        assert f">{plot.data}<" in plot.files["svg"].decode()
    (bars,) = [p for p in plots if p.name == "nll-digits"]
    assert "95 % interval" in bars.caption
    assert "upper bound" in bars.caption
    assert "lower is better" in bars.files["svg"].decode()


def test_a_study_of_failures_draws_nothing_and_does_not_fail() -> None:
    runs = [validated({"run_id": "a", "status": "failed", "data": "toy", "model": "vae", "seed": 0})]
    assert drawn(Study("made", runs, {}, {}, {}), summarise(runs)) == []


def test_one_seed_of_one_model_is_enough() -> None:
    runs = [validated(record("toy", "mine", 0))]
    history = np.array([[100.0, 1.0, np.nan, np.inf], [200.0, 0.0, 3.0, 2.9]])
    study = Study("made", runs, {runs[0]["run_id"]: history}, {}, {})
    names = {plot.name for plot in drawn(study, summarise(runs))}
    assert names == {f"{kind}-toy" for kind in ("nll", "pareto", "quality", "training")}


def plots_of(*records: Record, formats: tuple[str, ...] = ("svg",)) -> dict[str, Plot]:
    """name -> plot, of runs on `toy` whose histories have two validations, 3 and 2 nats."""
    runs = [validated(found) for found in records]
    histories = {run["run_id"]: np.array([[100, 1, 3.1, 3], [200, 2, 2.1, 2]], float) for run in runs}
    plots = drawn(Study("made", runs, histories, {}, {}), summarise(runs), formats=formats)
    return {plot.name: plot for plot in plots}


def test_costs_have_a_panel_each_where_they_are_known() -> None:
    found = plots_of(record("toy", "cnf", 0, train_flops=3.2e13), record("toy", "vae", 0, train_flops=1.5e11))
    plot = found["pareto-toy"]
    assert "3.200·10¹³ FLOP" in plot.alt
    assert "1.500·10¹¹ FLOP" in plot.alt
    assert "matrix products and convolutions" in plot.caption
    assert "†" in plot.caption  # the synthetic cnf was timed beside others
    without = plots_of(record("toy", "vae", 0, train_flops=None))["pareto-toy"]
    assert "FLOP" not in without.caption + without.alt
    assert len(without.files["svg"]) < len(plot.files["svg"])


def test_where_the_truth_is_known_the_distance_to_it_is_drawn_on_a_logarithm() -> None:
    near = record("toy", "cnf", 0, kl_to_truth=0.002, oracle_nll_nats=2.5)
    wide = [record("toy", "vae", seed, kl_to_truth=0.1 + seed, oracle_nll_nats=2.5) for seed in range(3)]
    plot = plots_of(near, *wide)["nll-toy"]
    assert "cnf 0.002000; vae 1.100" in plot.alt
    assert "no divergence is below 0" in plot.caption
    assert "KL to the truth" in plot.files["svg"].decode()
    # By chance below the truth's NLL on these examples: an arrow with its number, as a logarithm has none.
    below = plots_of(near, record("toy", "vae", 0, kl_to_truth=-0.01, oracle_nll_nats=2.5))["nll-toy"]
    assert "An arrow: beyond the edge" in below.caption
    assert "-0.01" in below.files["svg"].decode().replace("\N{MINUS SIGN}", "-")
    unknown = record("toy", "vae", 0, kl_to_truth=None, oracle_nll_nats=None)
    assert "Mean test NLL" in plots_of(unknown)["nll-toy"].alt


def test_models_measured_on_another_part_of_the_test_split_say_so_and_bound_no_frontier() -> None:
    few, many = record("toy", "vae", 0, nll_examples=100), record("toy", "cnf", 0, nll_examples=2000)
    found = plots_of(few, many)
    assert "not compared with each other" in found["nll-toy"].caption
    assert "on as many test examples" in found["pareto-toy"].caption
    assert "of 100" in found["nll-toy"].files["svg"].decode()
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


def line(*curves: tuple[str, np.ndarray]) -> Line:
    return Line("vae", [({"status": status}, curve) for status, curve in curves])


def test_a_diverged_run_does_not_stretch_the_axis_of_the_others() -> None:
    calm, wild = np.array([[1, 3.0], [2, 2.0]]), np.array([[1, 3.0], [2, 1e6]])
    ends = axis_of([line(("ok", calm), ("diverged", wild))], [])
    assert ends == axis_of([line(("ok", calm))], [])
    assert ends[1] < 4
    assert axis_of([line(("diverged", wild))], [])[1] > 1e5


def test_what_a_curve_rises_to_after_its_best_does_not_stretch_the_axis() -> None:
    calm, overfitted = np.array([[1, 3.0], [2, 2.0]]), np.array([[1, 3.0], [2, 2.5], [3, 300.0]])
    low, high = axis_of([line(("ok", calm)), line(("ok", overfitted))], [])
    assert low < 2
    assert 2.5 < high < 4


def test_a_line_is_the_mean_over_seeds_and_its_band_their_range() -> None:
    middle, bottom, top = band([np.array([[1, 3.0], [2, 2.0], [3, 1.0]]), np.array([[3, 5.0], [4, 4.0]])])
    np.testing.assert_array_equal(middle, [[2, 4], [3, 3]])
    np.testing.assert_array_equal(bottom, [3, 2])
    np.testing.assert_array_equal(top, [5, 4])


def test_differences_are_those_of_the_largest_budget_filled_where_told_apart() -> None:
    runs = [validated(record("toy", model, 0)) for model in ("cnf", "vae", "realnvp")]
    cells = {cell.model: cell for cell in summarise(runs)}
    best = cells["cnf"]

    def behind(other: ModelSummary, mean: float, rung: float, *, sure: bool) -> Difference:
        return Difference(rung, "tuned", best, other, Interval(mean, 0.05, 3), sure)

    pairs = [
        behind(cells["vae"], 7.0, 0.25, sure=True),
        behind(cells["vae"], 0.3, 1.0, sure=True),
        behind(cells["realnvp"], 0.01, 1.0, sure=False),
    ]
    plots = drawn(Study("made", runs, {}, {}, {}), [*cells.values()], pairs)
    (plot,) = [plot for plot in plots if plot.name == "differences-toy"]
    assert "realnvp 0.010 ± 0.050, not told apart; vae 0.300 ± 0.050." in plot.alt
    assert "Filled: told apart" in plot.caption
    assert "7" not in plot.alt


def test_sample_quality_stands_beside_the_floor_and_the_control_that_copies() -> None:
    own = {"sliced_w2_floor_sd": 0.001, "c2st_floor_sd": 0.01}
    plain = plots_of(record("toy", "vae", 0, **own))["quality-toy"]
    assert "the floor is 0.03000" in plain.alt
    assert "range in which 95 %" in plain.caption
    assert "Red" not in plain.caption
    copies = plots_of(record("toy", "vae", 0, sliced_w2_copycat=0.02, **own))["quality-toy"]
    assert "Red: training examples" in copies.caption
    assert "quality-toy" not in plots_of(
        record("toy", "vae", 0, sliced_w2_floor=None, c2st_floor=None, mmd2_floor=None)
    )


def test_rate_and_distortion_are_drawn_of_two_entries_or_more() -> None:
    one = record("toy", "vae", 0, rate_nats=2.0, distortion_nats=3.0)
    other = record("toy", "iwae", 0, rate_nats=1.0, distortion_nats=5.0)
    assert "rate-distortion-toy" not in plots_of(one)
    assert "vae rate 2, distortion 3" in plots_of(one, other)["rate-distortion-toy"].alt


def test_published_numbers_stand_beside_ours_over_the_size_of_the_latent() -> None:
    sizes = [
        record("mnist_binary", "vae", 0, variant=f"latent_size={size}", nll_nats=100.0 - size) for size in (2, 5, 10)
    ]
    runs = [{**validated(one), "run_id": f"r{place}"} for place, one in enumerate(sizes)]
    plots = {plot.name: plot for plot in drawn(Study("made", runs, {}, {}, {}), summarise(runs))}
    plot = plots["latent-size-mnist_binary"]
    assert "vae 98 at 2, 95 at 5, 90 at 10" in plot.alt
    assert "vae by Davidson et al. 2018 table 1 135.7 at 2, 110.2 at 5, 93.84 at 10" in plot.alt
    assert "Hollow: published" in plot.caption
    assert "latent-size-mnist_binary" not in {
        plot.name for plot in drawn(Study("made", runs[:2], {}, {}, {}), summarise(runs[:2]))
    }


def test_coloured_pictures_stay_coloured() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 2, 3, 3)).astype(np.uint8)
    flat = images.transpose(0, 3, 1, 2).reshape(4, -1)
    np.testing.assert_array_equal(upright(flat, [3, 2, 3]), images)
    assert upright(flat[:, :6], [2, 3]).shape == (4, 2, 3)


def test_formats_that_are_asked_for_stand_beside_the_pixels() -> None:
    run = record("toy", "vae", 0)
    assert plots_of(run, formats=("pdf",))["nll-toy"].files.keys() == {"png", "pdf"}
    assert plots_of(run, formats=("svg", "png"))["nll-toy"].files.keys() == {"png", "svg"}
