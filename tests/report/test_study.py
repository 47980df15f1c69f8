import math
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.report.study import load, table_text, validated
from tests.report.synthetic import record


def test_a_table_reads_back_bit_for_bit(tmp_path: Path) -> None:
    awkward = {"nll_nats": 0.1 + 0.2, "recon_mse": 5e-324, "git_commit": "12e4567", "error": 'a, "b"\nc', "width": None}
    awkward["compiled"] = "step"
    runs = [validated(record("toy", "vae", seed, **awkward)) for seed in range(2)]
    (tmp_path / "table.csv").write_text(table_text(runs))
    assert load(tmp_path).runs == runs


@pytest.mark.parametrize(
    "change",
    [
        {"nll_nats": math.nan},
        {"nll_nats": "low"},
        {"train_seconds": True},
        {"nll_is_bound": 1},
        {"status": "fine"},
        {"width": "64"},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        validated(record("toy", "vae", 0, **change))


def test_a_damaged_table_is_named_with_its_line(tmp_path: Path) -> None:
    text = table_text([validated(record("toy", "vae", 0))])
    (tmp_path / "table.csv").write_text(text + "<<<<<<< ours\n")
    with pytest.raises(BenchError, match=r"table\.csv, line 3"):
        load(tmp_path)


def test_damaged_companions_are_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(table_text([validated(record("toy", "vae", 0))]))
    (tmp_path / "histories.csv").write_text("run_id,step\n")
    with pytest.raises(BenchError, match=r"histories\.csv does not have the columns"):
        load(tmp_path)
    (tmp_path / "histories.csv").unlink()
    (tmp_path / "pictures.npz").write_bytes(b"PK not an archive")
    with pytest.raises(BenchError, match=r"pictures\.npz cannot be read"):
        load(tmp_path)
