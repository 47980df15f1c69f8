"""Data made again for a run that stored no space are those it was tested on, or they are refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.run import run
from bench.setup.compose import compose
from bench.use.load import load
from tests.helpers import TINY_BUDGET, TINY_EVAL, cell_in


@pytest.fixture(params=["realnvp", "vae"])
def array_run(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A run of a user's array that stored no space, and the array's file."""
    file = tmp_path / "mine.npy"
    np.save(file, np.random.default_rng(0).normal(size=(300, 3)))
    words = [f"model={request.param}", "budget.parameters=200", "budget.tolerance=0.3", "data=array"]
    cell = cell_in(compose([*TINY_BUDGET, *TINY_EVAL, *words, f"data.path={file}"]), tmp_path / "results")
    record = run(cell, lambda history, share: None)
    assert record["status"] == "ok", record["error"]
    for name in ("space.json", "space.safetensors"):
        (cell.folder.path / name).unlink()
    return cell.folder.path, file


def test_the_data_of_the_run_are_taken_in_silence(array_run: tuple[Path, Path]) -> None:
    said: list[str] = []
    assert load(array_run[0], say=said.append).stored.reference
    assert said == []


def test_other_data_are_refused(array_run: tuple[Path, Path]) -> None:
    """Those of a flow would show by their likelihood as well; those of a VAE, which is random, by nothing else."""
    folder, file = array_run
    np.save(file, np.load(file) + 0.01 * np.arange(300)[:, None])
    with pytest.raises(
        BenchError, match=r"mine\.npy gives other test rows here .* than the run was tested on"
    ) as caught:
        load(folder, say=lambda line: None)
    assert "\n" not in str(caught.value)


def test_the_test_nll_is_of_the_runs_data_alone(shelf, tmp_path: Path) -> None:
    """A folder with a space reads no data until its NLL is asked for again."""
    loaded = load(shelf["table"], say=lambda line: None)
    file = Path(loaded.config.data["path"])
    text = file.read_text()
    try:
        file.write_text(text.replace("north", "east", 40))
        with pytest.raises(BenchError, match="other test rows here"):
            loaded.test_nll()
    finally:
        file.write_text(text)


@pytest.mark.parametrize(
    ("column", "says"), [("test_hash", "no hash of its test rows is stored"), ("data_hash", "gives the test rows")]
)
def test_what_is_not_shown_is_said_in_a_line(array_run: tuple[Path, Path], column: str, says: str) -> None:
    place = array_run[0] / "record.json"
    record = json.loads(place.read_text())
    place.write_text(json.dumps(record | {column: None if column == "test_hash" else "00000000"}))
    said: list[str] = []
    load(array_run[0], say=said.append)
    assert len(said) == 1
    assert says in said[0]
