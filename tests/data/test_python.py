"""Arrays that a user's function returns."""

import sys

import numpy as np
import pytest
import torch

from bench.data.content import content_of
from bench.data.python import python
from bench.errors import BenchError
from bench.record.runs import run_path
from tests.helpers import TINY_EVAL, records

SOURCE = """
import numpy as np
import torch

ROWS = np.random.default_rng(0).normal(5, 2, (100, 3))


def lone(n=100):
    return ROWS[:n]


def tensors():
    return torch.from_numpy(ROWS), torch.arange(100) % 2


def parts():
    return {"train": ROWS[:60], "validation": ROWS[60:80], "test": ROWS[80:]}


def grey():
    return np.random.default_rng(0).integers(0, 256, (100, 4, 6), dtype=np.uint8)


def nothing():
    return None


def ragged():
    return {"x": [[1.0], [1.0, 2.0]]}


def failing():
    raise KeyError("column")


constant = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> None:
    """A module of a user's on the path."""
    (tmp_path / "own_arrays.py").write_text(SOURCE)
    (tmp_path / "own_broken.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("own_arrays", "own_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_arrays_tuples_and_dictionaries_are_data(own) -> None:
    lone = python("python", function="own_arrays:lone")
    assert [len(lone.train), len(lone.validation), len(lone.test)] == [70, 15, 15]
    tensors = python("python", function="own_arrays:tensors", labelled=10)
    assert torch.equal(tensors.train, lone.train)
    assert len(tensors.labelled) == 10
    parts = python("python", function="own_arrays:parts")
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [60, 20, 20]
    grey = python("python", function="own_arrays:grey", picture=True)
    assert (grey.image_shape, grey.spec.levels) == ((4, 6), 256)


def test_arguments_reach_the_function_and_the_arrays_make_the_key(own) -> None:
    def key(function: str, **options) -> dict:
        return content_of(python("python", function=function, **options), "bench.data.python.python", {})

    assert len(python("python", function="own_arrays:lone", n=80).train) == 56
    assert key("own_arrays:lone") == key("own_arrays:lone", n=100)
    assert key("own_arrays:lone") != key("own_arrays:lone", n=99)


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        ("own_arrays", {}, "write module:name, such as data.function=my.module:load"),
        ("nowhere_at_all:load", {}, "cannot import nowhere_at_all (ModuleNotFoundError"),
        (
            "own_broken:load",
            {},
            "cannot import own_broken (ModuleNotFoundError: No module named 'nowhere_to_be_found')",
        ),
        ("own_arrays:alone", {}, "unknown function 'alone' in own_arrays; did you mean lone"),
        ("own_arrays:constant", {}, "is no function"),
        ("own_arrays:lone", {"m": 3}, "got an unexpected keyword argument 'm'"),
        ("own_arrays:failing", {}, "fails (KeyError: 'column'); mend it or its options"),
        ("own_arrays:nothing", {}, "returned a NoneType; let it return an array"),
        ("own_arrays:ragged", {}, "x: is no array (ValueError"),
        ("own_arrays:lone", {"picture": True}, "pictures of float64; give bytes (uint8)"),
        ("own_arrays:grey", {"picture": True, "kind": "continuous"}, "pictures are discrete, leave data.kind out"),
    ],
)
def test_a_function_of_no_use_is_a_line(own, function, options, said) -> None:
    with pytest.raises(BenchError) as refusal:
        python("python", function=function, **options)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_run_keeps_the_functions_source(own, bench_call, tmp_path) -> None:
    words = [
        "data=python",
        "data.function=own_arrays:lone",
        "data.n=90",
        "model=gaussian",
        "train.batch_size=32",
        *TINY_EVAL,
    ]
    answer = bench_call("run", *words)
    assert answer.code == 0, answer.err
    ((run, record),) = records(tmp_path / "results/scratch").items()
    assert np.isfinite(record["nll_nats"])
    assert "own_arrays" in (run_path(tmp_path / "results/scratch/runs", run) / "sources").iterdir().__next__().name
    assert "finished before: ok" in bench_call("run", *words).out
