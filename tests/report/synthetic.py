"""Studies with known numbers, written through the store as `bench run` writes them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bench.record.runs import run_path
from bench.record.store import Record, RunFolder
from bench.report.drawers import begin, drawers
from bench.report.plot import Plot
from bench.report.sheet import sheets_of

CENTRES = 2 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], 1)
MODELS: dict[str, dict[str, Any]] = {
    "vae": {"family": "VAE", "excess": 0.30, "seconds": 4, "bound": True, "kind": "posterior_mean", "spread": 0.35},
    "realnvp": {"family": "flow", "excess": 0.12, "seconds": 9, "bound": False, "kind": "round_trip", "spread": 0.26},
    "cnf": {
        "family": "ODE flow",
        "excess": 0.05,
        "seconds": 80,
        "bound": False,
        "kind": "round_trip",
        "spread": 0.22,
    },
}
ORACLE_NLL = 2.5


def drawn(*study: Any, **formats: Any) -> list[Plot]:
    """The plots of a study, its models and their differences, as a report has them."""
    with drawers() as call:
        by_data = begin(call, sheets_of(*study, **formats))()
    return [plot for own in by_data.values() for plot in own]


def record(data: str, model: str, seed: int, **changes: Any) -> Record:
    """A finished run: NLL = 2.5 + the model's excess + an effect of the seed that all models share + noise."""
    about = MODELS.get(model, {**MODELS["realnvp"], "excess": 0.2})
    rng = np.random.default_rng([seed, len(data), *model.encode()])
    toy = data != "digits"
    scale = 1.0 if toy else 30.0
    nll = scale * (ORACLE_NLL + about["excess"]) + 0.05 * scale * np.sin(seed) + 0.01 * scale * rng.normal()
    exact = about["kind"] == "round_trip"
    made: Record = {
        "study": "made", "run_id": f"{data}-{model}-s{seed}-{abs(hash_of(data, model)):08x}", "status": "ok",
        "data": data, "model": model, "family": about["family"], "seed": seed, "parameters": 50_000 + len(model),
        "matched_to": "parameters=50000", "width": 64, "steps": 2_000, "best_step": 1_900, "selected_by": "nll",
        "train_seconds": about["seconds"] * (1 + 0.1 * rng.random()), "eval_seconds": 1.5,
        "step_milliseconds": about["seconds"] / 2, "train_flops": 1.5e12, "peak_memory_bytes": 400 * 2**20,
        "train_nfe": 20.5 + seed if model == "cnf" else None, "device": "CPU", "threads": 1,
        "shared_machine": model == "cnf", "torch_version": "2.13.0", "git_commit": "0123456", "nll_nats": nll,
        "nll_standard_error": 0.02, "nll_examples": 2_000, "nll_slack_nats": 0.05 if about["bound"] else None,
        "nll_estimator": "iwae-1000" if about["bound"] else "exact",
        "nll_is_bound": about["bound"], "nll_space": "own coordinates" if toy else "dequantised pixels",
        "bits_per_dim": None if toy else nll / 64 / np.log(2), "oracle_nll_nats": ORACLE_NLL if toy else None,
        "kl_to_truth": nll - ORACLE_NLL if toy else None, "elbo_nats": -nll - 0.3 if about["bound"] else None,
        "recon_mse": 1.3e-12 * (1 + rng.random()) if exact else 0.05 + 0.002 * rng.normal(),
        "recon_kind": about["kind"], "recon_mse_noise": 0.02 + 0.001 * rng.normal(),
        "mmd2": 4e-4 * (1 + rng.random()), "mmd2_floor": 1.2e-5, "sliced_w2": 0.1 + 0.01 * rng.normal(),
        "sliced_w2_floor": 0.03, "c2st": 0.6 + 0.01 * rng.normal(), "c2st_floor": 0.5,
        "sample_seconds_per_1k": 0.01 * about["seconds"], "nll_seconds_per_1k": 0.02 * about["seconds"],
        "command": f"bench run study=made model={model} data={data} seed={seed}",
        "noise_curve": [[s, 1.1e-12 * exact + 0.05 * (not exact) + 0.3 * s**2] for s in (0, 0.05, 0.1, 0.2, 0.5, 1.0)],
    }  # fmt: skip
    if about["bound"]:
        made["k_curve"] = [[k, nll + 0.3 / k**0.5] for k in (1, 10, 100, 1000)]
    return {key: float(v) if isinstance(v, np.floating) else v for key, v in (made | changes).items()}


def hash_of(*parts: str) -> int:
    """Eight hexadecimal digits that differ between cells and are the same in every process."""
    return int.from_bytes("/".join(parts).encode(), "big") % 2**32


def write_run(folder: Path, made: Record, **settings: Any) -> Path:
    """One run folder with everything a finished run leaves that the report reads."""
    run = RunFolder(run_path(folder / "runs", made["run_id"]))
    config = {"model": {"name": made["model"]}, "data": {"name": made["data"]}, "seed": made["seed"], **settings}
    run.write("config.yaml", json.dumps(config))  # JSON is YAML
    run.write("history.csv", history(made))
    if made["status"] == "ok":
        write_pictures(run, made)
    run.write_record(made)
    return run.path


def history(made: Record) -> str:
    """Twenty validations that fall towards the test NLL; a diverged run ends in NaN."""
    steps = np.arange(100, 2001, 100)
    seconds = (made.get("train_seconds") or 3.0) * steps / steps[-1]
    nll = (made.get("nll_nats") or 4.0) + 3 * np.exp(-steps / 300)
    rows = [f"{n},{s!r},{v + 0.1!r},{v!r}" for n, s, v in zip(steps, seconds.tolist(), nll.tolist(), strict=True)]
    tail = ["2000,3.0,nan,nan"] if made["status"] == "diverged" else []
    return "\n".join(["step,train_seconds,train_loss_nats,val_nll_nats", *rows, *tail]) + "\n"


def write_pictures(run: RunFolder, made: Record) -> None:
    rng = np.random.default_rng([made["seed"], 7, len(made["model"])])
    spread = MODELS.get(made["model"], MODELS["realnvp"])["spread"]
    if made["data"] == "digits":
        from sklearn.datasets import load_digits

        real = load_digits().data / 16
        noisy = np.clip(real[100:164] + spread * rng.normal(size=(64, 64)), 0, 1)
        images = {"samples": noisy.astype(np.float32), "data": real[:64].astype(np.float32)}
        if made["model"] == "vae":
            images["by_class"] = images["samples"][:60].reshape(6, 10, 64)
        run.write_arrays("samples.npz", **images, image_shape=np.array([8, 8]))
        return
    real, fake = ring(rng, 2_000, 0.2), ring(rng, 2_000, spread)
    run.write_arrays("samples.npz", samples=fake.astype(np.float32), data=real.astype(np.float32))
    axis = np.linspace(-4, 4, 200)
    points = np.stack(np.meshgrid(axis, axis), -1)
    run.write_arrays(
        "density.npz",
        log_density=ring_log_density(points, spread).astype(np.float32),
        log_truth=ring_log_density(points, 0.2).astype(np.float32),
        extent=np.array([-4.0, 4, -4, 4]),
    )


def ring(rng: np.random.Generator, n: int, spread: float) -> np.ndarray:
    return CENTRES[rng.integers(8, size=n)] + spread * rng.normal(size=(n, 2))


def ring_log_density(points: np.ndarray, spread: float) -> np.ndarray:
    squares = ((points[..., None, :] - CENTRES) ** 2).sum(-1) / spread**2
    return np.logaddexp.reduce(-squares / 2, -1) - np.log(8 * 2 * np.pi * spread**2)


def write_study(folder: Path, seeds: int = 3) -> None:
    """Two data sets, three models, `seeds` seeds, and one run of each bad end."""
    for data in ("digits", "eight_gaussians"):
        for model in MODELS:
            for seed in range(seeds):
                write_run(folder, record(data, model, seed))
    bad = {
        "diverged": "loss is NaN at step 2000",
        "failed": "RuntimeError: <b>shape</b> & size | differ",
        "timeout": "gave up after 60 s",
        "not_applicable": "cannot model continuous data",
    }
    for seed, (status, error) in enumerate(bad.items()):
        unhappy = record("eight_gaussians", "odd_one", seed)
        kept = ("study", "run_id", "data", "model", "family", "seed", "device", "threads", "git_commit", "command")
        write_run(folder, {name: unhappy[name] for name in kept} | {"status": status, "error": error})
