"""TensorBoard: an event file a run, looked at with `tensorboard --logdir results/STUDY/tensorboard`."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.record.store import Record
from bench.track.tracker import needs, numbers


class TensorBoard:
    """Scalars of training under `train/`, those of the row under `row/`, the settings as text."""

    def __init__(self, study: Path, *, folder: str | None = None) -> None:
        """`folder` holds a folder a run; null means `tensorboard` in the study's.

        Raises:
            BenchError: tensorboard is not installed.
        """
        needs("tensorboard")
        self.folder = study / "tensorboard" if folder is None else Path(folder)
        self.step = 0

    def begin(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """See `bench.track.tracker.Tracker`; event files of the same run are removed."""
        from torch.utils.tensorboard import SummaryWriter  # a second, which runs without tracking should not wait for

        shutil.rmtree(self.folder / run_id, ignore_errors=True)
        self.writer = SummaryWriter(str(self.folder / run_id))  # type: ignore[no-untyped-call]
        lines = "\n".join(f"    {name}: {value}" for name, value in settings.items())
        self.writer.add_text("settings", lines)  # type: ignore[no-untyped-call]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """See `bench.track.tracker.Tracker`."""
        self.step = step
        for name, value in values.items():
            self.writer.add_scalar(f"train/{name}", value, step)  # type: ignore[no-untyped-call]
        self.writer.flush()  # type: ignore[no-untyped-call]

    def end(self, row: Record) -> None:
        """See `bench.track.tracker.Tracker`."""
        for name, value in numbers(row).items():
            self.writer.add_scalar(f"row/{name}", value, self.step)  # type: ignore[no-untyped-call]
        self.writer.add_text("status", str(row["status"]))  # type: ignore[no-untyped-call]
        self.writer.close()  # type: ignore[no-untyped-call]
