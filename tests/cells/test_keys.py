"""Results are keyed by content: changed data or code make other runs, layout and names do not."""

from pathlib import Path

import pytest

from bench.record.runs import run_path
from tests.helpers import TINY_BUDGET, TINY_EVAL, records

DATA = """
import torch
from bench import Dataset, DataSpec
from bench.data.spaces import Identity


def made(name, scale=1.0):
    x = SCALE * torch.randn(600, 3, generator=torch.Generator().manual_seed(0))
    return Dataset(name=name, spec=DataSpec((3,)), space=Identity(), train=x[:300], validation=x[300:450], test=x[450:])


def from_csv(name):
    rows = [[float(cell) for cell in line.split(",")] for line in open("rows.csv")]
    x = torch.tensor(rows)
    return Dataset(name=name, spec=DataSpec((3,)), space=Identity(), train=x[:300], validation=x[300:450], test=x[450:])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: a data function, a table, and a package with an entry, its base and a third file."""
    (tmp_path / "conf/data").mkdir(parents=True)
    (tmp_path / "conf/model").mkdir()
    (tmp_path / "own_data.py").write_text("SCALE = 1.0\n" + DATA)
    (tmp_path / "conf/data/generated.yaml").write_text("_target_: own_data.made\nname: generated\n")
    (tmp_path / "conf/data/from_csv.yaml").write_text("_target_: own_data.from_csv\nname: from_csv\n")
    write_rows(tmp_path, 1.0)
    package = tmp_path / "own_entry"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "third.py").write_text("START = 0.0\n")
    (package / "base.py").write_text("from tests.own_entries import Affine\n\nfrom .third import START\n")
    (package / "entry.py").write_text("from .base import START, Affine\n\n\nclass Own(Affine):\n    start = START\n")
    (tmp_path / "conf/model/own.yaml").write_text("_target_: own_entry.entry.Own\nname: own\nwidth: 4\n")
    return tmp_path


def write_rows(folder: Path, scale: float) -> None:
    """rows.csv: 600 rows of three columns."""
    rows = [[scale * ((7 * row * (column + 2)) % 101 / 50 - 1) for column in range(3)] for row in range(600)]
    (folder / "rows.csv").write_text("".join(",".join(map(repr, row)) + "\n" for row in rows))


def command(*words: str) -> list[str]:
    return ["run", "--config-dir", "conf", *TINY_BUDGET, *TINY_EVAL, "budget.parameters=null", *words]


def test_changed_arrays_of_a_data_function_make_another_run(folder, bench_call) -> None:
    words = command("data=generated", "model=gaussian")
    assert bench_call(*words).code == 0
    assert "finished before: ok" in bench_call(*words).out
    source = folder / "own_data.py"
    source.write_text(source.read_text().replace("SCALE = 1.0", "SCALE = 10.0"))
    answer = bench_call(*words)
    assert answer.code == 0
    assert "finished before" not in answer.out
    found = records(folder / "results/scratch")
    values = sorted(record["nll_nats"] for record in found.values())
    assert values[1] - values[0] == pytest.approx(6.9078, abs=0.01), "3 ln 10"
    assert len({record["data_hash"] for record in found.values()}) == 2


def test_a_changed_table_makes_another_run(folder, bench_call) -> None:
    words = command("data=from_csv", "model=gaussian")
    assert bench_call(*words).code == 0
    write_rows(folder, 2.0)
    assert "finished before" not in bench_call(*words).out
    write_rows(folder, 1.0)
    assert "finished before: ok" in bench_call(*words).out
    assert len(records(folder / "results/scratch")) == 2


@pytest.mark.parametrize("file", ["entry.py", "base.py", "third.py"])
def test_a_changed_line_in_any_file_of_an_entry_makes_another_run_and_a_comment_does_not(
    file: str, folder, bench_call
) -> None:
    words = command("data=generated", "model=own")
    assert bench_call(*words).code == 0
    path = folder / "own_entry" / file
    path.write_text("# a comment\n" + path.read_text())
    assert "finished before: ok" in bench_call(*words).out
    path.write_text(path.read_text() + "\nMORE = 1\n")
    assert "finished before" not in bench_call(*words).out
    found = records(folder / "results/scratch")
    assert len({record["source_hash"] for record in found.values()}) == 2
    for name in found:
        kept = {path.name for path in (run_path(folder / "results/scratch/runs", name) / "sources").iterdir()}
        assert {"own_entry.entry.py", "own_entry.base.py", "own_entry.third.py", "own_data.py"} <= kept


def test_two_versions_of_an_entry_are_two_variants_each_of_its_seeds(folder, bench_call) -> None:
    words = command("-m", "data=generated", "model=own", "seed=0,1,2")
    assert bench_call(*words).code == 0
    path = folder / "own_entry/base.py"
    path.write_text(path.read_text() + "\nMORE = 1\n")
    assert bench_call(*words).code == 0
    assert bench_call("report", "scratch").code == 0
    summary = (folder / "results/scratch/summary.csv").read_text().splitlines()
    ended = [line for line in summary if ",runs_" in line]
    assert len(ended) == 2
    assert all(",runs_ok,runs,3,,3," in line for line in ended)
    assert sum("(current)" in line for line in ended) == 1


def test_the_row_names_versions_start_and_machine(folder, bench_call) -> None:
    assert bench_call(*command("data=generated", "model=gaussian")).code == 0
    (record,) = records(folder / "results/scratch").values()
    assert {"python", "torch", "zuko", "nflows"} <= {part.partition("=")[0] for part in record["versions"].split()}
    assert record["started"][-6] in "+-"
    assert record["cores"] >= 1
    assert record["memory_bytes"] > 1e8


def test_one_and_four_threads_are_one_run(folder, bench_call) -> None:
    assert bench_call(*command("data=generated", "model=gaussian", "threads=1")).code == 0
    assert "finished before: ok" in bench_call(*command("data=generated", "model=gaussian", "threads=4")).out


def test_a_module_that_is_imported_late_is_warned_of(folder, bench_call) -> None:
    path = folder / "own_entry/entry.py"
    late = "\n    def finish(self, x):\n        import own_late\n"
    path.write_text(path.read_text() + late)
    (folder / "own_late.py").write_text("LATE = 1\n")
    assert bench_call(*command("data=generated", "model=own")).code == 0
    (record,) = records(folder / "results/scratch").values()
    assert "imported after the run was keyed" in record["warning"]
    assert "own_late" in record["warning"]
