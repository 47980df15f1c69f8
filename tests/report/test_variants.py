from pathlib import Path

from bench.report.collect import collect
from bench.report.study import label, load
from bench.report.variants import variants
from tests.report.synthetic import record, write_run


def test_what_else_varies_gets_its_own_rows(tmp_path: Path) -> None:
    for steps in (500, 2000):
        for seed in (0, 1):
            made = record("toy", "vae", seed, run_id=f"toy-vae-s{seed}-{steps:08d}")
            write_run(tmp_path, made, budget={"steps": steps, "seconds": None})
    collect(tmp_path)
    assert {label(run) for run in load(tmp_path).runs} == {"vae (budget.steps=500)", "vae (budget.steps=2000)"}


def test_names_tell_kinds_apart_with_as_few_words_as_do() -> None:
    """The seed apart: what all share, what follows from another setting, and what most kinds share go unsaid."""
    plain = {"model.beta": "1.0", "model.width": "64", "eval.estimator": "auto", "eval.ais_steps": "1000"}
    wide = plain | {"model.width": "128", "budget.steps": "9"}
    assert variants([plain, plain, plain | {"model.beta": "0.5"}, wide]) == [
        *[None] * 2, "beta=0.5", "width=128"
    ]  # fmt: skip
    by = plain | {"eval.estimator": "ais", "eval.ais_steps": "400"}
    assert variants([plain, plain, plain, by]) == [*["eval.estimator=auto"] * 3, "eval.estimator=ais"]
    assert variants([plain | {"budget.steps": n, "train.batch_size": n} for n in "123"]) == [
        f"budget.steps={n}" for n in "123"
    ]
    two = plain | {"model.beta": "2.0"}
    assert variants([plain, two, by, two | by | {"model.beta": "2.0"}]) == [
        "beta=1.0, eval.estimator=auto", "beta=2.0, eval.estimator=auto",
        "beta=1.0, eval.estimator=ais", "beta=2.0, eval.estimator=ais",
    ]  # fmt: skip
    assert variants([plain]) == variants([plain, plain])[:1] == [None]


def test_what_the_run_id_ignores_and_the_device_split_no_row(tmp_path: Path) -> None:
    for seed, (device, root, number) in enumerate([("auto", None, 60.0), ("cpu", "/data", None), ("cuda", "/d", 9.0)]):
        write_run(
            tmp_path,
            record("toy", "vae", seed),
            data={"name": "toy", "root": root, "noise": 0.1},
            budget={"steps": 500, "timeout_seconds": number},
            train={"batch_size": 64, "checkpoint_seconds": number},
            study=f"study{seed}",
            results_dir=f"results{seed}",
            data_root=root,
            grid=[{"seed": [seed]}],
            device=device,
        )
    collect(tmp_path)
    assert {label(run) for run in load(tmp_path).runs} == {"vae"}


def test_runs_that_nothing_tells_apart_are_not_averaged(tmp_path: Path) -> None:
    for digits in ("0000000a", "0000000b"):
        write_run(tmp_path, record("toy", "vae", 0, run_id=f"toy-vae-s0-{digits}"))
    collect(tmp_path)
    assert {label(run) for run in load(tmp_path).runs} == {"vae (0000000a)", "vae (0000000b)"}


def of_file(content: str, path: str, seed: int = 0) -> dict[str, object]:
    words = {"data_hash": content, "command": f"bench run data=table data.path={path} model=vae seed={seed}"}
    return record("table", "vae", seed, run_id=f"table-vae-s{seed}-{content}", **words)


def test_data_of_several_files_are_told_by_their_names(tmp_path: Path) -> None:
    for made in (of_file("0000000a", "here/a.csv"), of_file("0000000a", "a.csv", 1), of_file("0000000b", "b.csv")):
        write_run(tmp_path, made)
    collect(tmp_path)
    assert {label(run) for run in load(tmp_path).runs} == {"vae (data.path=a.csv)", "vae (data.path=b.csv)"}


def test_a_file_that_changed_is_told_by_its_content(tmp_path: Path) -> None:
    for made in (of_file("0000000a", "a.csv"), of_file("0000000b", "a.csv", 1)):
        write_run(tmp_path, made)
    collect(tmp_path)
    assert all("content=" in label(run) for run in load(tmp_path).runs)
