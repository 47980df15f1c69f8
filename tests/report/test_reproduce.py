import math
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.report.collect import collect
from bench.report.reproduce import reproduce
from bench.store import RunFolder


def study(folder: Path, data: str, **columns: object) -> None:
    for seed in range(3):
        run = RunFolder(folder / "runs" / f"{data}-realnvp-s{seed}-00000000")
        record = {"run_id": run.path.name, "status": "ok", "data": data, "model": "realnvp", "seed": seed}
        run.write_record(record | {name: value + seed / 10 for name, value in columns.items()})
    collect(folder)


def test_obtained_stands_beside_published_with_its_interval(tmp_path: Path) -> None:
    study(tmp_path / "mine", "mnist", bits_per_dim=2.0)
    line = reproduce("mine", tmp_path)[0]
    half_width = 4.302653 * 0.1 / math.sqrt(3)  # t(0.975, 2 degrees of freedom)
    assert f"obtained 2.1000 ± {half_width:.4f} (n=3), published 1.93" in line
    assert "difference +0.1700" in line


def test_a_study_without_a_counterpart_says_so(tmp_path: Path) -> None:
    study(tmp_path / "mine", "unheard_of", bits_per_dim=2.0)
    with pytest.raises(BenchError, match="nothing published"):
        reproduce("mine", tmp_path)


def test_an_unknown_study_is_named_beside_those_there_are(tmp_path: Path) -> None:
    study(tmp_path / "mine", "mnist", bits_per_dim=2.0)
    with pytest.raises(BenchError, match="did you mean mine"):
        reproduce("mien", tmp_path)
