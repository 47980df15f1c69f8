"""`import bench` is light, and its names are those that users write against."""

import subprocess
import sys

import pytest

import bench
from tests.helpers import ROOT


def test_importing_it_loads_neither_torch_nor_pandas() -> None:
    code = "import sys, bench; print(sorted({'torch', 'pandas', 'numpy', 'hydra', 'matplotlib'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_it_takes_less_than_a_tenth_of_a_second() -> None:
    code = "import time; t = time.process_time(); import bench; print(time.process_time() - t)"
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.1


def test_every_public_name_is_the_one_of_its_home() -> None:
    from bench.data.dataset import Dataset
    from bench.models.entry import Entry, LogProb
    from bench.models.optimise import GradientStep
    from bench.report.frames import summary, table
    from bench.spec import DataSpec

    homes = (Entry, DataSpec, Dataset, LogProb, GradientStep, table, summary)
    names = (bench.Entry, bench.DataSpec, bench.Dataset, bench.LogProb, bench.GradientStep, bench.table, bench.summary)
    assert all(name is home for name, home in zip(names, homes, strict=True))
    assert {"Entry", "table"} <= set(dir(bench))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Entrie'"):
        _ = bench.Entrie


def test_the_old_paths_of_third_parties_stay() -> None:
    from bench.models.entry import Entry as EntryOfBefore
    from bench.models.optimise import GradientStep as StepOfBefore
    from bench.spec import DataSpec as SpecOfBefore

    assert (EntryOfBefore, StepOfBefore, SpecOfBefore) == (bench.Entry, bench.GradientStep, bench.DataSpec)


def test_tables_of_a_committed_study_are_read_by_name() -> None:
    runs, models = bench.table("quick", ROOT / "results"), bench.summary("quick", ROOT / "results")
    committed = (ROOT / "results" / "quick" / "table.csv").read_text().splitlines()
    assert len(runs) == len(committed) - 1
    assert {"vae", "realnvp", "cnf"} <= set(models["model"])


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "bench" / "py.typed").exists()
