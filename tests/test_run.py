import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from bench import run as run_module
from bench.config import Config
from bench.errors import BenchError, CannotWrite
from bench.record.columns import COLUMNS
from bench.record.store import FINISHED, Record, RunFolder
from bench.run import evaluate_again, run
from bench.setup.cell import resolve
from bench.setup.compose import compose
from tests.helpers import CLOCKS, RUN_FILES, TINY, cell_in, files_of_run, repeatable, tiny


class Killed(BaseException):
    """Stands for a kill: nothing in the package catches it."""


STEEP = ["train.optimiser.learning_rate=3", "train.optimiser.warmup=0", "train.optimiser.final=1"]
OVERSHOOTS = ["model=affine", "train.validate_every=1", *STEEP]
"""A run that validates best after a quarter of its budget and climbs from there."""


def made(config: Config, root: Path, report=lambda history, share: None) -> Record:
    return run(cell_in(config, root), report)


def folder_of(config: Config, root: Path) -> RunFolder:
    return cell_in(config, root).folder


@pytest.fixture(scope="module")
def noisy(own_conf, tmp_path_factory) -> tuple[Config, RunFolder, Record]:
    """One finished run that many tests look at."""
    root = tmp_path_factory.mktemp("runs")
    config = tiny(own_conf, "model=noisy")
    return config, folder_of(config, root), made(config, root)


def test_a_run_leaves_its_files_and_no_others(noisy) -> None:
    _, folder, _ = noisy
    assert files_of_run(folder.path) == RUN_FILES


def test_the_record_on_disk_is_the_one_returned(noisy) -> None:
    _, folder, record = noisy
    stored = json.loads(folder.record_path.read_text())
    del stored["checksum"]
    assert list(stored)[: len(COLUMNS)] == list(COLUMNS)
    assert {name: value for name, value in stored.items() if value is not None or name in record} == record


def test_the_columns_say_what_was_asked_and_what_was_reached(noisy) -> None:
    _, folder, record = noisy
    assert record["status"] == "ok"
    assert record["run_id"] == folder.path.name
    assert record["run_id"].startswith("linear_gaussian-noisy-s0-")
    assert (record["study"], record["data"], record["model"], record["family"]) == (
        "scratch",
        "linear_gaussian",
        "noisy",
        "affine",
    )
    assert record["matched_to"] == "parameters=60 steps=20"
    assert record["parameters"] == 60
    assert record["width"] == 19
    assert record["steps"] == 20
    assert record["selected_by"] == "nll(exact)"
    assert 0 < record["validation_seconds"] < record["eval_seconds"]
    assert record["threads"] == 1
    assert record["torch_version"] == torch.__version__
    assert record["recon_kind"] == "round_trip"


def test_only_what_the_entry_lacks_is_empty(noisy) -> None:
    _, folder, _ = noisy
    stored = json.loads(folder.record_path.read_text())
    empty = {name for name, value in stored.items() if value is None}
    lacking = {
        "error",
        "note",
        "compiled",
        "trained_in",
        "compile_seconds",
        "train_nfe",
        "eval_nfe",
        "nll_estimator_error",
        "bits_per_dim",
        "elbo_nats",
        "elbo_standard_error",
    }
    lacking |= {"elbo_nats", "elbo_standard_error", "ess_median", "ess_low", "warning"}
    lacking |= {"nll_slack_nats", "ais_doubling_nats", "ais_gap_nats"}
    lacking |= {name for name in COLUMNS if name.startswith("discrete_")}
    lacking |= {"fold", "knob", "tuning_seconds", "c2st_examples", "untuned", "nll_unit_nats"}
    lacking |= {name for name in COLUMNS if name.startswith(("class_chi2", "feature_"))}
    lacking |= {"labelled", "accuracy", "accuracy_supervised", "cluster_accuracy", "cluster_nmi", "clusters_used"}
    lacking |= {
        "rate_nats",
        "distortion_nats",
        "latent_size",
        "active_units",
        "posterior_collapse",
        "recon_mse_sampled",
    }
    lacking |= {"solver_error_nats", "grid_error_nats", "grid_error_refined_nats"}
    lacking |= {"outside", "outside_examples", *(name for name in COLUMNS if name.startswith("outside_auroc"))}
    lacking |= {"aggregate_mmd2", "aggregate_kl_nats", "aggregate_kl_floor", "gradient_noise"}
    lacking |= {f"sharpness_{name}" for name in ("samples", "sample_means", "reconstructions", "data")}
    # A checkout may be none, a second may be too short to see neighbours, and some kernels hide the peak memory.
    assert lacking <= empty <= lacking | {"git_commit", "shared_machine", "peak_memory_bytes"}
    numbers = [value for value in stored.values() if isinstance(value, float)]
    assert all(map(math.isfinite, numbers))


def test_a_row_of_an_entry_that_is_fitted_says_of_no_steps_and_no_budget(tmp_path) -> None:
    config = compose([*TINY, "model=gaussian"])
    record = made(config, tmp_path)
    assert record["status"] == "ok"
    assert record["parameters"] == 3 + 6
    assert record["train_seconds"] > 0
    assert record["matched_to"] is None
    for name in ("steps", "best_step", "selected_by", "step_milliseconds", "train_flops"):
        assert record.get(name) is None, name
    assert files_of_run(folder_of(config, tmp_path).path) == {
        "config.yaml",
        "likelihoods.npz",
        "samples.npz",
        "space.json",
        "space.safetensors",
        "weights.json",
        "weights.safetensors",
        "record.json",
    }
    # 256 examples cost a Gaussian of nine numbers 9 / 512 nats; 64 test examples know the difference to about 0.02.
    assert record["kl_to_truth"] == pytest.approx(9 / 512, abs=0.1)


def test_an_entry_that_is_fitted_is_refused_more_components_than_examples() -> None:
    resolve(compose([*TINY, "model=gmm", "model.width=256"]))
    with pytest.raises(BenchError, match=r"model\.width=257: there are 256 examples"):
        resolve(compose([*TINY, "model=gmm", "model.width=257"]))


def test_the_configuration_is_stored_as_it_was_resolved(noisy) -> None:
    config, folder, _ = noisy
    stored = yaml.safe_load((folder.path / "config.yaml").read_text())
    assert stored["budget"]["steps"] == 20
    assert stored["model"] == config.model


def test_the_history_has_a_line_a_validation(noisy) -> None:
    _, folder, record = noisy
    with open(folder.path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "train_seconds", "train_loss_nats", "val_nll_nats"]
    assert [int(row["step"]) for row in rows] == [5, 10, 15, 20]
    best = min(rows, key=lambda row: float(row["val_nll_nats"]))
    assert int(best["step"]) == record["best_step"]
    assert float(rows[-1]["train_seconds"]) == record["train_seconds"]


def test_the_weights_and_samples_can_be_read_without_the_package(noisy) -> None:
    _, folder, _ = noisy
    weights = load_file(folder.path / "weights.safetensors")
    assert set(weights) == {"shifts", "log_scale", "calls"}
    assert int(weights["calls"]) in {5, 10, 15, 20}
    with np.load(folder.path / "samples.npz", allow_pickle=False) as arrays:
        assert arrays["samples"].shape[1:] == arrays["data"].shape[1:] == (3,)


def test_the_same_configuration_gives_the_same_record_twice(noisy, tmp_path) -> None:
    config, folder, record = noisy
    torch.manual_seed(4321)
    again = made(config, tmp_path)
    assert repeatable_from(again) == repeatable_from(record)
    assert weights_of(config, tmp_path) == (folder.path / "weights.safetensors").read_bytes()


def test_another_seed_gives_another_record(noisy, own_conf, tmp_path) -> None:
    _, _, record = noisy
    other = made(tiny(own_conf, "model=noisy", "seed=1"), tmp_path)
    assert other["run_id"] != record["run_id"]
    assert other["nll_nats"] != record["nll_nats"]
    assert other["oracle_nll_nats"] == record["oracle_nll_nats"]
    assert other["test_hash"] == record["test_hash"]  # toys share their test split and draw the rest by the seed
    assert other["mmd2_floor"] != record["mmd2_floor"]


@pytest.mark.parametrize("killed_at", [1, 3, 4])
def test_a_killed_run_ends_with_the_record_it_would_have_had(killed_at: int, noisy, own_conf, tmp_path) -> None:
    _, folder, record = noisy
    config = tiny(own_conf, "model=noisy", "train.checkpoint_seconds=1e-9")

    def report(history: object, share: float) -> None:
        if len(history.rows) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        made(config, tmp_path, report)
    assert not folder_of(config, tmp_path).record_path.exists()
    resumed = made(config, tmp_path)
    assert repeatable_from(resumed) == repeatable_from(record)
    assert weights_of(config, tmp_path) == (folder.path / "weights.safetensors").read_bytes()
    assert files_of_run(folder_of(config, tmp_path).path) == files_of_run(folder.path)


def test_a_kill_during_the_evaluation_costs_only_that(noisy, own_conf, tmp_path, monkeypatch) -> None:
    config, _, record = noisy

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "evaluate", killed)
        with pytest.raises(Killed):
            made(config, tmp_path)
    assert folder_of(config, tmp_path).checkpoint_path.exists()
    reports = []
    assert repeatable_from(made(config, tmp_path, lambda *words: reports.append(words))) == repeatable_from(record)
    assert reports == []


def repeatable_from(record: Record) -> Record:
    return repeatable(dict.fromkeys(COLUMNS) | record)


def weights_of(config: Config, root: Path) -> bytes:
    return (folder_of(config, root).path / "weights.safetensors").read_bytes()


def test_clocks_are_the_only_columns_left_out_of_a_comparison() -> None:
    assert COLUMNS.keys() >= CLOCKS


ONE_STEP = (
    *("model=cnf_fast", "model.tableau=euler", "model.steps=1", "model.width=16", "budget.parameters=null"),
    *("budget.steps=40", "train.optimiser.learning_rate=0.1"),
)
"""One step of Euler's method is no solve; the density itself is solved to its tolerance."""


def test_a_trial_whose_solves_are_too_far_off_is_not_chosen_from(own_conf, tmp_path) -> None:
    record = made(tiny(own_conf, *ONE_STEP, "seed=1000", "tune.setting=trial"), tmp_path)
    assert record["status"] == "diverged"
    assert record["error"].startswith("void: on the training grid")
    fine = made(tiny(own_conf, *ONE_STEP, "seed=1000", "tune.setting=trial", "model.steps=64"), tmp_path)
    assert fine["status"] == "ok"
    assert abs(fine["grid_error_nats"]) < 0.01


def test_a_void_row_keeps_the_errors_that_void_it(own_conf, tmp_path) -> None:
    record = made(tiny(own_conf, *ONE_STEP), tmp_path)
    assert record["status"] == "diverged"
    assert record["error"].startswith("void: on the training grid")
    assert abs(record["grid_error_nats"]) > 0.01 > abs(record["solver_error_nats"])
    assert "nll_nats" not in record


def test_a_diverged_run_has_a_row_and_is_not_repeated(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=diverging")
    record = made(config, tmp_path)
    assert record["status"] == "diverged"
    assert record["error"] == "the training loss is nan at step 7: NaN first in Diverging.loss (mul)"
    assert record["parameters"] == 60
    assert record["status"] in FINISHED
    assert record["steps"] == 10
    assert files_of_run(folder_of(config, tmp_path).path) == {"config.yaml", "history.csv", "record.json"}


def test_a_learning_rate_out_of_all_bounds_diverges(own_conf, tmp_path) -> None:
    record = made(tiny(own_conf, "model=affine", "train.optimiser.learning_rate=1e6"), tmp_path)
    assert record["status"] == "diverged"
    assert "step" in record["error"] or "log-likelihood" in record["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("mmd2", math.nan), ("noise_curve", [[0.0, 1.0], [0.5, math.nan]]), ("k_curve", [[1, math.inf], [2, 3.0]])],
)
def test_a_measurement_that_is_not_a_number_is_a_divergence_that_names_it(
    name: str, value: object, own_conf, tmp_path, monkeypatch
) -> None:
    sound = {"eval_seconds": 1.0, "nll_estimator": "exact", "gradient_curve": [[1, 0.5]]}
    monkeypatch.setattr(run_module, "evaluate", lambda *_: (sound | {name: value}, {}))
    record = made(tiny(own_conf, "model=affine"), tmp_path)
    assert record["status"] == "diverged"
    assert record["error"] == f"{name} of the trained entry: NaN or infinite"


def test_a_crash_has_a_row_with_its_first_line_and_a_traceback_beside_it(own_conf, tmp_path) -> None:
    mended = tmp_path / "mended"
    config = tiny(own_conf, "model=crashing", f"model.mended={mended}")
    record = made(config, tmp_path)
    assert record["status"] == "failed"
    assert record["error"] == "RuntimeError: the entry broke"
    folder = folder_of(config, tmp_path)
    assert "and said so on a second line" in (folder.path / "error.txt").read_text()
    assert record["status"] not in FINISHED
    mended.touch()
    assert made(config, tmp_path)["status"] == "ok"
    assert "error.txt" not in files_of_run(folder.path)


def test_a_run_out_of_time_has_a_row_and_goes_on_when_given_more(own_conf, tmp_path, noisy) -> None:
    """After `noisy`, so that what a process does once is done."""
    config = tiny(own_conf, "model=slow", "model.seconds=0.5", "budget.timeout_seconds=6")
    record = made(config, tmp_path)
    assert record["status"] == "timeout"
    assert "budget.timeout_seconds=6 passed" in record["error"]
    assert 0 < record["steps"] < 20
    longer = tiny(own_conf, "model=slow", "model.seconds=0.5", "budget.timeout_seconds=60")
    assert resolve(longer).identity() == resolve(config).identity()
    assert repeatable_from(made(longer, tmp_path)) == repeatable_from(made(longer, tmp_path / "whole"))


def test_evaluation_can_run_out_of_time_too(own_conf, tmp_path) -> None:
    """A million importance samples of each example would take minutes."""
    slow = [
        "model=vae",
        "model.width=8",
        "budget.parameters=null",
        "eval.importance_samples=1000000",
        "budget.timeout_seconds=2",
    ]
    record = made(tiny(own_conf, *slow), tmp_path)
    assert record["status"] == "timeout", record["error"]
    assert record["steps"] == 20


def test_data_of_another_kind_are_not_applicable(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=realnvp")
    config.data = {"_target_": "bench.data.digits.digits", "name": "digits_binary", "binary": True}
    resolve(config)
    record = made(config, tmp_path)
    assert record["status"] == "not_applicable"
    assert record["error"] == (
        "realnvp models continuous or discrete data; digits_binary is binary: take data of such a kind, or a model of "
        "binary data, such as vae"
    )


@pytest.mark.parametrize(("data", "kind"), [("8gaussians", "continuous"), ("digits", "discrete")])
def test_a_binary_only_entry_says_what_data_it_would_model(own_conf, tmp_path, data: str, kind: str) -> None:
    record = made(compose([f"data={data}", "model=binary_only"], own_conf), tmp_path)
    assert record["status"] == "not_applicable"
    error = str(record["error"])
    assert f"binary_only models binary data; {data} is {kind}: take data of such a kind, or a model of {kind}" in error
    assert "\n" not in error


def test_an_entry_that_refuses_the_data_as_it_is_built_is_not_applicable(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=realnvp", "data.dim=1", "data.latent=1")
    resolve(config)
    assert made(config, tmp_path)["status"] == "not_applicable"


def test_tied_and_strided_parameters_are_stored(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=tied", "budget.parameters=null")
    assert made(config, tmp_path)["status"] == "ok"
    weights = load_file(folder_of(config, tmp_path).path / "weights.safetensors")
    assert torch.equal(weights["same"], weights["log_scale"])


def test_a_full_disk_ends_it_all_without_a_record(own_conf, tmp_path, monkeypatch) -> None:
    config = tiny(own_conf, "model=affine")

    def full(*_: object) -> None:
        raise CannotWrite("no space")

    monkeypatch.setattr(RunFolder, "write", full)
    with pytest.raises(CannotWrite):
        made(config, tmp_path)
    assert not folder_of(config, tmp_path).record_path.exists()


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("seed=1", True),
        ("budget.steps=21", True),
        ("budget.parameters=null", True),
        ("eval.seed=1", False),
        ("model.width=5", False),
        ("threads=4", False),
        ("compile=auto", False),
        ("data.noise=0.4", True),
        ("results_dir=elsewhere", False),
        ("data_root=/elsewhere", False),
        ("budget.timeout_seconds=9", False),
        ("train.checkpoint_seconds=9", False),
        ("device=cpu", torch.cuda.is_available()),
    ],
)
def test_the_name_of_a_run_follows_what_decides_its_record(override: str, changes: bool, own_conf) -> None:
    one, other = resolve(tiny(own_conf, "model=affine")), resolve(tiny(own_conf, "model=affine", override))
    assert (one.run_id != other.run_id) == changes


def test_a_budget_of_null_keeps_the_width_of_the_yaml(own_conf, tmp_path) -> None:
    record = made(tiny(own_conf, "model=affine", "budget.parameters=null"), tmp_path)
    assert (record["width"], record["parameters"], record["matched_to"]) == (4, 15, "steps=20")


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["model=affine", "budget.parameters=4"], "nearest is 6 (width 1) and 9 (width 2)"),
        (["model=affine", "train.batch_size=257"], "train.batch_size=257: linear_gaussian has 256"),
        (["model=unbuildable"], "model=unbuildable cannot be built"),
        (["model=affine", "budget.parameters=null", "model.width=abc"], "width: Value 'abc'"),
        (["model=affine", "data.dim=-1"], "dim"),
    ],
)
def test_what_no_run_could_do_is_refused_before_it(overrides: list[str], named: str, own_conf) -> None:
    with pytest.raises(BenchError) as raised:
        resolve(tiny(own_conf, *overrides))
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=ae_expost", "model.components=256"],
        ["model=ae_expost", "model.density=kde"],
        ["model=gmvae", "model.components=16", "train.batch_size=2"],
        ["model=ae_moment", "model.penalty=mmd", "train.batch_size=2"],
        ["model=ae_moment", "model.penalty=moment", "train.batch_size=1"],
    ],
)
def test_what_training_just_can_do_is_not_refused(overrides: list[str], own_conf) -> None:
    assert resolve(tiny(own_conf, "budget.parameters=null", *overrides)).refusal is None


def test_no_more_components_than_finish_gets_codes(own_conf) -> None:
    """It gets 5,000 training examples at most."""
    many = ["model=ae_expost", "budget.parameters=null", "data.train=6000"]
    resolve(tiny(own_conf, *many, "model.components=5000"))
    with pytest.raises(BenchError, match="there are 5000 codes to fit"):
        resolve(tiny(own_conf, *many, "model.components=5001"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none(own_conf) -> None:
    with pytest.raises(BenchError, match="device=cuda: torch sees no CUDA device here"):
        resolve(tiny(own_conf, "model=affine", "device=cuda"))


@pytest.mark.parametrize("model", ["vae", "realnvp", "cnf"])
def test_the_projects_entries_run_from_end_to_end_on_pictures(model: str, tmp_path) -> None:
    from bench.setup.compose import compose

    small = [word for word in TINY if not word.startswith("data.") and not word.startswith("budget.parameters")]
    config = compose([*small, "data=digits", f"model={model}", "budget.parameters=8000", "budget.steps=6"])
    config.eval.test_examples, config.eval.noise_scales = 32, [0.0]
    record = made(config, tmp_path)
    assert record["status"] == "ok", record.get("error")
    assert record["parameters"] == pytest.approx(8000, rel=0.02)
    assert record["nll_is_bound"] == (model == "vae")
    assert ("elbo_nats" in record) == (model == "vae")
    assert ("eval_nfe" in record and "train_nfe" in record) == (model == "cnf")
    assert record["bits_per_dim"] == pytest.approx(record["nll_nats"] / (64 * math.log(2)))


def test_an_estimator_that_the_entry_has_nothing_for_is_not_applicable_before_any_training(own_conf, tmp_path) -> None:
    record = made(tiny(own_conf, "model=affine", "eval.estimator=ais"), tmp_path)
    assert record["status"] == "not_applicable"
    assert record["error"] == "Affine has no decoder density for eval.estimator=ais; use eval.estimator=auto"
    assert record.get("steps") is None


def test_an_entry_that_asks_for_pictures_in_their_shape_reports_what_its_flat_twin_does(own_conf, tmp_path) -> None:
    small = [word for word in TINY if not word.startswith("data")]
    options = [*small, "data=digits", "budget.parameters=null", "eval.test_examples=64"]
    flat, shaped = (made(compose([*options, f"model={model}"], own_conf), tmp_path) for model in ("affine", "pictures"))
    assert flat["status"] == shaped["status"] == "ok", shaped.get("error")
    assert shaped["nll_nats"] == pytest.approx(flat["nll_nats"], rel=1e-6)
    assert shaped["bits_per_dim"] == pytest.approx(flat["bits_per_dim"], rel=1e-6)
    assert shaped["recon_mse"] == pytest.approx(flat["recon_mse"], abs=1e-6)
    assert shaped["mmd2"] == pytest.approx(flat["mmd2"], abs=1e-6)


def test_data_tell_an_entry_the_shape_of_a_picture_and_the_number_of_examples() -> None:
    spec = resolve(compose(["data=digits", "model=vae", "budget.parameters=null"])).dataset.spec
    assert spec.event_shape == (64,)
    assert spec.image_shape == (1, 8, 8)
    assert spec.examples == 1077
    toy = resolve(compose(["data=moons", "data.train=500", "model=vae", "budget.parameters=null"])).dataset.spec
    assert (toy.image_shape, toy.examples) == (None, 500)


def test_a_row_says_where_its_best_weights_lie_and_what_they_validated_at(noisy, own_conf, tmp_path) -> None:
    _, folder, record = noisy
    assert record["best_at"] == record["best_step"] / 20
    best = min(float(row["val_nll_nats"]) for row in csv.DictReader((folder.path / "history.csv").open()))
    assert record["val_nll_nats"] == best
    early = made(tiny(own_conf, *OVERSHOOTS), tmp_path)
    assert early["best_at"] < 0.8
    assert f"its best weights lie at {100 * early['best_at']:.0f} % of the budget" in early["warning"]


def test_a_row_that_no_likelihood_selected_has_no_validation_nll(tmp_path) -> None:
    record = made(compose([*TINY, "model=gan", "budget.parameters=null", "model.width=8"]), tmp_path)
    assert record["selected_by"] == "mmd2"
    assert record["val_nll_nats"] is None


def test_another_evaluation_keeps_the_warning_of_the_training(own_conf, tmp_path) -> None:
    made(tiny(own_conf, *OVERSHOOTS), tmp_path)
    again = evaluate_again(cell_in(tiny(own_conf, *OVERSHOOTS, "eval.seed=1"), tmp_path))
    assert "its best weights lie at" in again["warning"]
    assert again["best_at"] < 0.8


def test_another_evaluation_measures_the_grid_that_was_trained_along(tmp_path) -> None:
    words = [
        *TINY,
        "model=cnf_fast",
        "budget.parameters=null",
        "model.width=8",
        "budget.steps=20",
        "train.patience=null",
    ]
    first = made(compose([*words, "train.optimiser.learning_rate=0.05"]), tmp_path)
    again = evaluate_again(cell_in(compose([*words, "train.optimiser.learning_rate=0.05", "eval.seed=1"]), tmp_path))
    for column in ("grid_error_nats", "grid_error_refined_nats"):
        assert again[column] == first[column]
        assert again[column] is not None
