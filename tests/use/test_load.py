"""A stored run is found by any of its names and is what it was; anything else is one line."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import bench
from bench.errors import BenchError
from bench.record.runs import run_paths
from bench.run import run
from bench.use.load import load
from bench.use.own_code import StoredModules
from tests.helpers import ROOT, cell_in, environment, tiny
from tests.use.conftest import RUNS


def silent(line: str) -> None:
    del line


@pytest.mark.parametrize("name", RUNS)
def test_the_loaded_run_has_the_test_nll_of_its_row(shelf, name: str) -> None:
    loaded = load(shelf[name], say=silent)
    assert loaded.test_nll() == pytest.approx(loaded.record["nll_nats"], abs=1e-6)


@pytest.mark.parametrize("name", RUNS)
def test_a_folder_alone_is_enough(shelf, name: str, tmp_path: Path, monkeypatch) -> None:
    """Moved to a place of its own, with every way to the data closed."""
    moved = shutil.copytree(shelf[name], tmp_path / "elsewhere")

    def closed(config) -> None:
        raise AssertionError("the data were read")

    monkeypatch.setattr("bench.setup.build.dataset", closed)
    loaded = load(moved, say=silent)
    drawn = loaded.sample(20)
    assert len(drawn) == 20
    assert np.isfinite(loaded.log_prob(drawn)).all()


def test_a_run_is_found_by_id_prefix_path_and_archive(copied, bench_call, tmp_path: Path) -> None:
    folder = copied("flow")
    assert bench_call("export", folder.name, "--out", "model.zip").code == 0
    for word in (folder.name, folder.name[:-3], str(folder), "model.zip"):
        assert load(word, say=silent).record["run_id"] == folder.name


def test_the_python_of_the_reference(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    trained = bench.train(
        "model=realnvp", "data=moons", "seed=0", "budget.parameters=1000", "budget.steps=5", "threads=1", *SMALL_MOONS
    )
    drawn = trained.sample(10)
    assert drawn.shape == (10, 2)
    assert trained.encode(drawn).shape == (10, 2)
    found = bench.load(run_paths(Path("results/scratch/runs"))[0].name)
    np.testing.assert_array_equal(found.log_prob(drawn), trained.log_prob(drawn))
    with pytest.raises(BenchError, match="did you mean vae"):
        bench.train("model=vea")
    with pytest.raises(BenchError, match=r"bench\.train makes one"):
        bench.train("study=quick", "data=digits", "model=vae")


SMALL_MOONS = [
    *("data.train=300", "data.validation=50", "data.test=50", "train.batch_size=32"),
    *("eval.sample_size=50", "eval.trees=2", "eval.projections=8"),
]


def test_importing_bench_imports_no_torch() -> None:
    code = "import bench, sys; bench.__all__; assert not {'torch', 'numpy', 'pandas'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(), cwd=ROOT)


def test_an_ambiguous_beginning_names_what_begins_so(copied, tmp_path: Path) -> None:
    copied("flow"), copied("vae")
    with pytest.raises(BenchError, match="2 runs begin so, linear_gaussian-realnvp"):
        load("linear_gaussian-", tmp_path / "results")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("linear_gaussian-realnpv-s0", "unknown run .* did you mean linear_gaussian-realnvp"),
        ("", "a folder without record.json"),
        ("nowhere.zip", "nowhere.zip: no such file"),
        ("study/best/moons", "no study/table.csv"),
        ("results", "a folder without record.json"),
    ],
)
def test_an_unknown_run_is_one_line(copied, tmp_path: Path, monkeypatch, word: str, says: str) -> None:
    copied("flow")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=says) as caught:
        load(word)
    assert "\n" not in str(caught.value)


def without_weights(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()


def other_shape(folder: Path) -> None:
    weights = load_file(folder / "weights.safetensors")
    name = next(name for name, value in weights.items() if value.ndim)
    save_file({**weights, name: torch.zeros(7, 7)}, folder / "weights.safetensors")


def other_names(folder: Path) -> None:
    save_file({"nothing": torch.zeros(1)}, folder / "weights.safetensors")


def other_numbers(folder: Path) -> None:
    weights = load_file(folder / "weights.safetensors")
    moved = {name: value + 0.3 if value.is_floating_point() else value for name, value in weights.items()}
    save_file(moved, folder / "weights.safetensors")


def cut(name: str):
    def damage(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:50])

    return damage


def other_likelihoods(change):
    """Test log-likelihoods of another run, or in another space."""

    def damage(folder: Path) -> None:
        with np.load(folder / "likelihoods.npz") as arrays:
            np.savez(folder / "likelihoods.npz", log_prob=change(arrays["log_prob"]))

    return damage


def words_changed(name: str, change):
    def damage(folder: Path) -> None:
        content = (folder / name).read_text()
        if name.endswith("json"):
            parsed = json.loads(content)
            change(parsed)
            (folder / name).write_text(json.dumps(parsed))
        else:
            parsed = yaml.safe_load(content)
            change(parsed)
            (folder / name).write_text(yaml.safe_dump(parsed))

    return damage


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without_weights, "a run without weights.safetensors"),
        (other_shape, r"has the shape \(7, 7\), the entry's has"),
        (other_names, "the weights are of another entry or version"),
        (
            other_numbers,
            "this code gives .* log-likelihood .* its weights or its space are another's; restore its folder",
        ),
        (cut("weights.safetensors"), "weights.safetensors: not whole"),
        (cut("space.safetensors"), "space.safetensors: not whole"),
        (cut("space.json"), "Expecting|Unterminated|Invalid"),
        (cut("record.json"), "record.json"),
        (cut("likelihoods.npz"), "no archive of arrays"),
        (other_likelihoods(lambda values: values + 1), "its mean is .*, the row's NLL"),
        (other_likelihoods(lambda values: np.append(values, 0.0)), "where the row has the NLL of"),
        (
            words_changed("space.json", lambda words: words.update(space={"class": "os.system", "fields": {}})),
            "no class",
        ),
        (
            words_changed("space.json", lambda w: w.update(space={"class": "bench.data.spaces.Path", "fields": {}})),
            "no class of a space",
        ),
        (
            words_changed("space.json", lambda w: w.update(space={"class": "bench.data._hidden.Space", "fields": {}})),
            "no class of a space",
        ),
        (words_changed("space.json", lambda words: words.update(format=99)), "of format 99"),
        (words_changed("space.json", lambda words: words.update(image_shape=[9, 9])), "are no events of 3 numbers"),
        (words_changed("config.yaml", lambda words: words["model"].update(_target_="os.system")), "is not stored"),
        (words_changed("config.yaml", lambda words: words.update(strange=1)), "not as this code writes it"),
    ],
)
def test_a_damaged_run_is_one_line_and_nothing_is_written(copied, bench_call, tmp_path, damage, says: str) -> None:
    folder = copied("flow")
    damage(folder)
    answer = bench_call("sample", folder, "--out", "new.csv")
    assert answer.code == 2
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1, answer.err
    assert not (tmp_path / "new.csv").exists()
    with pytest.raises(BenchError, match=says):
        load(folder)


def test_a_space_of_another_run_is_one_line(copied) -> None:
    folder, other = copied("digits"), copied("digits_vae")
    tensors = load_file(other / "space.safetensors")
    moved = {name: value[:7].clone() if name.startswith("space.") else value for name, value in tensors.items()}
    save_file(moved, folder / "space.safetensors")
    with pytest.raises(BenchError, match=r"space.safetensors: not of events of shape \(64,\)"):
        load(folder)


def test_another_version_of_the_code_says_so(copied) -> None:
    folder = copied("flow")
    words_changed("record.json", lambda record: record.update(git_commit="0123456789ab"))(folder)
    said: list[str] = []
    load(folder, say=said.append)
    assert len(said) == 1
    assert "was made by commit 0123456789ab" in said[0]
    assert "its stored likelihood is met to" in said[0]


def test_a_run_of_before_spaces_were_stored_is_loaded_with_its_data(copied) -> None:
    folder = copied("digits")
    for name in ("space.json", "space.safetensors"):
        (folder / name).unlink()
    assert load(folder, say=silent).test_nll() == pytest.approx(load(folder, say=silent).record["nll_nats"], abs=1e-6)
    other_numbers(folder)
    with pytest.raises(BenchError, match="this code gives"):
        load(folder, say=silent)


@pytest.fixture
def own_run(own_conf: Path, tmp_path: Path, monkeypatch) -> Path:
    """A run of a user's entry, whose module lies in a folder of its own."""
    text = (ROOT / "tests" / "own_entries.py").read_text()
    (tmp_path / "my_own_entries.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    config = tiny(own_conf, "model=noisy")
    config.model["_target_"] = "my_own_entries.Noisy"
    cell = cell_in(config, tmp_path / "results")
    assert run(cell, lambda history, share: None)["status"] == "ok"
    yield cell.folder.path
    sys.modules.pop("my_own_entries", None)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, StoredModules)]


def test_a_users_entry_is_loaded_where_it_is_as_it_was(own_run: Path) -> None:
    assert len(load(own_run, say=silent).sample(3)) == 3


@pytest.mark.parametrize("left", ["changed", "gone"])
def test_a_users_entry_that_changed_needs_consent(own_run: Path, tmp_path: Path, left: str) -> None:
    module = tmp_path / "my_own_entries.py"
    sys.modules.pop("my_own_entries", None)
    if left == "gone":
        module.unlink()
    else:
        module.write_text(module.read_text() + "\nraise SystemExit(3)\n")
    with pytest.raises(BenchError, match="--trust-sources"):
        load(own_run, say=silent)
    assert len(load(own_run, say=silent, trust_sources=True).sample(3)) == 3


def test_a_module_that_the_entry_imports_is_compared_as_well(own_conf: Path, tmp_path: Path, monkeypatch) -> None:
    """And one that it does not import, as of data that the run's folder replaces, is not."""
    parts = tmp_path / "my_parts.py"
    parts.write_text("SCALE = 1.0\n")
    (tmp_path / "my_data.py").write_text("ROWS = 1\n")
    text = (ROOT / "tests" / "own_entries.py").read_text()
    (tmp_path / "my_whole_entries.py").write_text(text.replace("import torch\n", "import my_parts\nimport torch\n", 1))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_data")
    config = tiny(own_conf, "model=noisy")
    config.model["_target_"] = "my_whole_entries.Noisy"
    cell = cell_in(config, tmp_path / "results")
    try:
        assert run(cell, lambda history, share: None)["status"] == "ok"
        folder = cell.folder.path
        assert {"my_parts.py", "my_data.py"} <= {path.name for path in (folder / "sources").iterdir()}
        (tmp_path / "my_data.py").write_text("ROWS = 2\n")
        assert len(load(folder, say=silent).sample(3)) == 3
        parts.write_text("SCALE = 2.0\n")
        with pytest.raises(BenchError, match=r"my_parts\.py is not as it was; --trust-sources"):
            load(folder, say=silent)
    finally:
        for name in ("my_data", "my_parts", "my_whole_entries"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("function", "said"), [("os:system", "not stored"), ("bench.errors:one_line", "no function of one's own data")]
)
def test_a_function_that_a_run_names_is_never_called_without_its_text(copied, function: str, said: str) -> None:
    """A stranger's folder without a space asks for its data to be made again: by `os.system`."""
    folder = copied("flow")
    for name in ("space.json", "space.safetensors"):
        (folder / name).unlink()
    config = yaml.safe_load((folder / "config.yaml").read_text())
    touched = folder / "touched"
    config["data"] = {
        "_target_": "bench.data.python.python", "name": "python", "function": function, "command": f"touch {touched}"
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(BenchError, match=said):
        load(folder, say=silent)
    assert not touched.exists()


def test_a_temperature_and_a_label_are_not_asked_for_together(shelf) -> None:
    """The latent of a temperature is decoded without a label: the samples would be of all classes."""
    with pytest.raises(BenchError, match=r"temperature=0\.5 draws of no label"):
        load(shelf["flow"], say=silent).sample(3, label=1, temperature=0.5)
