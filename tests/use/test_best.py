"""The runs that studies keep with their weights: the best by the committed table, small, and as good as their row."""

import json
from pathlib import Path

import pytest

from bench.use.export import LARGEST
from bench.use.load import load
from bench.use.places import best_runs
from tests.helpers import ROOT

KEPT = sorted(path for path in ROOT.glob("results/*/best/*") if path.is_dir())


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_a_kept_run_is_the_best_of_its_table(folder: Path) -> None:
    study = folder.parents[1]
    record = json.loads((folder / "record.json").read_text())
    assert record["run_id"] == best_runs(study)[folder.name]
    assert (folder / "weights.safetensors").stat().st_size <= LARGEST


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_a_kept_run_samples_in_a_fresh_clone(folder: Path) -> None:
    study, data = folder.parents[1].name, folder.name
    run = load(f"{study}/best/{data}", ROOT / "results", say=lambda line: None)
    assert len(run.sample(8)) == 8
