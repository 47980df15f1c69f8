"""Packed runs through the command, held against the same runs one by one."""

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import CLOCKS, TINY, Answer, records

SINGLE = 1e-4
"""Relative. Sums in another order differ by 1e-7; Adam divides by the gradient's own size, so that 20 steps at 2e-3
may carry a parameter whose gradient is rounding alone 1e-5 apart. Another noise or order of batches moves the third
digit."""


def words(conf: Path, *overrides: str) -> list[str]:
    return ["run", "-m", "--config-dir", str(conf), *TINY, *overrides]


def made(root: Path, name: str) -> dict[str, dict]:
    return records(root / name / "scratch")


def history(root: Path, name: str, run_id: str) -> list[dict[str, float]]:
    with open(root / name / "scratch/runs" / run_id / "history.csv") as file:
        return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]


def assert_same_run(root: Path, run_id: str, packed: str, alone: str) -> None:
    """The same history, weights and record, clocks aside, to what single precision leaves."""
    ours, theirs = history(root, packed, run_id), history(root, alone, run_id)
    assert [row["step"] for row in ours] == [row["step"] for row in theirs]
    for column in ("train_loss_nats", "val_nll_nats"):
        assert [r[column] for r in ours] == pytest.approx([r[column] for r in theirs], rel=SINGLE, nan_ok=True)
    mine, other = made(root, packed)[run_id], made(root, alone)[run_id]
    about_packs = {"packed", "command", "git_commit"}
    for name in mine.keys() - CLOCKS - about_packs:
        if isinstance(mine[name], float) and not name.startswith("recon"):
            assert mine[name] == pytest.approx(other[name], rel=1e-3, abs=1e-5), name
        elif not isinstance(mine[name], (float, list)):
            assert mine[name] == other[name], name
    weights = [load_file(root / name / "scratch/runs" / run_id / "weights.safetensors") for name in (packed, alone)]
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-3, atol=1e-4)


def both_ways(call, conf: Path, *overrides: str) -> tuple[Answer, Answer]:
    alone = call(*words(conf, *overrides, "results_dir=alone"))
    packed = call(*words(conf, *overrides, "results_dir=packed", "pack=seeds"))
    return packed, alone


@pytest.mark.parametrize("model", ["realnvp", "vae", "noisy"])
def test_packed_runs_are_the_runs_alone(model: str, own_conf, bench_call, tmp_path) -> None:
    """A flow whose loss draws nothing, a VAE whose loss does, and an entry that keeps a count beside its weights."""
    width = "model.width=32" if model != "noisy" else "model.width=4"
    rest = ["budget.parameters=null", width, "seed=0,1,2"]
    packed, alone = both_ways(bench_call, own_conf, f"model={model}", *rest)
    assert packed.code == alone.code == 0
    assert "one by one" not in packed.out
    found = made(tmp_path, "packed")
    assert found.keys() == made(tmp_path, "alone").keys()
    assert len({record["nll_nats"] for record in found.values()}) == 3
    for run_id, record in found.items():
        assert record["packed"] == 3
        assert record["peak_memory_bytes"] is None
        assert made(tmp_path, "alone")[run_id]["packed"] == 1
        assert_same_run(tmp_path, run_id, "packed", "alone")
