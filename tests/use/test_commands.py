"""The commands in the user's units: what they write, what they say, and what they refuse in one line."""

import csv
import json
import re
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import multivariate_normal

from bench.data.spaces import DequantisedLogit
from bench.record.reading import arrays_of
from bench.record.runs import run_paths
from bench.use.load import load
from tests.helpers import ROOT, Answer, files_under
from tests.use.conftest import WORDS, write_table


def silent(line: str) -> None:
    del line


@pytest.fixture
def refused(bench_call, tmp_path: Path):
    """Calls `bench`, which must answer 2 with one line and write nothing."""

    def call(*words) -> str:
        before = files_under(tmp_path)
        answer: Answer = bench_call(*words)
        assert answer.code == 2, answer
        assert answer.out == ""
        assert len(answer.err.splitlines()) == 1, answer.err
        assert len(answer.err) < 500
        assert files_under(tmp_path) == before
        return answer.err

    return call


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_samples_of_a_table_are_rows_of_it(shelf, bench_call, tmp_path: Path) -> None:
    answer = bench_call("sample", shelf["table"], "-n", 50, "--out", "new.csv")
    assert answer.code == 0, answer.err
    rows = rows_of(tmp_path / "new.csv")
    assert list(rows[0]) == ["height", "age", "mass", "place", "year", "height_again"]
    assert len(rows) == 50
    for row in rows:
        assert 18 <= int(row["age"]) < 60
        assert row["place"] in WORDS
        assert row["year"] == "1999"
        assert row["height_again"] == row["height"]
        assert 100 < float(row["height"]) < 250


def test_a_seed_makes_samples_again_and_another_makes_others(shelf, bench_call, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert bench_call("sample", shelf["flow"], "-n", 9, "--seed", seed, "--out", f"{name}.csv").code == 0
    a, b, c = ((tmp_path / f"{name}.csv").read_text() for name in "abc")
    assert a == b != c


def test_scores_of_a_table_are_densities_in_its_units(shelf, bench_call, tmp_path: Path) -> None:
    """A column in other units has a density that is as much lower as its unit is smaller."""
    write_table(tmp_path / "fresh.csv", 30, seed=1)
    assert bench_call("score", shelf["table"], "fresh.csv").code == 0
    rows = rows_of(tmp_path / "fresh.scores.csv")
    run = load(shelf["table"], say=silent)
    units = [float(column.unit) for column in run.space.modelled]
    assert len(rows) == 30
    for row in rows:
        gap = float(row["log_prob"]) - float(row["log_prob_standardised"])
        assert gap == pytest.approx(-np.log(units).sum(), abs=1e-9)
        assert 0 <= float(row["quantile"]) <= 1
        assert (row["is_bound"], row["measure"]) == ("False", "density of dequantised cells")
    frame = {name: np.asarray([row[name] for row in rows_of(tmp_path / "fresh.csv")]) for name in run.space.names}
    np.testing.assert_allclose(run.log_prob(frame), [float(row["log_prob"]) for row in rows], atol=1e-9)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (lambda text: text.replace(",", ";").replace(".", ","), ["data.delimiter=semicolon", "data.decimal=comma"]),
        (lambda text: text.partition("\n")[2], ["data.header=false"]),
        (lambda text: text.replace(",", "\t"), ["data.delimiter=tab"]),
    ],
)
def test_a_file_written_in_another_way_scores_alike(shelf, bench_call, tmp_path: Path, written, words) -> None:
    write_table(tmp_path / "usual.csv", 5, seed=2)
    (tmp_path / "other.csv").write_text(written((tmp_path / "usual.csv").read_text()))
    assert bench_call("score", shelf["table"], "usual.csv").code == 0
    assert bench_call("score", shelf["table"], "other.csv").code == 2
    answer = bench_call("score", shelf["table"], "other.csv", *words)
    assert answer.code == 0, answer.err
    assert (tmp_path / "other.scores.csv").read_text() == (tmp_path / "usual.scores.csv").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data.label=x"], "data.label=x: of a file of rows give data.delimiter="),
        (["delimiter=tab"], "delimiter=tab: of a file of rows"),
        (["data.header=maybe"], "data.header=maybe: give true or false"),
        (["data.delimiter=dash"], "unknown delimiter 'dash'"),
        (["data.header=false"], "4 columns without names; the model has 3, x0, x1, x2: give them all, in this order"),
    ],
)
def test_words_that_say_nothing_of_a_file_are_one_line(shelf, refused, tmp_path: Path, words, says: str) -> None:
    (tmp_path / "four.csv").write_text("1,2,3,4\n5,6,7,8\n")
    assert says in refused("score", shelf["flow"], "four.csv", *words)


def test_test_rows_score_as_they_are_stored(shelf) -> None:
    """Of a flow without noise on its data: the same numbers, each at its own place among them."""
    run = load(shelf["flow"], say=silent)
    from bench.setup import build

    test = build.dataset(run.config).of_seed(run.config.seed).test.numpy()
    scores = run.score(test)
    stored = arrays_of(shelf["flow"] / "likelihoods.npz")["log_prob"]
    np.testing.assert_allclose(scores.log_prob, stored, atol=1e-6)
    ranks = stored.argsort().argsort()
    np.testing.assert_allclose(scores.quantile, (ranks + 0.5) / len(stored), atol=1e-12)
    np.testing.assert_allclose(scores.nll_distance, abs(stored - stored.mean()), atol=1e-6)
    assert scores.estimator == "exact"


def test_scores_of_levels_are_those_of_the_row(shelf) -> None:
    """The row averages over other draws of the noise: the means over test pictures agree within their spread."""
    run = load(shelf["digits"], say=silent)
    from bench.setup import build

    test = build.dataset(run.config).of_seed(run.config.seed).test[:40]
    scores = run.score(test.reshape(-1, 8, 8).numpy())
    stored = arrays_of(shelf["digits"] / "likelihoods.npz")["log_prob"]
    gaps = scores.log_prob - stored
    assert abs(gaps.mean()) < 5 * gaps.std() / len(gaps) ** 0.5
    assert scores.estimator == "2 draws: exact"


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("digits", "density of dequantised cells"),
        ("digits_vae", "density of dequantised cells"),
        ("bits", "probability"),
    ],
)
def test_what_a_likelihood_is_of_is_said_alike_for_all(shelf, name: str, measure: str) -> None:
    run = load(shelf[name], say=silent)
    scores = run.score(run.sample(3))
    assert (scores.measure, scores.is_bound) == (measure, name != "digits")


@pytest.mark.parametrize(
    ("step", "said"),
    [(1.0, ", a bound of their probability"), (0.25, ", with the -2.77259 nats of a cell's size a bound")],
)
def test_a_density_of_cells_bounds_their_probability_with_their_size(
    bench_call, tmp_path: Path, step: float, said: str
) -> None:
    """Two dequantised columns that a Gaussian fits, whose probability of a cell is known."""
    values = step * np.round(np.random.default_rng(0).normal(0, 4, (900, 2)))
    np.savetxt(tmp_path / "grid.csv", values, delimiter=",", header="a,b", comments="")
    words = ["data=table", "data.path=grid.csv", "data.ties=dequantise", "data.kinds={a:real,b:real}", "model=gaussian"]
    assert bench_call("run", *words, "results_dir=r").code == 0
    (folder,) = run_paths(tmp_path / "r" / "scratch" / "runs")
    assert said in bench_call("score", folder, "grid.csv", "--out", "s.csv").out
    scores = load(folder, say=silent).score({"a": values[:, 0], "b": values[:, 1]})
    assert scores.log_cell == pytest.approx(2 * np.log(step))
    law = multivariate_normal(values.mean(0), np.cov(values.T) + step**2 / 12 * np.eye(2))
    within = step * (np.arange(5) - 2) / 5
    cells = step**2 * np.mean([law.pdf(values + np.asarray([right, up])) for right in within for up in within], axis=0)
    assert scores.log_prob.mean() + scores.log_cell == pytest.approx(np.log(cells).mean(), abs=0.05)


def test_a_table_with_a_column_without_noise_has_a_density_alone(shelf) -> None:
    run = load(shelf["table"], say=silent)
    assert run.score(run.sample(3)).log_cell is None


def test_a_bound_says_that_it_is_one(shelf, bench_call, tmp_path: Path) -> None:
    assert bench_call("sample", shelf["vae"], "-n", 5, "--out", "x.csv").code == 0
    answer = bench_call("score", shelf["vae"], "x.csv", "--out", "s.csv")
    assert "mean log p >= " in answer.out
    assert {row["is_bound"] for row in rows_of(tmp_path / "s.csv")} == {"True"}
    assert {row["measure"] for row in rows_of(tmp_path / "s.csv")} == {"density"}
    assert {row["estimator"] for row in rows_of(tmp_path / "s.csv")} == {"iwae-10"}


@pytest.mark.parametrize("name", ["flow", "table", "digits"])
def test_a_flow_decodes_what_it_encodes(shelf, bench_call, tmp_path: Path, name: str) -> None:
    assert bench_call("sample", shelf[name], "-n", 6, "--out", "x.csv").code == 0
    assert bench_call("encode", shelf[name], "x.csv").code == 0
    assert bench_call("decode", shelf[name], "x.latents.csv", "--out", "back.csv").code == 0
    assert bench_call("reconstruct", shelf[name], "x.csv").code == 0
    there = rows_of(tmp_path / "x.csv")
    for back in (rows_of(tmp_path / "back.csv"), rows_of(tmp_path / "x.reconstructed.csv")):
        for row, again in zip(there, back, strict=True):
            for column, value in row.items():
                if column == "place":
                    assert again[column] == value
                else:
                    assert float(again[column]) == pytest.approx(float(value), rel=1e-3, abs=1e-3)


def test_pictures_are_levels_and_a_grid(shelf, bench_call, tmp_path: Path) -> None:
    assert bench_call("sample", shelf["digits"], "-n", 9, "--out", "x.npz").code == 0
    pictures = arrays_of(tmp_path / "x.npz")["samples"]
    assert pictures.shape == (9, 8, 8)
    assert pictures.dtype == np.uint8
    assert pictures.max() <= 16
    assert bench_call("score", shelf["digits"], "x.npz", "--out", "s.csv").code == 0
    assert bench_call("sample", shelf["digits"], "-n", 9, "--out", "x.png").code == 0
    with Image.open(tmp_path / "x.png") as image:
        side = 3 * 33 + 1
        assert image.size == (side, side)
        shown = np.asarray(image)[1:33, 1:33][::4, ::4]
    np.testing.assert_allclose(shown / 255 * 16, pictures[0], atol=0.5)


def test_pictures_in_files_score_as_their_levels(shelf, bench_call, refused, tmp_path: Path) -> None:
    """A level l of 17 is written as a byte that it is the level of: a folder, an archive and one file are read."""
    levels = np.random.default_rng(0).integers(0, 17, (3, 8, 8))
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, picture in enumerate(levels):
        Image.fromarray(np.ceil(picture * 256 / 17).astype(np.uint8)).save(folder / f"{number}.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    np.save(tmp_path / "levels.npy", levels.astype(np.uint8))
    for name in ("levels.npy", "photos", "photos.zip", "photos/2.png"):
        answer = bench_call("score", shelf["digits"], name, "--out", f"{Path(name).name}.csv")
        assert answer.code == 0, answer.err
    plain = rows_of(tmp_path / "levels.npy.csv")
    for name in ("photos.csv", "photos.zip.csv"):
        rows = rows_of(tmp_path / name)
        assert [row.pop("picture") for row in rows] == ["0.png", "1.png", "2.png"]
        assert rows == plain
    assert rows_of(tmp_path / "2.png.csv")[0]["picture"] == "2.png"
    assert "pictures, and linear_gaussian has none; give a file of rows" in refused("score", shelf["flow"], "photos")
    Image.new("L", (9, 9)).save(folder / "3.png")
    assert "3.png: is 9x9, and 0.png is 8x8" in refused("score", shelf["digits"], "photos")


def test_points_are_a_scatter(shelf, tmp_path: Path) -> None:
    from bench.use.pictures import scatter

    content = scatter(np.random.default_rng(0).normal(size=(50, 2)), "50 samples, temperature 0.5")
    (tmp_path / "x.png").write_bytes(content)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (600, 600)
        assert image.text["Description"] == "50 samples, temperature 0.5"


def test_a_temperature_is_named_in_the_output(shelf, bench_call, tmp_path: Path) -> None:
    for degree in (1.0, 0.5):
        answer = bench_call("sample", shelf["flow"], "-n", 400, "--temperature", degree, "--out", f"{degree}.csv")
        assert answer.code == 0, answer.err
        assert ("temperature" in answer.out) == (degree != 1)
    plain, cold = rows_of(tmp_path / "1.0.csv"), rows_of(tmp_path / "0.5.csv")
    assert "temperature" not in plain[0]
    assert {row["temperature"] for row in cold} == {"0.5"}
    spreads = [np.std([float(row["x0"]) for row in rows]) for rows in (plain, cold)]
    assert spreads[1] < 0.8 * spreads[0]


def test_a_class_is_drawn_where_the_model_takes_one(shelf, bench_call, refused, tmp_path: Path) -> None:
    assert bench_call("sample", shelf["labels"], "-n", 4, "--label", 3, "--out", "threes.csv").code == 0
    assert {row["label"] for row in rows_of(tmp_path / "threes.csv")} == {"3"}
    assert "classes are 0 to 9" in refused("sample", shelf["labels"], "--label", 10, "--out", "x.csv")
    assert "takes no label" in refused("sample", shelf["flow"], "--label", 0, "--out", "x.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("height,age,mass,place\n170,30,50\n", "row"),
        ("height,age,place\n170,30,north\n", "no column mass"),
        ("height,age,mass,place\n170,old,50,north\n", "row 1, column age"),
        ("height,age,mass,place\n170,30.5,50,north\n", "row 1, column age"),
        ("height,age,mass,place\n170,30,50,north\n180,30,nan,north\n", "row 2, column mass"),
        ("height,age,mass,place\n170,30,50,nroth\n", "did you mean north"),
        ("height,age,mass,place\n", "x.csv"),
        ("", "x.csv is empty"),
        ("height,age,mass,place,year\n170,30,50,north,2001\n", "row 1, column year"),
    ],
)
def test_rows_that_are_not_the_tables_are_one_line(shelf, refused, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    said = refused("score", shelf["table"], "x.csv")
    assert says in said
    assert "x.csv" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x0,x1\n1,2\n", "no column x2"),
        ("x0,x1,x2\n1,2,three\n", "row 1, column x2"),
        ("x0,x1,x2\n1,2,inf\n", "row 1, column x2 is inf"),
        ("a,b,c\n1,2,3\n", "no column x0"),
    ],
)
@pytest.mark.parametrize("command", ["score", "encode", "reconstruct"])
def test_rows_that_are_not_the_models_are_one_line(shelf, refused, tmp_path: Path, command, text, says) -> None:
    (tmp_path / "x.csv").write_text(text)
    assert says in refused(command, shelf["flow"], "x.csv")


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 63)), "shape (4, 63)"),
        (np.full((4, 64), 17), "row 1, column pixel0 is 17; levels are 0 to 16"),
        (np.full((4, 8, 8), 0.5), "row 1, column pixel0 is 0.5"),
        (np.zeros((0, 64)), "no rows"),
        (np.array([["a"] * 64]), "give numbers"),
    ],
)
def test_pictures_that_are_not_the_models_are_one_line(shelf, refused, tmp_path: Path, array, says: str) -> None:
    np.savez(tmp_path / "x.npz", x=array)
    assert says in refused("score", shelf["digits"], "x.npz")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sample", "flow", "--out", "x.jpg"], "ends with .csv or .npz or .png"),
        (["sample", "flow", "--out", "nowhere/x.csv"], "its folder is not there"),
        (["sample", "flow", "--out", "x.png"], "a .png shows pictures or points alone"),
        (["sample", "table", "--out", "x.png"], "a table, which no .png shows"),
        (["sample", "flow", "-n", 0, "--out", "x.csv"], "n=0"),
        (["sample", "vae", "--temperature", 0.5, "--out", "x.csv"], "temperature scales the normal latent of a flow"),
        (["sample", "flow", "--temperature", -1, "--out", "x.csv"], "give a number above 0"),
        (["encode", "mixture", "x.npz"], "has no latent"),
        (["score", "flow", "gone.csv"], "gone.csv: no such file"),
        (["decode", "flow", "x.npz"], "shape"),
    ],
)
def test_what_a_run_cannot_do_is_one_line(shelf, refused, tmp_path: Path, words, says: str) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 5)))
    command, name, *rest = words
    assert says in refused(command, shelf[name], *rest)


def test_an_archive_scores_as_its_run(shelf, bench_call, tmp_path: Path) -> None:
    assert bench_call("export", shelf["table"], "--out", "model.zip").code == 0
    write_table(tmp_path / "x.csv", 5, seed=2)
    assert bench_call("score", shelf["table"], "x.csv", "--out", "a.csv").code == 0
    assert bench_call("score", "model.zip", "x.csv", "--out", "b.csv").code == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_an_export_says_that_test_rows_are_in_it(shelf, bench_call) -> None:
    assert "at most 16 test rows" in bench_call("export", shelf["flow"], "--out", "model.zip").out


def test_a_run_without_a_stored_space_is_exported_with_one(copied, bench_call, tmp_path: Path) -> None:
    """As of runs of before spaces were stored: it is made from the data, and the archive needs them no more."""
    folder = copied("digits")
    before = {name: (folder / name).read_bytes() for name in ("space.json", "space.safetensors")}
    for name in before:
        (folder / name).unlink()
    assert bench_call("export", folder, "--out", "model.zip").code == 0
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert {name: archive.read(name) for name in before} == before


def repacked(source: Path, target: Path, change) -> None:
    """The archive with its members changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in members.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda members: members.update({"../escaped.txt": b"x"}), "is no file of a run"),
        (lambda members: members.update({"/etc/escaped": b"x"}), "is no file of a run"),
        (lambda members: members.update({"sources/../../x.py": b"x"}), "is no file of a run"),
        (lambda members: members.update({"weights.pkl": b"x"}), "is no file of a run"),
        (lambda members: members.pop("weights.safetensors"), "a run without weights.safetensors"),
        (lambda members: members.pop("record.json"), "no record.json"),
        (lambda members: members.pop("config.yaml"), "no config.yaml"),
        (lambda members: members.update({"record.json": b"[1]"}), "record.json: not an object"),
    ],
)
def test_a_hostile_archive_is_one_line(shelf, bench_call, refused, tmp_path: Path, change, says: str) -> None:
    assert bench_call("export", shelf["flow"], "--out", "model.zip").code == 0
    repacked(tmp_path / "model.zip", tmp_path / "bad.zip", change)
    assert says in refused("sample", "bad.zip", "--out", "x.csv")


@pytest.mark.parametrize("damage", [lambda content: content[:200], lambda content: b"", lambda content: b"PK" * 40])
def test_a_broken_archive_is_one_line(shelf, bench_call, refused, tmp_path: Path, damage) -> None:
    assert bench_call("export", shelf["flow"], "--out", "model.zip").code == 0
    (tmp_path / "bad.zip").write_bytes(damage((tmp_path / "model.zip").read_bytes()))
    assert "no whole .zip" in refused("sample", "bad.zip", "--out", "x.csv")


def test_an_archive_that_would_fill_the_disk_is_refused(refused, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("bench.use.archive.FILE_BYTES", 1_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("record.json", b"0" * 3_000_000)
    assert "more than 1,000,000 bytes" in refused("sample", "bomb.zip", "--out", "x.csv")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_whose_size_cannot_be_told_is_refused(refused, tmp_path: Path, packing: int) -> None:
    """Of bzip2 and LZMA zipfile unpacks all that it reads: kilobytes to gigabytes."""
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", packing) as archive:
        archive.writestr("record.json", b"{}")
    assert "known only once all is unpacked; give a .zip of bench export" in refused(
        "sample", "bomb.zip", "--out", "x.csv"
    )


@pytest.mark.parametrize(
    "target",
    ["bench.use.words.import_module", "bench.data.fetch.fetch", "bench.data.official.shuttle.unpacked_shuttle"],
)
def test_an_archive_calls_no_function_that_makes_no_data(
    shelf, bench_call, refused, tmp_path: Path, target: str
) -> None:
    """Its configuration names a function; one of the bench's that is no data set could run a file of this folder."""

    def change(members: dict[str, bytes]) -> None:
        for name in ("space.json", "space.safetensors"):
            members.pop(name)
        text = members["config.yaml"].decode()
        members["config.yaml"] = re.sub(r"_target_: bench\.data\.\S+", f"_target_: {target}", text).encode()

    assert bench_call("export", shelf["flow"], "--out", "model.zip").code == 0
    repacked(tmp_path / "model.zip", tmp_path / "bad.zip", change)
    assert f"made by {target}, which makes none" in refused("sample", "bad.zip", "--out", "x.csv")


def test_the_best_run_is_kept_with_its_study(copied, bench_call, tmp_path: Path) -> None:
    """Lowest mean validation NLL among the tuned; of its seeds the best on validation, whatever its test NLL."""
    folders = {name: copied(name) for name in ("flow", "vae", "digits")}
    tiny = "linear_gaussian"
    names = ("run_id", "data", "model", "seed", "nll_nats", "val_nll_nats", "setting", "status", "steps")
    rows = [
        ("other", tiny, "vae", 0, 1.0, 0.5, "default", "ok", 20),
        (folders["flow"].name, tiny, "realnvp", 0, 3.2, 2.0, "tuned", "ok", 20),
        ("second", tiny, "realnvp", 1, 2.9, 3.0, "tuned", "ok", 20),
        (folders["vae"].name, tiny, "vae", 0, 2.0, 2.6, "tuned", "ok", 20),
        (folders["digits"].name, "digits", "realnvp", 0, 90, 80, "default=tuned", "ok", 20),
    ]
    with open(tmp_path / "results/study/table.csv", "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    assert load("study/best/linear_gaussian", "results", say=silent).record["run_id"] == folders["flow"].name
    answer = bench_call("export", "study/best")
    assert answer.code == 0, answer.err
    kept = tmp_path / "results/study/best"
    assert sorted(path.name for path in kept.iterdir()) == ["digits", "linear_gaussian"]
    assert json.loads((kept / "digits/record.json").read_text())["run_id"] == folders["digits"].name
    for folder in folders.values():
        folder.rename(folder.with_name(f"gone-{folder.name}"))
    run = load("study/best/digits", "results", say=silent)
    assert isinstance(run.space, DequantisedLogit)
    assert np.isfinite(run.score(run.sample(3)).quantile).all()
    with pytest.raises(Exception, match="unknown data set 'moons' in the table of study"):
        load("study/best/moons", "results")


def test_a_refusal_is_one_line_though_the_run_is_of_another_commit(bench_call, tmp_path: Path) -> None:
    run = str(ROOT / "results" / "quick" / "best" / "8gaussians")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    answer: Answer = bench_call("score", run, "other.csv", "--out", "scores.csv")
    assert answer.code == 2
    assert answer.err == "bench: other.csv: no column x0; the model's 2 columns are x0, x1\n"
    assert not (tmp_path / "scores.csv").exists()
