"""A study of any size, stored as `bench run` stores one, with generated numbers: the input of the timed report."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.config import Config
from bench.record.key import EVALUATION_VERSION, TRAINING_VERSION, configuration_key
from bench.record.runs import FOLDER, run_path
from bench.record.sample_metrics import SAMPLE_METRICS, copycat, floor, floor_sd
from bench.record.store import Record, RunFolder
from bench.setup.compose import as_yaml, compose
from bench.training.history import HISTORY_HEADER

FAMILIES = ("VAE", "flow", "ODE flow")
VALIDATIONS = 20
POINTS, GRID = 2_000, 128


def write_study(folder: Path, data_sets: int, models: int, seeds: int) -> int:
    """Writes one finished run for each data set, model and seed under `folder`/runs; how many.

    Every record fills the columns of a two-dimensional toy, with samples and a density grid beside it. Threads write
    them, because most of the time goes into waiting for the disk.
    """
    base = example()
    cells = list(itertools.product(range(data_sets), range(models), range(seeds)))
    with ThreadPoolExecutor(16) as pool:
        written = pool.map(lambda cell: write_run(folder, base, *cell), cells)
    return len(list(written))


def example() -> Config:
    """The configuration of every run, but for its names and its seed."""
    return compose(["model=vae", "data=8gaussians"])


def write_run(folder: Path, base: Config, data: int, model: int, seed: int) -> None:
    """One run folder, the record last."""
    draws = np.random.default_rng([data, model, seed])
    config = replace(
        base,
        study=folder.name,
        data={**base.data, "name": f"data{data}"},
        model={**base.model, "name": f"model{model}"},
        seed=seed,
    )
    nll = 2.5 + 0.1 * model + 0.02 * float(draws.normal())
    family = FAMILIES[model % len(FAMILIES)]
    record: Record = {**configuration_key(config).identity(seed), **measured(nll, family)}
    run = RunFolder(run_path(folder / FOLDER, record["run_id"]))
    run.write("config.yaml", as_yaml(config))
    rows = [f"{100 * n},{0.2 * n},{nll + 1 / n},{nll + 1 / n}\n" for n in range(1, VALIDATIONS + 1)]
    run.write("history.csv", HISTORY_HEADER + "\n" + "".join(rows))
    points = draws.normal(size=(2, POINTS, 2)).astype(np.float32)
    run.write_arrays("samples.npz", samples=points[0], data=points[1])
    axis = np.linspace(-4, 4, GRID, dtype=np.float32)
    density = -0.5 * (axis[:, None] ** 2 + axis**2) - np.float32(np.log(2 * np.pi))
    extent = np.array([-4.0, 4.0, -4.0, 4.0])
    run.write_arrays("density.npz", log_density=density, log_truth=density, extent=extent)
    run.write_record(record)


LATENT_USE: Record = {
    "recon_mse_sampled": 0.06, "rate_nats": 2.1, "distortion_nats": 0.7, "latent_size": 2, "active_units": 2,
    "posterior_collapse": 0, "aggregate_mmd2": 1e-3, "aggregate_kl_nats": 0.02, "aggregate_kl_floor": 0.01,
    "gradient_noise": 0.5, "elbo_standard_error": 0.03,
    "ess_median": 310.0, "ess_low": 40.0,
}  # fmt: skip
"""Further columns of a finished run of a latent-variable entry."""


def measured(nll: float, family: str) -> Record:
    """The columns of a finished run on a toy."""
    bound = family == "VAE"
    return {
        "status": "ok", "family": family, "parameters": 50_000, "matched_to": "parameters=50000", "width": 64,
        "steps": 2_000, "best_step": 1_900, "selected_by": "nll(exact)", "train_seconds": 4.0, "eval_seconds": 1.5,
        "validation_seconds": 0.5, "rung": 1.0, "best_at": 0.95, "val_nll_nats": nll,
        "step_milliseconds": 2.0, "train_flops": 1.5e12, "train_nfe": 20.5 if family == "ODE flow" else None,
        "peak_memory_bytes": 400 * 2**20, "device": "generated", "threads": 2, "shared_machine": False,
        "packed": 1, "torch_version": "generated", "git_commit": None,
        "versions": "generated", "started": "2026-01-01T00:00:00+00:00", "cores": 2, "memory_bytes": 8 * 2**30,
        "source_hash": "generated",
        "entry_version": 1, "training_version": TRAINING_VERSION, "evaluation_version": EVALUATION_VERSION,
        "train_examples": 20_000, "varies": "training draw", "setting": "default", "learning_rate": 2e-3,
        "nll_draws": 1, "likelihood_gap_nats": 0.01, "likelihood_gap_error": 0.01,
        "latent_radius_ks": 0.02, "latent_radius_ks_95": 0.03, "latent_pit_ks": 0.01, "latent_pit_ks_95": 0.02,
        "nll_nats": nll, "nll_standard_error": 0.02,
        "nll_estimator": "iwae-1000" if bound else "exact", "nll_is_bound": bound,
        "nll_space": "nats in the data's own coordinates", "oracle_nll_nats": 2.5, "oracle_standard_error": 0.02,
        "kl_to_truth": nll - 2.5,
        "kl_standard_error": 0.01, "elbo_nats": -nll - 0.3 if bound else None, "recon_mse": 0.05,
        "recon_kind": "posterior_mean" if bound else "round_trip", "recon_mse_noise": 0.02,
        **{name: 0.5 for metric in SAMPLE_METRICS for name in (metric, floor(metric), copycat(metric))},
        **{floor_sd(metric): 0.01 for metric in SAMPLE_METRICS}, "c2st_examples": 200,
        "sample_seconds_per_1k": 0.04, "nll_seconds_per_1k": 0.08, "command": "generated",
        "noise_curve": [[s, 0.05 + 0.3 * s * s] for s in (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)],
        "solver_error_nats": 1e-5 if family == "ODE flow" else None, "nll_examples": 10_000,
        **(LATENT_USE if bound else {}),
        "k_curve": [[k, nll + 0.3 / k] for k in (1, 10, 100, 1000)] if bound else None,
    }  # fmt: skip
