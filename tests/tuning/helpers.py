"""Rows of tuning.csv as tests need them."""

from typing import Any

from bench.tuning.file import Trial


def trial(rate: float, loss: float | None = 1.0, **changes: Any) -> Trial:
    """A trial of one entry on one data set."""
    row: dict[str, Any] = {
        "data": "moons",
        "fold": None,
        "model": "flow",
        "options": "",
        "rung": 0.25,
        "learning_rate": rate,
        "knob": "",
        "value": "",
        "seed": 1000,
        "run_id": f"moons-flow-s1000-{changes.get('model', '')}{changes.get('value', '')}{rate:g}",
        "validation": loss,
        "validated_by": "nll(exact)",
        "status": "ok",
        "steps": 10,
        "train_seconds": 2.0,
        "git_commit": "abc",
        "data_hash": "d",
        "source_hash": None,
        "entry_version": 1,
        "training_version": 1,
        "mark": "",
    }
    return Trial(**{**row, **changes})
