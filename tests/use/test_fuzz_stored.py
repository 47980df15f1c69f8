"""Some of the mutations of fuzz_stored.py, always the same, and what once went through or failed otherwise."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

import bench
from bench.errors import BenchError
from tests.use.fuzz_stored import case, hold, template

CASES = 25


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    template(folder)
    return folder


@pytest.mark.long
def test_mutated_runs_are_loaded_or_refused(made: Path, tmp_path: Path) -> None:
    for seed in range(CASES):
        place = tmp_path / str(seed)
        case(made, place, seed)


def test_what_is_not_mutated_is_loaded(made: Path) -> None:
    hold(made)
    assert bench.load(made).sample(2, seed=0).shape == (2, 2)


@pytest.mark.parametrize("name", ["weights.safetensors", "space.safetensors"])
def test_complex_numbers_are_refused(name: str, made: Path) -> None:
    """Of weights torch would drop the imaginary part; the solver failed on rows."""
    tensors = load((made / name).read_bytes())
    key = "reference.x" if name.startswith("space") else sorted(tensors)[0]
    tensors[key] = tensors[key].to(torch.complex64)
    (made / name).write_bytes(save(tensors))
    with pytest.raises(BenchError, match=name):
        bench.load(made)


@pytest.mark.parametrize("name", ["x", "log_prob", "error"])
@pytest.mark.parametrize("rows", [torch.zeros(0), torch.zeros(3, 1), torch.zeros(16, 2).to(torch.float8_e4m3fn)])
def test_rows_of_other_shapes_are_refused(name: str, rows: torch.Tensor, made: Path) -> None:
    tensors = load((made / "space.safetensors").read_bytes())
    tensors[f"reference.{name}"] = rows
    (made / "space.safetensors").write_bytes(save(tensors))
    with pytest.raises(BenchError, match=r"space\.safetensors: its rows are not as the bench writes them"):
        bench.load(made)


def test_rows_in_double_precision_are_refused(made: Path) -> None:
    tensors = load((made / "space.safetensors").read_bytes())
    tensors["reference.x"] = tensors["reference.x"].double()
    (made / "space.safetensors").write_bytes(save(tensors))
    with pytest.raises(BenchError, match=r"space\.safetensors: its rows are not as the bench writes them"):
        bench.load(made)


@pytest.mark.parametrize(("name", "value"), [("context_size", "\ud800"), ("classes", -1), ("examples", 1.5)])
def test_sizes_that_are_no_counts_are_refused(name: str, value: object, made: Path) -> None:
    words = json.loads((made / "space.json").read_text())
    words["spec"][name] = value
    (made / "space.json").write_text(json.dumps(words))
    with pytest.raises(BenchError, match=rf"space\.json: {name} is .*, no count"):
        bench.load(made)
