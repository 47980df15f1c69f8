"""Packed runs through the command, held against the same runs one by one."""

import csv
import threading
from collections.abc import Sequence, Set
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench.cells.lock import Lock
from bench.pack.train import pack_key, train_pack
from bench.record.runs import run_path
from bench.record.writing import make_folder
from bench.run import run
from bench.setup.cell import Cell, resolve
from bench.training.checkpoint import load_state
from bench.training.history import History
from tests.helpers import CLOCKS, TINY, Answer, records, repeatable, tiny

SINGLE = 1e-4
"""Relative. Sums in another order differ by 1e-7; Adam divides by the gradient's own size, so that 20 steps at 2e-3
may carry a parameter whose gradient is rounding alone 1e-5 apart. Another noise or order of batches moves the third
digit."""

OF_SAMPLES = ("c2st", "mmd2", "sliced_w2", "sharpness")
"""Columns that rounding may move by more: it can flip a split of the classifier's trees. Weights and likelihoods are
compared, and decide the samples."""


def words(conf: Path, *overrides: str) -> list[str]:
    return ["run", "-m", "--config-dir", str(conf), *TINY, *overrides]


def made(root: Path, name: str) -> dict[str, dict]:
    return records(root / name / "scratch")


def history(root: Path, name: str, run_id: str) -> list[dict[str, float]]:
    with open(run_path(root / name / "scratch/runs", run_id) / "history.csv") as file:
        return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]


def assert_same_run(root: Path, run_id: str, packed: str, alone: str, but: Set[str] = frozenset()) -> None:
    """The same history, weights and record, clocks aside, to what single precision leaves."""
    ours, theirs = history(root, packed, run_id), history(root, alone, run_id)
    assert [row["step"] for row in ours] == [row["step"] for row in theirs]
    for column in ("train_loss_nats", "val_nll_nats"):
        assert [r[column] for r in ours] == pytest.approx([r[column] for r in theirs], rel=SINGLE, nan_ok=True)
    mine, other = made(root, packed)[run_id], made(root, alone)[run_id]
    about_packs = {"packed", "command", "git_commit", "checksum"}
    for name in mine.keys() - CLOCKS - about_packs - but:
        if name.startswith(OF_SAMPLES):
            assert (mine[name] is None) == (other[name] is None), name
        elif isinstance(mine[name], float) and not name.startswith("recon"):
            assert mine[name] == pytest.approx(other[name], rel=1e-3, abs=1e-5), name
        elif not isinstance(mine[name], (float, list)):
            assert mine[name] == other[name], name
    folders = [run_path(root / name / "scratch/runs", run_id) for name in (packed, alone)]
    weights = [load_file(folder / "weights.safetensors") for folder in folders]
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-3, atol=1e-4)


def both_ways(call, conf: Path, *overrides: str) -> tuple[Answer, Answer]:
    alone = call(*words(conf, *overrides, "results_dir=alone"))
    packed = call(*words(conf, *overrides, "results_dir=packed", "pack=seeds"))
    return packed, alone


@pytest.mark.long
@pytest.mark.parametrize(
    "model", ["realnvp", "vae", "noisy", "flow_matching", "cnf_fast model.steps=2 model.tableau=rk4"]
)
def test_packed_runs_are_the_runs_alone(model: str, own_conf, bench_call, tmp_path) -> None:
    """A flow whose loss draws nothing, a VAE whose loss does, an entry that keeps a count beside its weights, and two
    whose evaluations of a field are counted, the `train_nfe` of their records; the last has its gradient written out,
    which a pack leaves to torch."""
    width = "model.width=32" if model != "noisy" else "model.width=4"
    rest = ["budget.parameters=null", width, "seed=0,1,2"]
    packed, alone = both_ways(bench_call, own_conf, *f"model={model}".split(), *rest)
    assert packed.code == alone.code == 0
    assert "one by one" not in packed.out
    found = made(tmp_path, "packed")
    assert found.keys() == made(tmp_path, "alone").keys()
    assert len({record["nll_nats"] for record in found.values()}) == 3
    for run_id, record in found.items():
        assert record["packed"] == 3
        flops = made(tmp_path, "alone")[run_id]["train_flops"]
        # by hand the weights are folded for all times at once, a percent of so small a model's work
        assert record["train_flops"] == pytest.approx(flops, rel=1e-2 if "cnf_fast" in model else 0)
        assert record["peak_memory_bytes"] is None
        assert made(tmp_path, "alone")[run_id]["packed"] == 1
        assert_same_run(tmp_path, run_id, "packed", "alone", but={"train_flops"})


def test_a_run_that_diverges_does_so_alone(own_conf, bench_call, tmp_path) -> None:
    """At a learning rate of 1e30 the second step's weights have no finite density."""
    rest = ["model=realnvp", "budget.parameters=null", "model.width=16", "seed=0,1"]
    packed, alone = both_ways(bench_call, own_conf, *rest, "train.optimiser.learning_rate=1e30,0.002")
    assert packed.code == alone.code == 1
    assert "4 runs: 2 ok, 2 diverged" in packed.out
    assert "x 4  train 100%" in packed.out
    found, expected = made(tmp_path, "packed"), made(tmp_path, "alone")
    assert {record["error"] for record in found.values()} == {record["error"] for record in expected.values()}
    for run_id, record in found.items():
        assert record["status"] == expected[run_id]["status"]
        if record["status"] == "ok":
            assert record["packed"] == 4
            assert_same_run(tmp_path, run_id, "packed", "alone")


def test_patience_ends_where_it_does_alone(own_conf, bench_call, tmp_path) -> None:
    """The slowest run learns nothing, the fastest overshoots, those between still improve at the end."""
    rest = ["model=affine", "train.patience=0.25", "train.optimiser.warmup=0", "train.optimiser.final=1"]
    packed, alone = both_ways(bench_call, own_conf, *rest, "train.optimiser.learning_rate=1e-30,0.001,0.01,1.5")
    assert packed.code == alone.code == 0
    found = made(tmp_path, "packed")
    steps = {record["steps"] for record in found.values()}
    assert {10, 20} <= steps
    for run_id, record in found.items():
        assert record["packed"] == 4
        assert_same_run(tmp_path, run_id, "packed", "alone")


def test_packed_runs_are_validated_after_shares_of_the_budget_as_alone(own_conf, bench_call, tmp_path) -> None:
    """Of 30 steps each is more than 2 %, of 130 steps every second or third validates."""
    rest = ["model=affine", "train.validate_every=null", "train.patience=0.5", "seed=0,1"]
    for steps, validations in ((30, 30), (130, 50)):
        packed, alone = both_ways(bench_call, own_conf, *rest, f"budget.steps={steps}")
        assert packed.code == alone.code == 0
        for run_id, record in made(tmp_path, "packed").items():
            assert record["packed"] == 2
            # at the end the rate is next to nothing: of values equal to rounding either may be the best
            assert_same_run(tmp_path, run_id, "packed", "alone", but={"best_step", "best_at"})
            if record["steps"] == steps:
                assert len(history(tmp_path, "packed", run_id)) == validations


def test_runs_of_one_shape_are_packed_together_and_others_apart(own_conf) -> None:
    def key(*overrides: str) -> str | None:
        return pack_key(resolve(tiny(own_conf, "model=affine", "budget.tolerance=0.9", *overrides)))

    assert key() is None
    one = key("pack=seeds")
    assert one is not None
    optimiser = ["train.optimiser.learning_rate=0.1", "train.optimiser.clip_norm=2", "train.optimiser.final=0.1"]
    assert one == key("pack=seeds", "seed=3", "train.patience=0.5", *optimiser)
    assert key("pack=seeds", "model=vae") == key("pack=seeds", "model=vae", "model.beta=0.5")
    others = ["model.width=5", "model=noisy", "budget.steps=19", "data.dim=4", "eval.seed=1"]
    assert len({one, *(key("pack=seeds", other) for other in others)}) == 6


@pytest.mark.long
def test_runs_with_settings_of_their_own_are_the_runs_alone(own_conf, bench_call, tmp_path) -> None:
    """A weight of the loss, a schedule, a norm to clip at and a patience."""
    rest = ["model=vae", "budget.parameters=null", "model.width=32", "model.beta=0.5,2", "train.patience=0.25,null"]
    packed, alone = both_ways(
        bench_call, own_conf, *rest, "train.optimiser.warmup=0.3,0.5", "train.optimiser.clip_norm=0.5"
    )
    assert packed.code == alone.code == 0
    assert "x 8  train 100%" in packed.out
    found = made(tmp_path, "packed")
    assert len({record["nll_nats"] for record in found.values()}) >= 4
    for run_id, record in found.items():
        assert record["packed"] > 1
        assert_same_run(tmp_path, run_id, "packed", "alone")


def test_options_that_a_pack_cannot_bear_leave_packs_of_those_that_share_them(own_conf, bench_call, tmp_path) -> None:
    """Free bits are an `if` in the loss: a branch that cannot differ from run to run."""
    rest = ["model=vae", "budget.parameters=null", "model.width=32", "model.free_bits=0.1,0.2", "seed=0,1"]
    packed, alone = both_ways(bench_call, own_conf, *rest)
    assert packed.code == alone.code == 0
    assert "packed by the options of the model" in packed.out
    for run_id, record in made(tmp_path, "packed").items():
        assert record["packed"] == 2
        assert_same_run(tmp_path, run_id, "packed", "alone")


@pytest.mark.parametrize("order", ["0.0,0.5", "0.5,0.0"])
def test_runs_whose_options_choose_another_step_are_not_packed_with_the_others(order, own_conf, bench_call, tmp_path):
    """The warm-up of a weight is a step of its own: packed with a run that has none, it would not be taken."""
    rest = ["model=vae", "budget.parameters=null", "model.width=32", f"model.kl_warmup={order}", "seed=0,1"]
    packed, alone = both_ways(bench_call, own_conf, *rest)
    assert packed.code == alone.code == 0
    assert "by its options runs take different steps; packed by the options of the model" in packed.out
    found = made(tmp_path, "packed")
    assert sorted(record["packed"] for record in found.values()) == [1, 1, 2, 2]
    for run_id in found:
        assert_same_run(tmp_path, run_id, "packed", "alone")


def test_packs_are_told_apart_and_a_lone_run_is_none(own_conf, bench_call, tmp_path) -> None:
    answer = bench_call(*words(own_conf, "model=affine,noisy", "seed=0,1", "pack=seeds"))
    assert answer.code == 0
    assert [record["packed"] for record in made(tmp_path, "results").values()] == [2, 2, 2, 2]
    packed = {line.split("  ")[1] for line in answer.out.splitlines() if "x 2  train 100%" in line}
    assert packed == {"[1/4] linear_gaussian-affine x 2", "[3/4] linear_gaussian-noisy x 2"}
    answer = bench_call(*words(own_conf, "model=affine", "seed=7", "pack=seeds"))
    assert [r["packed"] for r in made(tmp_path, "results").values() if r["seed"] == 7] == [1]


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("diverging", "data-dependent control flow"),
        ("gan", "AdversarialSteps takes a step of its own"),
        ("crashing", "RuntimeError: the entry broke"),
    ],
)
def test_what_cannot_be_packed_says_why_and_is_trained_one_by_one(model, why, own_conf, bench_call, tmp_path) -> None:
    rest = ["budget.parameters=null", "model.width=8", "seed=0,1"]
    packed, alone = both_ways(bench_call, own_conf, f"model={model}", *rest)
    assert packed.code == alone.code
    (line,) = [line for line in packed.out.splitlines() if "cannot be packed" in line]
    assert f"  [1/2] linear_gaussian-{model} x 2  cannot be packed" in line
    assert why in line
    assert line.endswith("trained one by one")
    found, expected = made(tmp_path, "packed"), made(tmp_path, "alone")
    assert {run_id: repeatable(record) for run_id, record in found.items()} == {
        run_id: repeatable(record) for run_id, record in expected.items()
    }


@pytest.mark.long
def test_finished_runs_and_those_of_others_are_left_out(own_conf, bench_call, tmp_path) -> None:
    command = words(own_conf, "model=affine", "pack=seeds")
    bench_call(*command, "seed=0")
    (path,) = tmp_path.rglob("record.json")
    before = path.stat().st_mtime_ns
    bench_call(*command, "seed=3", "results_dir=elsewhere")
    (name,) = made(tmp_path, "elsewhere")
    lock = Lock(run_path(Path("results/scratch/runs"), name))
    assert lock.take() is None
    threading.Timer(6.0, lock.release).start()
    answer = bench_call(*command, "seed=0,1,2,3")
    assert "running elsewhere" in answer.out
    assert "4 runs: 4 ok" in answer.out
    assert path.stat().st_mtime_ns == before
    packed = {record["seed"]: record["packed"] for record in made(tmp_path, "results").values()}
    assert packed == {0: 1, 1: 2, 2: 2, 3: 1}
    assert " x " not in bench_call(*command, "seed=0,1").out
    again = bench_call(*command, "seed=0,1", "--again")
    assert "x 2  train 100%" in again.out
    assert path.stat().st_mtime_ns > before


VAES = ["model=vae", "budget.parameters=null", "model.width=16", "train.checkpoint_seconds=1e-9"]


def interrupted_at(step: int, conf: Path, seeds: Sequence[int], *overrides: str) -> list[Cell]:
    """Cells whose training, packed where they are several, was interrupted at a validation."""
    cells = [resolve(tiny(conf, *VAES, f"seed={seed}", *overrides)) for seed in seeds]
    make_folder(cells[0].folder.path.parent)

    def report(history: History, share: float) -> None:
        if history.step == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_pack(cells, report, print) if len(cells) > 1 else run(cells[0], report)
    return cells


def test_a_pack_interrupted_goes_on_to_the_same_records(own_conf, bench_call, tmp_path) -> None:
    interrupted_at(10, own_conf, (0, 1, 2), "results_dir=packed", "pack=seeds")
    checkpoints = list((tmp_path / "packed").rglob("checkpoint.safetensors"))
    assert [load_state(path)["history"]["step"] for path in checkpoints] == [5, 5, 5]  # type: ignore[index]
    answer = bench_call(*words(own_conf, *VAES, "seed=0,1,2", "results_dir=packed", "pack=seeds"))
    assert answer.code == 0
    assert "x 3  25%" not in answer.out
    assert "x 3  train 50%" in answer.out
    bench_call(*words(own_conf, *VAES, "seed=0,1,2", "results_dir=alone"))
    assert len(made(tmp_path, "packed")) == 3
    for run_id, record in made(tmp_path, "packed").items():
        assert record["packed"] == 3
        assert_same_run(tmp_path, run_id, "packed", "alone")


def test_runs_that_stand_at_another_step_are_not_held_up(own_conf, bench_call, tmp_path) -> None:
    """The first run was killed after five steps of its own; it goes on from there, by itself."""
    interrupted_at(10, own_conf, (0,), "results_dir=packed")
    answer = bench_call(*words(own_conf, *VAES, "results_dir=packed", "pack=seeds", "seed=0,1,2"))
    assert "x 3  train 25%" in answer.out
    bench_call(*words(own_conf, *VAES, "results_dir=alone", "seed=0,1,2"))
    found = made(tmp_path, "packed")
    assert sorted(record["packed"] for record in found.values()) == [1, 2, 2]
    for run_id in found:
        assert_same_run(tmp_path, run_id, "packed", "alone")


@pytest.mark.long
def test_the_time_out_is_that_of_the_pack(own_conf, bench_call, tmp_path) -> None:
    """Twenty steps of 0.2 s do not fit into two seconds, for the pack; each run's own clock would begin anew."""
    rest = words(own_conf, "model=slow", "model.seconds=0.2", "train.validate_every=1", "seed=0,1", "pack=seeds")
    answer = bench_call(*rest, "budget.timeout_seconds=2")
    assert answer.code == 1
    found = made(tmp_path, "results")
    assert [record["status"] for record in found.values()] == ["timeout", "timeout"]
    assert len({record["steps"] for record in found.values()}) == 1
    assert bench_call(*rest, "budget.timeout_seconds=600").code == 0
    found = made(tmp_path, "results")
    assert [(record["status"], record["packed"]) for record in found.values()] == [("ok", 2), ("ok", 2)]


def test_an_impossible_pack_is_a_mistake_in_the_command(bench_call, own_conf) -> None:
    answer = bench_call(*words(own_conf, "model=affine", "pack=seed"))
    assert answer.code == 2
    assert "unknown pack 'seed'; did you mean seeds?" in answer.err
    answer = bench_call(*words(own_conf, "model=affine", "pack=seeds", "budget.seconds=5"))
    assert answer.code == 2
    assert "set budget.steps or budget.flops" in answer.err


@pytest.mark.long
def test_a_compiled_pack_goes_on_with_idle_slots_to_the_same_records(own_conf, bench_call, tmp_path) -> None:
    """One run of three learns nothing and ends early; compiling anew without it would take longer than its share."""
    small = ["model=realnvp", "model.layers=1", "model.width=8", "budget.parameters=null", "train.patience=0.25"]
    rest = words(own_conf, *small, "train.optimiser.warmup=0", "train.optimiser.learning_rate=1e-30,0.002,0.003")
    assert bench_call(*rest, "results_dir=alone").code == 0
    packed = bench_call(*rest, "results_dir=packed", "pack=seeds", "compile=step")
    assert packed.code == 0
    assert "cannot be packed" not in packed.out
    found = made(tmp_path, "packed")
    assert sorted(record["steps"] for record in found.values()) == [10, 20, 20]
    assert len({record["compile_seconds"] for record in found.values()}) == 1
    for run_id, record in found.items():
        assert (record["packed"], record["compiled"]) == (3, "step")
        assert_same_run(tmp_path, run_id, "packed", "alone", but={"compiled", "compile_seconds"})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("mode", ["off", "step", "graph"])
@pytest.mark.parametrize("model", ["realnvp", "vae"])
def test_packed_runs_on_a_gpu_are_the_runs_alone(model, mode, own_conf, bench_call, tmp_path) -> None:
    rest = [f"model={model}", "budget.parameters=null", "model.width=32", "seed=0,1,2", "device=cuda"]
    bench_call(*words(own_conf, *rest, "results_dir=alone"))
    packed = bench_call(*words(own_conf, *rest, "results_dir=packed", "pack=seeds", f"compile={mode}"))
    assert "cannot be packed" not in packed.out
    for run_id, record in made(tmp_path, "packed").items():
        assert (record["packed"], record["compiled"]) == (3, None if mode == "off" else mode)
        assert_same_run(tmp_path, run_id, "packed", "alone", but={"compiled", "compile_seconds"})
