"""Numbers of the committed studies, as tables show them, so that tests hold whatever a study made anew comes to."""

import csv
from pathlib import Path

from bench.report.intervals import Interval
from bench.report.numbers import quantity
from tests.helpers import ROOT


def rows(study: str, name: str) -> list[dict[str, str]]:
    """The rows of a CSV of a study."""
    with Path(ROOT / "results" / study / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def nll_of(study: str, data: str, model: str) -> str:
    """Test NLL of a tuned model at the whole budget, with its interval."""
    place = {"data": data, "model": model, "budget": "1.0", "setting": "tuned", "metric": "nll_nats"}
    (row,) = (row for row in rows(study, "summary.csv") if all(row[key] == value for key, value in place.items()))
    return quantity(Interval(float(row["mean"]), float(row["ci95"]), int(row["n"])))


def told_apart(study: str, data: str) -> dict[str, bool]:
    """Model -> whether it is told apart from the first, tuned, at the whole budget."""
    place = {"data": data, "rung": "1.0", "setting": "tuned"}
    pairs = [row for row in rows(study, "differences.csv") if all(row[key] == value for key, value in place.items())]
    return {row["model"]: row["told_apart"] == "True" for row in pairs}
