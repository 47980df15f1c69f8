"""Tiny runs that the tests of a folder share, and the command called beside them."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.record.runs import run_path
from bench.run import run
from bench.setup.compose import compose
from tests.helpers import TINY_BUDGET, TINY_DATA, TINY_EVAL, cell_in

DIGITS = ["data=digits", "eval.test_examples=40", "eval.dequantisation_draws=2"]
RUNS = {
    "flow": ["model=realnvp", "budget.parameters=200", *TINY_DATA],
    "vae": ["model=vae", "budget.parameters=200", *TINY_DATA],
    "ode": ["model=cnf", "budget.parameters=200", "budget.steps=4", *TINY_DATA],
    "floor": ["model=gaussian", "budget.parameters=null", *TINY_DATA],
    "mixture": ["model=gmm", "budget.parameters=null", *TINY_DATA],
    "digits": ["model=realnvp", "budget.parameters=8000", "budget.steps=4", *DIGITS],
    "digits_vae": ["model=vae", "budget.parameters=8000", "budget.steps=4", *DIGITS],
    "labels": ["model=m2", "data.labelled=100", "budget.parameters=9000", "budget.steps=4", *DIGITS],
    "table": ["model=realnvp", "budget.parameters=300", "data=table"],
    "bits": ["model=vae", "budget.parameters=8000", "budget.steps=4", "data=digits_binary", "eval.test_examples=40"],
}
"""A table of entries: exact flow, VAE, ODE flow, floor, on coordinates, levels and bits."""


WORDS = ("north", "south", "east")


def write_table(path: Path, rows: int, seed: int = 0) -> None:
    """A table of two real columns, an integer, words, a constant and a copy."""
    draws = np.random.default_rng(seed)
    height, mass = draws.normal(170, 8, rows), np.exp(draws.normal(4, 0.2, rows))
    age, place = draws.integers(18, 60, rows), draws.choice(WORDS, rows)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "age", "mass", "place", "year", "height_again"])
        writer.writerows(
            [h, a, m, p, 1999, h] for h, a, m, p in zip(height.round(6), age, mass.round(6), place, strict=True)
        )


class Shelf:
    """The runs of `RUNS`, each made when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, dict[str, Path]()

    def __getitem__(self, name: str) -> Path:
        if name not in self.made:
            write_table(self.root / "people.csv", 400)
            path = [f"data.path={self.root / 'people.csv'}"] if name == "table" else []
            size = [] if name in ("floor", "mixture") else TINY_BUDGET
            words = [*size, *TINY_EVAL, *RUNS[name], *path, "budget.tolerance=0.3"]
            cell = cell_in(compose(words), self.root)
            record = run(cell, lambda history, share: None)
            assert record["status"] == "ok", record["error"]
            self.made[name] = cell.folder.path
        return self.made[name]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def copied(shelf: Shelf, tmp_path: Path):
    """A copy of a run's folder under `results/study/runs`, to be damaged."""

    def copy(name: str, results: Path | None = None) -> Path:
        folder = run_path((results or tmp_path / "results") / "study" / "runs", shelf[name].name)
        return Path(shutil.copytree(shelf[name], folder))

    return copy
