"""What `bench sample` writes is read back by score as it was drawn: names, words and columns beside them."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.run import run
from bench.setup.compose import compose
from bench.use.files import read_rows, write_columns
from bench.use.load import load
from tests.helpers import TINY_BUDGET, TINY_EVAL, cell_in

SIGNS = ("=low", "-mid", "@high")
KINDS = ("northern", "southern")


def silent(line: str) -> None:
    del line


@pytest.fixture(scope="module")
def own_table(tmp_path_factory: pytest.TempPathFactory):
    """Runs of a table with columns called label, temperature and +gain, of words that a spreadsheet would compute."""
    folder = tmp_path_factory.mktemp("own")
    draws = np.random.default_rng(0)
    with open(folder / "mine.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "temperature", "+gain", "sign", "sign_again", "species"])
        for place in range(400):
            numbers = draws.normal(size=3).round(5)
            sign = SIGNS[draws.integers(3)]
            writer.writerow([*numbers, sign, sign, KINDS[place % 2]])

    def made(*words: str) -> Path:
        common = ["data=table", f"data.path={folder / 'mine.csv'}", "budget.tolerance=0.4"]
        cell = cell_in(compose([*TINY_BUDGET, *TINY_EVAL, *common, *words]), folder)
        record = run(cell, lambda history, share: None)
        assert record["status"] == "ok", record["error"]
        return cell.folder.path

    return made


def rows_in(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def flow(own_table) -> Path:
    return own_table("model=realnvp", "budget.parameters=300", "data.drop=[species]")


@pytest.fixture(scope="module")
def of_labels(own_table) -> Path:
    return own_table("model=m2", "budget.parameters=1000", "data.label=species", "data.labelled=40")


def test_samples_score_as_they_were_drawn(flow: Path, bench_call, tmp_path: Path) -> None:
    """Through a file whose cells no spreadsheet computes, among columns that only say how they were drawn."""
    answer = bench_call("sample", flow, "-n", 30, "--temperature", 0.5, "--out", "new.csv")
    assert answer.code == 0, answer.err
    rows = rows_in(tmp_path / "new.csv")
    assert {row["sample_temperature"] for row in rows} == {"0.5"}
    assert len({row["temperature"] for row in rows}) == 30
    assert {row["sign"] for row in rows} <= {f"'{word}" for word in SIGNS}
    assert "'+gain" in rows[0]
    answer = bench_call("score", flow, "new.csv")
    assert answer.code == 0, answer.err
    assert "left out: sample_temperature" in answer.out
    run_here = load(flow, say=silent)
    cold = run_here.sample(30, temperature=0.5)
    scored = [float(row["log_prob"]) for row in rows_in(tmp_path / "new.scores.csv")]
    np.testing.assert_allclose(scored, run_here.log_prob(cold), atol=1e-6)


def test_the_users_own_file_scores_as_it_stands(flow: Path, bench_call, tmp_path: Path) -> None:
    own = Path(load(flow, say=silent).config.data["path"])
    assert bench_call("score", flow, own, "--out", "s.csv").code == 0
    assert len(rows_in(tmp_path / "s.csv")) == 400


def test_a_label_is_the_users_own_word_in_the_users_own_column(of_labels: Path, bench_call, tmp_path: Path) -> None:
    answer = bench_call("sample", of_labels, "-n", 5, "--label", "southern", "--out", "new.csv")
    assert answer.code == 0, answer.err
    rows = rows_in(tmp_path / "new.csv")
    assert {row["species"] for row in rows} == {"southern"}
    assert len({row["label"] for row in rows}) == 5
    run_here = load(of_labels, say=silent)
    np.testing.assert_array_equal(run_here.sample(5, label="southern")["label"], [float(row["label"]) for row in rows])
    assert not run_here.sample(5, label="northern").equals(run_here.sample(5, label="southern"))
    assert bench_call("score", of_labels, "new.csv").code == 0


def test_a_label_that_is_none_names_the_nearest(of_labels: Path, bench_call, tmp_path: Path) -> None:
    for word in ("southren", 1):
        answer = bench_call("sample", of_labels, "--label", word, "--out", "x.csv")
        assert answer.code == 2
        assert "southern" in answer.err
        assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "x.csv").exists()


def test_names_of_other_classes_are_damage(of_labels: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(of_labels, tmp_path / "damaged"))
    words = json.loads((folder / "space.json").read_text())
    assert words["class_names"] == list(KINDS)
    (folder / "space.json").write_text(json.dumps(words | {"class_names": ["northern"]}))
    with pytest.raises(BenchError, match=r"space\.json: 1 names of 2 classes"):
        load(folder, say=silent)


def test_words_that_begin_with_an_apostrophe_are_told_from_inert_ones(tmp_path: Path) -> None:
    known = {"x": ("'=a", "=a"), "n": ()}
    write_columns(tmp_path / "x.csv", {"x": np.asarray(["=a", "'=a"], dtype=object), "n": np.arange(2.0)})
    assert "''=a" in (tmp_path / "x.csv").read_text()
    assert list(read_rows(tmp_path / "x.csv", known)["x"]) == ["=a", "'=a"]
    (tmp_path / "own.csv").write_text("x,n\n'=a,1\n=a,2\n")
    assert list(read_rows(tmp_path / "own.csv", known)["x"]) == ["'=a", "=a"]
