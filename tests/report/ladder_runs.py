"""Runs of a ladder whose costs and likelihoods are known."""

from typing import Any

from bench.record.steps import StepTime
from bench.report.model_summary import ModelSummary
from bench.report.study import Run, validated
from bench.report.summary import summarise
from tests.report.synthetic import record


def rung(model: str, share: float, nll: float, seed: int = 0, **changes: Any) -> Run:
    """A run of so many steps at 1 GFLOP each, its NLL given."""
    steps = round(800 * share)
    given = {"rung": share, "nll_nats": nll, "steps": steps, "train_flops": 1e9 * steps}
    given |= {"oracle_nll_nats": None, "kl_to_truth": None}
    name = f"toy-{model}-s{seed}-{share}-{changes.get('setting', '')}"
    return validated(record("toy", model, seed, **{**given, "run_id": name, **changes}))


def floor(model: str, nll: float) -> Run:
    return rung(model, 1.0, nll, matched_to=None, steps=None, train_flops=None, train_nfe=None)


def timed(runs: list[Run], milliseconds: dict[str, float], evaluations: float | None = None) -> dict[str, StepTime]:
    return {
        run["run_id"]: StepTime(
            run["run_id"], "toy", run["model"], 8, milliseconds[run["model"]], 1.0, 9.0,
            evaluations if run["model"] == "cnf" else None, 300, "a processor", 1, False, "now", None,
        )
        for run in runs
        if run["steps"]
    }  # fmt: skip


RUNS = [
    rung("vae", 0.25, 5.0), rung("vae", 1.0, 4.0),
    rung("realnvp", 0.25, 3.0), rung("realnvp", 1.0, 2.5),
    rung("cnf", 0.25, 3.5, train_nfe=30.0), rung("cnf", 1.0, 2.0, train_nfe=40.0),
]  # fmt: skip

TIMES = timed(RUNS, {"vae": 1.0, "realnvp": 4.0, "cnf": 10.0}, evaluations=20.0)


def cells_of(runs: list[Run]) -> list[ModelSummary]:
    return [cell for cell in summarise(runs) if not cell.oracle]
