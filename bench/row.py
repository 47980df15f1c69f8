"""Parts of a run's row: what its cell is, what it is made on, what training spent, whether its numbers are finite."""

import math
import os
from dataclasses import asdict
from typing import Any

import torch

from bench.config import Config
from bench.errors import Diverged
from bench.machine.clock import either
from bench.machine.heap import keep_freed_memory
from bench.machine.threads import set_threads
from bench.models.entry import Entry
from bench.record.provenance import device_name, git_commit, memory_bytes, now
from bench.record.store import Record
from bench.setup.cell import Cell
from bench.setup.match import parameter_count
from bench.training.early_stopping import far_from_end
from bench.training.history import History
from bench.tuning.space import fold_of, knob_text


def early_warning(record: Record) -> Record:
    """The row's warnings and, where training came to its end, one of best weights that lie far from it."""
    lines = [record.get("warning"), far_from_end(record.get("best_at")) if record["status"] == "ok" else None]
    return {"warning": "; ".join(filter(None, lines))} if any(lines) else {}


def size(cell: Cell, entry: Entry) -> Record:
    """The family, and what the entry was sized to; a `fitted` one is matched to no budget."""
    return {
        "family": cell.entry_class.family,
        "parameters": parameter_count(entry),
        "width": cell.width,
        "matched_to": None if cell.entry_class.fitted else matched_to(cell.config),
    }


def settings_of(cell: Cell) -> Record:
    """What tuning chooses and what it is chosen by: learning rate and knob, empty for a `fitted` entry, and fold."""
    config = cell.config
    settings: Record = {"fold": fold_of(config.data, config.seed)}
    if not cell.entry_class.fitted:
        settings |= {"learning_rate": config.train.optimiser.learning_rate, "knob": knob_text(asdict(config))}
    return settings


def matched_to(config: Config) -> str:
    """The budget that was asked for, such as `parameters=50000 steps=2000`."""
    limits = {name: getattr(config.budget, name) for name in ("parameters", "steps", "seconds", "flops")}
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in limits.items()
        if value is not None
    )


def compute_environment(config: Config, device: torch.device) -> Record:
    """Device, threads, precision and versions of the run; sets the number of threads and the heap's thresholds."""
    set_threads(config.threads)
    keep_freed_memory()
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "trained_in": None if config.precision == "float32" else config.precision,
        "torch_version": torch.__version__,
        "git_commit": git_commit(),
        "started": now(),
        "cores": os.cpu_count(),
        "memory_bytes": memory_bytes(),
    }


def spent(history: History, record: Record) -> Record:
    """The training half of the record, as far as training came; clocks of the evaluation half are added to its own."""
    if history.step == 0:
        return {"train_seconds": history.seconds} if history.seconds else {}
    evaluations = history.field_evaluations
    return {
        "steps": history.step,
        "best_step": history.best_step if history.rows else None,
        "best_at": history.best_at if history.rows else None,
        "val_nll_nats": history.val_nll_nats,
        "selected_by": history.selected_by,
        "train_seconds": history.seconds,
        "eval_seconds": history.validation_seconds + record.get("eval_seconds", 0.0),
        "validation_seconds": history.validation_seconds,
        "step_milliseconds": history.step_milliseconds,
        "train_flops": history.flops,
        "train_nfe": None if evaluations is None else evaluations / history.step,
        "shared_machine": either(history.shared_machine, record.get("shared_machine")),
        "packed": history.packed,
        "compiled": history.how_compiled(),
        "compile_seconds": history.compile_seconds,
    }


def check_averageable(record: Record) -> None:
    """Refuses a record whose numbers could not be averaged.

    Raises:
        Diverged: a column is NaN or infinite; the message names it.
    """
    broken = [name for name, value in record.items() if not is_finite(value)]
    if broken:
        raise Diverged(f"{' and '.join(broken)} of the trained entry: NaN or infinite")


def is_finite(value: Any) -> bool:
    """False for a NaN or an infinity, and for a list that holds one at any depth, as a curve may."""
    if isinstance(value, list):
        return all(map(is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
