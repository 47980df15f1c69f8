"""Finished cells: by their record, by a row of the committed table; another evaluation uses the stored weights."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from bench.record.runs import run_path
from bench.record.store import Record, RunFolder
from tests.helpers import ROOT, TINY, records, repeatable


def words(conf: Path, *overrides: str) -> list[str]:
    return ["run", "-m", "--config-dir", str(conf), *TINY, *overrides]


def write_table(study: Path) -> None:
    rows = list(records(study).values())
    with open(study / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["run_id", "evaluation", "status"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def test_the_record_of_a_finished_run_is_read_once(own_conf, bench_call, monkeypatch) -> None:
    """And once more for the table at the end."""
    command = words(own_conf, "model=affine", "seed=0,1")
    assert bench_call(*command).code == 0
    read, count = RunFolder.read, Counter[str]()

    def counted(folder: RunFolder) -> Record | None:
        count[folder.run_id] += 1
        return read(folder)

    monkeypatch.setattr(RunFolder, "read", counted)
    assert bench_call(*command).out.count("finished before: ok") == 2
    assert list(count.values()) == [2, 2]


@pytest.mark.long
def test_a_row_of_the_committed_table_is_finished_without_a_run_folder(own_conf, bench_call, tmp_path) -> None:
    command = words(own_conf, "model=affine", "seed=0,1")
    assert bench_call(*command).code == 0
    study = tmp_path / "results/scratch"
    write_table(study)
    shutil.rmtree(study / "runs")
    answer = bench_call(*command)
    assert answer.code == 0
    assert answer.out.count("finished before: ok (table.csv)") == 2
    assert not (study / "runs").exists()
    assert "2 finished (2 ok)" in bench_call(*command, "--dry-run").out
    more = bench_call(*words(own_conf, "model=affine", "seed=0,1,2"))
    assert "3 runs: 3 ok" in more.out
    assert [record["seed"] for record in records(study).values()] == [2]
    assert len(records(study)) == 1
    assert bench_call(*command, "--again").out.count("finished before") == 0
    assert len(records(study)) == 3


def test_another_evaluation_uses_the_weights_and_gives_the_numbers_of_a_run_evaluated_so(
    own_conf, bench_call, tmp_path
) -> None:
    model = ["model=vae", "budget.parameters=null", "model.width=8"]
    assert bench_call(*words(own_conf, *model)).code == 0
    (weights,) = tmp_path.rglob("weights.safetensors")
    before = weights.stat().st_mtime_ns
    other = ["eval.importance_samples=20", "eval.seed=5"]
    answer = bench_call(*words(own_conf, *model, *other))
    assert answer.code == 0
    assert "step" not in answer.out.split("steps in")[0], "nothing is trained"
    assert weights.stat().st_mtime_ns == before
    (path,) = tmp_path.glob("results/scratch/runs/*/*/evaluations/*/record.json")
    again = json.loads(path.read_text())
    assert again["nll_estimator"] == "iwae-20"
    assert again["evaluation"] == path.parent.name
    assert bench_call(*words(own_conf, *model, *other, "results_dir=at_once")).code == 0
    (at_once,) = records(tmp_path / "at_once/scratch").values()
    clocks = {"peak_memory_bytes", "run_id"}
    assert {k: v for k, v in repeatable(again).items() if k not in clocks} == {
        k: v for k, v in repeatable(at_once).items() if k not in clocks
    }
    first, second = (path.parent / "samples.npz", next((tmp_path / "at_once").rglob("samples.npz")))
    assert first.read_bytes() == second.read_bytes()
    assert "finished before: ok" in bench_call(*words(own_conf, *model, *other)).out


def test_a_run_that_did_not_end_ok_has_no_other_evaluation(own_conf, bench_call, tmp_path) -> None:
    assert bench_call(*words(own_conf, "model=diverging")).code == 1
    assert "finished before: diverged" in bench_call(*words(own_conf, "model=diverging", "eval.seed=5")).out


def test_bench_evaluate_evaluates_stored_weights(own_conf, bench_call, tmp_path) -> None:
    model = ["model=vae,realnvp", "budget.parameters=null", "model.width=8", "results_dir=here"]
    assert bench_call(*words(own_conf, *model)).code == 0
    answer = bench_call("evaluate", "scratch", "eval.importance_samples=20", "--results-dir", "here")
    assert answer.code == 0, answer.err
    assert "2 runs: 2 ok" in answer.out
    paths = sorted(tmp_path.glob("here/scratch/runs/*/*/evaluations/*/record.json"))
    assert [json.loads(path.read_text())["nll_estimator"] for path in paths] == ["exact", "iwae-20"]
    command = json.loads(paths[1].read_text())["command"]
    assert command.endswith("eval.importance_samples=20")
    vae = paths[1].parents[2].name
    one = bench_call("evaluate", vae, "eval.seed=9", "--results-dir", "here")
    assert one.code == 0, one.err
    assert "1 runs: 1 ok" in one.out
    by_path = bench_call("evaluate", run_path(Path("here/scratch/runs"), vae), "eval.seed=9")
    assert by_path.out.count("finished before") == 1


def test_bench_evaluate_refuses_what_it_cannot_do(own_conf, bench_call, tmp_path) -> None:
    assert "no run and no study nothing" in bench_call("evaluate", "nothing").err
    assert bench_call(*words(own_conf, "model=vae", "budget.parameters=null", "model.width=8")).code == 0
    assert "can change eval.* alone" in bench_call("evaluate", "scratch", "train.batch_size=3").err
    assert "importance_samples" in bench_call("evaluate", "scratch", "eval.importance_sample=3").err
    (config,) = tmp_path.rglob("config.yaml")
    config.write_text(config.read_text().replace("batch_size: 32", "batch_size: 16"))
    answer = bench_call("evaluate", "scratch", "eval.seed=3")
    assert answer.code == 2
    assert "no longer those of the run" in answer.err


def test_a_run_outside_of_a_studys_runs_is_told_where_to_go(bench_call, tmp_path) -> None:
    """The best run of a study is kept under the name of its data, by which it is no run of `runs/`."""
    kept = ROOT / "results" / "quick" / "best" / "8gaussians"
    answer = bench_call("evaluate", kept, "eval.sample_size=50")
    assert answer.code == 2
    assert "lies in no study's runs/; copy it to results/STUDY/runs/ID, ID of its record" in answer.err
