import shutil
from pathlib import Path

import numpy as np

from bench.record.runs import run_path
from bench.record.store import RunFolder, unsealed
from bench.report.collect import collect, natural, points_of
from bench.report.picture_archive import upright
from bench.report.study import load
from tests.report.synthetic import record, write_run


def test_rows_are_sorted_and_unfinished_runs_only_counted(tmp_path: Path) -> None:
    for model, seed in (("vae", 1), ("cnf", 0), ("vae", 0)):
        write_run(tmp_path, record("toy", model, seed))
    (write_run(tmp_path, record("toy", "cnf", 5)) / "record.json").unlink()
    found = collect(tmp_path)
    assert (found.finished, found.unfinished, found.warnings) == (3, 1, [])
    assert [(run["model"], run["seed"]) for run in load(tmp_path).runs] == [("cnf", 0), ("vae", 0), ("vae", 1)]


def test_a_truncated_record_is_named_and_left_alone(tmp_path: Path) -> None:
    write_run(tmp_path, record("toy", "vae", 0))
    broken = write_run(tmp_path, record("toy", "vae", 1)) / "record.json"
    broken.write_text(broken.read_text()[:200])
    before = broken.read_bytes()
    found = collect(tmp_path)
    assert len(found.warnings) == 1
    assert str(broken) in found.warnings[0]
    assert broken.read_bytes() == before
    assert [run["seed"] for run in load(tmp_path).runs] == [0]


def test_a_nan_in_a_record_is_a_broken_record(tmp_path: Path) -> None:
    path = write_run(tmp_path, record("toy", "vae", 0)) / "record.json"
    text = unsealed(path.read_text())
    path.write_text(text.replace('"c2st_floor": 0.5', '"c2st_floor": NaN'))
    assert "c2st_floor" in collect(tmp_path).warnings[0]


def test_a_curve_without_pairs_is_a_broken_record(tmp_path: Path) -> None:
    write_run(tmp_path, record("toy", "vae", 0, k_curve=[[1, 2.0, 3.0]]))
    assert "is broken" in collect(tmp_path).warnings[0]


def test_pictures_are_compact_and_of_the_first_finished_seed(tmp_path: Path) -> None:
    write_run(tmp_path, record("digits", "vae", 3))
    for seed in (1, 2):
        write_run(tmp_path, record("toy", "vae", seed))
    (run_path(tmp_path / "runs", record("toy", "vae", 1)["run_id"]) / "samples.npz").write_bytes(b"PK truncated")
    found = collect(tmp_path)
    assert len(found.warnings) == 1
    assert "samples.npz" in found.warnings[0]
    pictures = load(tmp_path).pictures
    assert pictures["samples/digits/vae"].shape == (64, 8, 8)
    assert pictures["samples/digits/vae"].dtype == np.uint8
    assert pictures["samples/toy/vae"].shape == (1_000, 2)
    assert pictures["density/toy/vae"].dtype == np.float16
    # what a plot shows of it, to half a step of its 256 colours and of half precision
    with np.load(run_path(tmp_path / "runs", record("toy", "vae", 1)["run_id"]) / "density.npz") as arrays:
        for stored, exact in (("truth/toy", "log_truth"), ("density/toy/vae", "log_density")):
            top = arrays["log_truth"].max()
            np.testing.assert_allclose(pictures[stored], np.clip(arrays[exact], top - 8, top), rtol=0, atol=0.5 / 32)


def test_points_keep_half_a_pixel_whatever_their_scale(tmp_path: Path) -> None:
    for data, scale in (("near", 1e-2), ("far", 1e2)):
        path = write_run(tmp_path, record(data, "vae", 0)) / "samples.npz"
        with np.load(path) as arrays:
            points = {name: scale * array for name, array in arrays.items()}
        np.savez(path, **points)
        collect(tmp_path)
        error = np.abs(load(tmp_path).pictures[f"samples/{data}/vae"] - points["samples"][:1000])
        assert error.max() <= np.ptp(points["data"], axis=0).min() / 512


def test_a_density_of_zero_everywhere_is_stored(tmp_path: Path) -> None:
    path = write_run(tmp_path, record("toy", "vae", 0)) / "density.npz"
    np.savez(path, log_density=np.full((9, 9), -np.inf), extent=np.array([-1.0, 1, -1, 1]))
    assert collect(tmp_path).warnings == []
    assert np.isfinite(load(tmp_path).pictures["density/toy/vae"]).all()


def test_a_long_history_is_thinned_to_its_first_last_lowest_and_some_between(tmp_path: Path) -> None:
    path = write_run(tmp_path, record("toy", "vae", 0)) / "history.csv"
    values = [1.0 if n == 57 else 2 + n / 100 for n in range(101)]
    path.write_text(
        "step,train_seconds,train_loss_nats,val_nll_nats\n" + "".join(f"{n},{n},,{v}\n" for n, v in enumerate(values))
    )
    collect(tmp_path)
    (history,) = load(tmp_path).histories.values()
    assert len(history) == 20
    assert {0, 57, 100} <= set(history[:, 0])
    assert np.diff(history[:, 0]).max() < 8


def test_pictures_of_27_runs_stay_small(tmp_path: Path) -> None:
    for data in ("ring", "moons", "rings"):
        for model in ("vae", "realnvp", "cnf"):
            write_run(tmp_path, record(data, model, 0))  # further seeds add nothing
    collect(tmp_path)
    assert (tmp_path / "pictures.npz").stat().st_size < 3e6


def test_rows_without_a_run_stay(tmp_path: Path) -> None:
    gone = write_run(tmp_path, record("toy", "vae", 0))
    write_run(tmp_path, record("toy", "vae", 1))
    collect(tmp_path)
    before = (tmp_path / "table.csv").read_bytes()
    gone.rename(tmp_path / "elsewhere")
    assert collect(tmp_path).warnings == []
    assert (tmp_path / "table.csv").read_bytes() == before


def test_another_evaluation_of_a_run_is_a_row_of_its_own(tmp_path: Path) -> None:
    first = record("toy", "vae", 0, evaluation="aaaaaaaa")
    path = write_run(tmp_path, first)
    (path / "config.yaml").write_text("eval: {importance_samples: 10}")
    other = RunFolder(path).other("bbbbbbbb")
    other.write("config.yaml", "eval: {importance_samples: 99}")
    other.write_record(first | {"evaluation": "bbbbbbbb", "run_id": other.run_id, "nll_nats": 1.25})
    collect(tmp_path)
    runs = load(tmp_path).runs
    assert [run["variant"] for run in runs] == ["eval.importance_samples=10", "eval.importance_samples=99"]
    assert runs[1]["nll_nats"] == 1.25
    assert runs[1]["run_id"] == f"{first['run_id']}+bbbbbbbb"
    histories = load(tmp_path).histories
    assert np.array_equal(histories[runs[0]["run_id"]], histories[runs[1]["run_id"]])


def test_a_broken_history_is_named_and_a_diverged_one_kept(tmp_path: Path) -> None:
    broken = write_run(tmp_path, record("toy", "vae", 0)) / "history.csv"
    broken.write_text("step,train_seconds,train_loss_nats,val_nll_nats\n100,1.0\n")
    kept = record("toy", "vae", 1, status="diverged", nll_nats=None)
    write_run(tmp_path, kept)
    found = collect(tmp_path)
    assert str(broken) in found.warnings[0]
    histories = load(tmp_path).histories
    assert list(histories) == [kept["run_id"]]
    assert np.isnan(histories[kept["run_id"]][-1, 3])


def test_numbers_in_names_are_sorted_by_size() -> None:
    names = ["vae (d=10)", "vae (d=2)", "svae", "vae", "10 apples"]
    assert sorted(names, key=natural) == ["10 apples", "svae", "vae", "vae (d=2)", "vae (d=10)"]


def test_pictures_of_three_channels_are_coloured_and_of_others_grey() -> None:
    flat = np.arange(2 * 12, dtype=np.float32).reshape(2, 12)
    assert np.array_equal(upright(flat, [3, 4]), flat.reshape(2, 3, 4))
    assert np.array_equal(upright(flat, [3, 2, 2]), flat.reshape(2, 3, 2, 2).transpose(0, 2, 3, 1))
    assert np.array_equal(upright(flat, [2, 2, 3]), flat.reshape(2, 2, 2, 3).mean(1))


def test_pictures_are_of_the_largest_budget_tuned(tmp_path: Path) -> None:
    """A study at several budgets and settings draws the run that its tables put first."""
    places = [(0.25, "tuned"), (1.0, "default"), (1.0, "tuned")]
    for number, (rung, setting) in enumerate(places):
        made = record("toy", "cnf", 0, rung=rung, setting=setting, run_id=f"toy-cnf-s0-0000000{number}")
        folder = RunFolder(write_run(tmp_path, made))
        folder.write_arrays("samples.npz", samples=np.full((20, 2), number, "f4"), data=np.zeros((20, 2), "f4"))
    collect(tmp_path)
    assert load(tmp_path).pictures["samples/toy/cnf"].mean() == 2


def test_reconstructions_stand_beside_their_own_originals_alone(tmp_path: Path) -> None:
    """Of a model whose first seed failed the next one is shown, which may be on other examples."""
    images = np.random.default_rng(0).random((3, 64, 16)).astype("f4")
    for model, seed, originals in (("realnvp", 0, 0), ("vae", 1, 0), ("cnf", 1, 1)):
        folder = RunFolder(write_run(tmp_path, record("faces", model, seed)))
        arrays = {"samples": images[2], "data": images[originals], "reconstructed": images[originals]}
        folder.write_arrays("samples.npz", **arrays, image_shape=np.array([4, 4]))
    collect(tmp_path)
    pictures = load(tmp_path).pictures
    shown = {name for name in pictures if name.startswith("reconstructed/")}
    assert shown == {"reconstructed/faces/realnvp", "reconstructed/faces/vae"}, "the originals are of the first seed"
    assert {"samples/faces/vae", "samples/faces/cnf"} <= pictures.keys()


def test_a_run_that_lies_twice_has_one_row_and_a_warning(tmp_path: Path) -> None:
    made = write_run(tmp_path, record("toy", "vae", 0))
    shutil.copytree(made, tmp_path / "runs" / made.name)
    (warning,) = collect(tmp_path).warnings
    assert warning.endswith(f"{made.name} lies in runs/ itself too, which counts; left out")
    assert [run["run_id"] for run in load(tmp_path).runs] == [made.name]


def test_one_run_more_leaves_the_histories_of_the_others() -> None:
    """A thousand runs are a round number, at which many stop for a first look."""
    assert [points_of(runs) for runs in (1, 1_000, 1_001, 1_250, 1_251, 10_000)] == [20, 20, 20, 20, 10, 5]
