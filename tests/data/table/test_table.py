"""A table through the commands: a run's row, what is said before it, and refusals that write nothing."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from bench.data.inspection import inspect
from bench.data.table.table import table
from tests.helpers import TINY_BUDGET, TINY_EVAL, files_under, records

N = 600


@pytest.fixture
def mine(tmp_path):
    """mine.csv: two dependent reals in units of their own, an integer, words and a constant."""
    random = np.random.default_rng(0)
    height = random.normal(170, 10, N)
    weight = 70 + 0.5 * (height - 170) + random.normal(0, 5, N)
    columns = {
        "height": height,
        "weight": weight,
        "children": random.poisson(2, N),
        "colour": random.choice(["red", "green", "blue"], N),
        "country": ["DE"] * N,
    }
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines))
    return path


def command(*words: str) -> list[str]:
    return ["run", "data=table", "data.path=mine.csv", *TINY_BUDGET, *TINY_EVAL, "budget.parameters=null", *words]


def test_kinds_are_said_before_a_run_whose_row_has_both_units(mine, bench_call) -> None:
    answer = bench_call(*command("model=gaussian", "data.columns=[height,weight]"))
    assert answer.code == 0, answer.err
    first, second, third, *_ = answer.out.splitlines()
    assert first == "data=table: mine.csv: 600 rows (train 420, validation 90, test 90; at random, seed 0), 2 columns"
    assert second == "data=table: real: height, weight"
    assert third.startswith("[1/1] table-gaussian-s0-")
    (record,) = records(mine.parent / "results/scratch").values()
    data = table("table", path=str(mine), columns=["height", "weight"])
    train, test = data.train.double().numpy(), data.test.double().numpy()
    # The entry is a Gaussian with the training rows' variances and shrunk correlation; its NLL has a closed form.
    unit, spread = np.array([column.unit for column in data.space.columns]), train.std(0)
    correlation = ledoit_wolf((train - train.mean(0)) / spread, assume_centered=True)[0]
    np.fill_diagonal(correlation, 1.0)
    scale = spread * unit
    expected = gaussian_nll(test * unit, train.mean(0) * unit, correlation * np.outer(scale, scale))
    assert record["nll_unit_nats"] == pytest.approx(expected, abs=1e-5)
    assert record["nll_nats"] == pytest.approx(expected - np.log(unit).sum(), abs=1e-5)
    assert record["nll_space"] == "nats of standardised columns; of a category, of its probability"
    assert record["nll_draws"] == 1


def gaussian_nll(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    z = np.linalg.solve(np.linalg.cholesky(covariance), (rows - mean).T)
    volume = np.linalg.slogdet(covariance)[1]
    return float(0.5 * (z**2).sum(0).mean() + 0.5 * volume + len(mean) / 2 * math.log(2 * math.pi))


def test_a_table_of_every_kind_runs_with_noise_averaged_and_no_warning(mine, bench_call) -> None:
    answer = bench_call(*command("model=realnvp", "data.label=colour"))
    assert answer.code == 0, answer.err
    assert "integer: children; constant: country" in answer.out
    (record,) = records(mine.parent / "results/scratch").values()
    assert record["nll_draws"] == 8
    assert record["warning"] is None
    assert record["sliced_w2"] is not None


def test_the_content_of_a_table_is_in_the_id_and_its_path_is_not(mine, bench_call) -> None:
    words = command("model=gaussian")
    assert bench_call(*words).code == 0
    shutil.copy(mine, mine.parent / "other.csv")
    assert "finished before: ok" in bench_call(*[word.replace("mine.csv", "other.csv") for word in words]).out
    mine.write_text(mine.read_text().replace("red", "grey"))
    assert "finished before" not in bench_call(*words).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data.path=none.csv"], "none.csv: no such file"),
        (["data.kinds={height: integer}"], "mine.csv: row 1 (line 2), column height is "),
        (["data.split=[0.99,0.005,0.005]"], "test gets 3, where at least 10 are needed"),
        (["data.tie=keep"], "unknown option 'tie'"),
        (["data.ties=drop"], "unknown data.ties 'drop'"),
        (["data.delimiter=semicolon"], "is one column by semicolon and 5 by comma; give data.delimiter=comma"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(mine, bench_call, words, message) -> None:
    before = files_under(mine.parent)
    answer = bench_call(*command("model=gaussian", *words))
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert files_under(mine.parent) == before


def test_without_a_path_the_option_is_named(tmp_path, bench_call) -> None:
    answer = bench_call("run", "data=table", "model=gaussian")
    assert answer.code == 2
    assert "option path has no value; set data.path=" in answer.err


def test_the_diagnosis_of_a_file(mine, bench_call) -> None:
    answer = bench_call("list", "data", "mine.csv", "data.kinds={weight: heavy}")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("mine.csv: 600 rows (train 420")
    kinds = dict(line.split()[:2] for line in lines[1:6])
    assert kinds == {
        "height": "real",
        "weight": "heavy",
        "children": "integer",
        "colour": "category",
        "country": "constant",
    }
    assert "3 values: blue, green, red" in lines[4]
    assert any(line.endswith(": M2 learns from some labels") or "not m2" in line for line in lines)
    assert any("entries can model it: " in line and "realnvp" in line for line in lines)


def test_the_diagnosis_of_one_column_says_which_entries_remain(tmp_path, bench_call) -> None:
    values = np.random.default_rng(0).normal(size=200).tolist()
    (tmp_path / "one.csv").write_text("a\n" + "\n".join(map(str, values)))
    lines = bench_call("list", "data", "one.csv").out.splitlines()
    able = next(line for line in lines if "entries can model it:" in line)
    assert "vae" in able
    assert "realnvp" not in able
    assert any(line.startswith("not ") and "realnvp" in line and "at least 2" in line for line in lines)
    assert "warn one column: `bench list data one.csv` says which entries can model it" in lines


def test_near_singular_directions_are_named(tmp_path, bench_call) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 3))
    rows[:, 2] = rows[:, 0] + rows[:, 1] + 1e-3 * random.normal(size=300)
    (tmp_path / "near.csv").write_text("a,b,total\n" + "\n".join(",".join(map(str, row)) for row in rows))
    assert "near-singular: a combination of a, b, total hardly varies" in bench_call("list", "data", "near.csv").out


@pytest.mark.parametrize(("rows", "found"), [(72, True), (52, False)])
def test_where_rows_are_too_few_for_near_singular_directions_a_line_says_so(tmp_path, bench_call, rows, found) -> None:
    """70 % of the rows are for training: 50 of 40 columns tell them, 36 do not."""
    x = np.random.default_rng(0).normal(size=(rows, 40))
    x[:, 2] = x[:, 0] + x[:, 1] + 1e-3 * np.random.default_rng(1).normal(size=rows)
    head = ",".join(f"x{place}" for place in range(40))
    (tmp_path / "few.csv").write_text("\n".join([head, *(",".join(map(str, row)) for row in x)]))
    words = bench_call("list", "data", "few.csv", "data.split=[0.7,0.1,0.2]").out
    assert ("near-singular: a combination of x0, x1, x2 hardly varies" in words) == found
    said = "  near-singular combinations are not looked for: 36 training rows of 40 columns of numbers"
    assert (said in words.splitlines()) != found


def test_a_broken_file_has_no_diagnosis(tmp_path, bench_call) -> None:
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n3\n")
    answer = bench_call("list", "data", "broken.csv")
    assert answer.code == 2
    assert "broken.csv: row 2 (line 3) has 1 values for 2 columns" in answer.err


def test_the_table_is_sound_for_what_looks_data_sets_through(mine) -> None:
    found = inspect(table("table", path=str(mine), kinds={"weight": "heavy"}))
    assert found.refusals == ()
    assert found.warnings == ()
    assert found.dataset.train.dtype == torch.float32


def test_a_wide_column_decides_nothing_in_data_space(tmp_path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(300, 3)) * [1e6, 1, 1e-6]
    (tmp_path / "wide.csv").write_text("a,b,c\n" + "\n".join(",".join(map(repr, map(float, row))) for row in rows))
    data = table("table", path=str(tmp_path / "wide.csv"))
    spread = data.space.to_data(data.space.to_model(data.train, torch.Generator())).std(0)
    torch.testing.assert_close(spread, torch.ones(3), rtol=0, atol=0.01)
    assert inspect(data).warnings == ()


def test_the_same_row_of_the_same_table_again(mine, bench_call) -> None:
    """A row's command makes it again: the record holds the options."""
    assert bench_call(*command("model=gaussian", "data.seed=3", "data.kinds={children: category}")).code == 0
    (record,) = records(mine.parent / "results/scratch").values()
    assert "data.path=mine.csv" in record["command"]
    assert "data.kinds=" in record["command"]
    assert json.dumps(record["data"]) == '"table"'
