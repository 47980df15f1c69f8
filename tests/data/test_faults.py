"""Faulty data of a user's through a whole command: refused at once, or run with a warning in the row."""

import pytest

from tests.helpers import TINY_BUDGET, TINY_EVAL, records

SOURCE = """
import torch
from bench import Dataset, DataSpec
from bench.data.spaces import DequantisedLogit, Identity


def mine(name: str, *, fault: str) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x, spec, space = torch.randn(600, 3, generator=generator), DataSpec((3,)), Identity()
    levels = torch.randint(17, (600, 3), generator=generator)
    if fault == "levels":
        x, spec, space = levels, DataSpec((3,), "discrete", 16), DequantisedLogit.fitted(levels, 16, 0.005)
    if fault == "binary":
        x, spec = x.sigmoid(), DataSpec((3,), "binary")
    if fault == "constant":
        x[:, 2] = 1
    if fault == "float64":
        x = x.double()
    if fault == "copies":
        x = torch.where(torch.rand(600, 1, generator=generator) < 0.8, 0.0, x)
    if fault == "wide":
        x[:, 1] *= 1e4
    if fault == "few":
        x, spec = torch.randn(600, 400, generator=generator), DataSpec((400,))
    test = x[500:501] if fault == "one" else x[:400] if fault == "same" else x[500:]
    return Dataset(name, spec, space, train=x[:400] if fault != "few" else x[:300], validation=x[400:500], test=test)
"""
WORDS = [word for word in (*TINY_BUDGET, *TINY_EVAL) if not word.startswith("budget.parameters")]


@pytest.fixture
def call(tmp_path, monkeypatch, bench_call):
    """`bench run -m` of one model on the data with each of some faults."""
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "mine.yaml").write_text("# Mine\n_target_: faulty_data.mine\n")
    (tmp_path / "faulty_data.py").write_text(SOURCE)

    def call(model: str, *faults: str):
        words = ["budget.parameters=null", f"model={model}", "data=mine", f"data.fault={','.join(faults)}"]
        return bench_call("run", "-m", "--config-dir", "conf", *WORDS, *words)

    return call


def test_every_refusal_comes_at_once_before_anything_is_trained(call, tmp_path) -> None:
    answer = call("gaussian", "levels", "binary", "constant", "same", "one")
    assert answer.code == 2
    named = [
        "train row 5, column 2 is 16: levels=16 are the integers 0 to 15",
        "binary data are 0 or 1",
        "column 2 is constant (1) in train",
        "test and train are the same rows",
        "test has too few rows (1); metrics of a run need at least 10",
    ]
    lines = answer.err.splitlines()
    assert len(lines) == len(named)
    for line, part in zip(lines, named, strict=True):
        assert "data=mine (faulty_data.mine): " in line
        assert part in line
    assert not (tmp_path / "results").exists()


def test_warnings_stand_in_the_rows_beside_their_likelihoods(call, tmp_path) -> None:
    answer = call("gaussian", "copies", "float64", "wide", "few")
    assert answer.code == 0, answer.err
    rows = records(tmp_path / "results" / "scratch").values()
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["nll_nats"] is not None for row in rows)
    warnings = sorted(row["warning"] for row in rows)
    named = ["300 training examples of 400 columns", "training rows are copies", "column 1 is ", "float64 is converted"]
    for part in named:
        (row,) = (row for row in rows if part in row["warning"])
        assert (row["mmd2"] is None) == (part == "training rows are copies")
    assert len(warnings) == len(named)


def test_float64_is_no_hindrance_to_a_network(call, tmp_path) -> None:
    assert call("realnvp", "float64").code == 0
    (row,) = records(tmp_path / "results" / "scratch").values()
    assert row["status"] == "ok"
