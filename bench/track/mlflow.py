"""MLflow in an SQLite file: `mlflow ui --backend-store-uri sqlite:///results/STUDY/mlflow.db`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.record.store import Record
from bench.track.tracker import needs, numbers

LONGEST = 500
"""Characters of a parameter's or a tag's value that are kept."""
AT_ONCE = 100
"""Parameters, and metrics, of one call."""


class MLflow:
    """An experiment a study, a run a run: settings are parameters, validations and the row's numbers metrics."""

    def __init__(self, study: Path, *, uri: str | None = None) -> None:
        """`uri` is where MLflow keeps its runs; null means `mlflow.db` in the study's folder.

        Raises:
            BenchError: mlflow is not installed.
        """
        needs("mlflow")
        self.study = study.name
        self.uri = f"sqlite:///{study.absolute() / 'mlflow.db'}" if uri is None else uri
        self.step = 0

    def begin(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """See `bench.track.tracker.Tracker`; an earlier run of that name is deleted."""
        from mlflow.entities import Param  # seconds, which runs without tracking should not wait for
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(tracking_uri=self.uri)
        known = self.client.get_experiment_by_name(self.study)
        experiment = known.experiment_id if known else self.client.create_experiment(self.study)
        for earlier in self.client.search_runs([experiment], filter_string=f"attributes.run_name = '{run_id}'"):
            self.client.delete_run(earlier.info.run_id)
        self.id = self.client.create_run(experiment, run_name=run_id).info.run_id
        params = [Param(name, str(value)[:LONGEST]) for name, value in settings.items()]
        for first in range(0, len(params), AT_ONCE):
            self.client.log_batch(self.id, params=params[first : first + AT_ONCE])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """See `bench.track.tracker.Tracker`."""
        self.step = step
        self._metrics(values)

    def end(self, row: Record) -> None:
        """See `bench.track.tracker.Tracker`."""
        self._metrics(numbers(row))
        for name in ("status", "error", "command", "git_commit"):
            if row.get(name):
                self.client.set_tag(self.id, name, str(row[name])[:LONGEST])
        self.client.set_terminated(self.id, "FINISHED" if row["status"] in {"ok", "not_applicable"} else "FAILED")

    def _metrics(self, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, self.step) for name, value in values.items()]
        for first in range(0, len(metrics), AT_ONCE):
            self.client.log_batch(self.id, metrics=metrics[first : first + AT_ONCE])
