"""One run, told from configuration to record."""

import math
import os
import traceback
from collections.abc import Callable
from typing import Any

import torch
from safetensors.torch import save

from bench.config import Config
from bench.data.dataset import Dataset
from bench.data.watched import Watched, splits
from bench.errors import CannotWrite, ChangedData, Diverged, NotApplicable, TimedOut, one_line
from bench.evaluate import evaluate
from bench.machine.clock import either
from bench.machine.deadline import Deadline
from bench.machine.heap import keep_freed_memory
from bench.metrics.compute import PeakMemory
from bench.metrics.likelihood import check_estimator
from bench.models.entry import Entry
from bench.record.provenance import device_name, git_commit, memory_bytes, now, versions
from bench.record.store import Record, RunFolder, write_atomically
from bench.seeds import stream_seed
from bench.setup.cell import Cell
from bench.setup.compose import as_yaml
from bench.setup.match import parameter_count
from bench.training.best_weights import copied_weights
from bench.training.first_nan import with_first_nan
from bench.training.fit_after import finish
from bench.training.history import History
from bench.training.loop import Report, train

OWN_THREADS = torch.get_num_threads()
"""Threads that torch takes by itself, read before any configuration sets them."""


def run(
    cell: Cell,
    report: Report,
    elapsed: float = 0.0,
    shared: bool = False,
    tell: Callable[[Record], None] = lambda row: None,
) -> Record:
    """Trains and evaluates one entry on one data set, and stores the record last.

    Args:
        cell: resolved, its folder locked by the caller.
        report: called after each validation.
        elapsed: seconds of `budget.timeout_seconds` that have passed before, while the run trained with others.
        shared: whether other cells run beside this one: its row then says that times are of a shared machine.
        tell: takes parts of the row as they become known, for the case that this process dies.

    Raises:
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the run was interrupted; its checkpoint stays, and the next call goes on from it.
    """
    config, folder, device = cell.config, cell.folder, cell.device
    deadline, history = Deadline(config.budget.timeout_seconds, elapsed), History()
    record = {**cell.identity(), **compute_environment(config, device), "command": cell.command}
    record |= {"shared_machine": True} if shared else {}
    tell(record)
    folder.write_text("config.yaml", as_yaml(config))
    (folder.path / "error.txt").unlink(missing_ok=True)
    try:
        entry, dataset = prepared(cell)
        record |= size(cell, entry)
        tell(record)
        memory, watched = PeakMemory(device), splits(dataset)
        learn(entry, dataset, config, history, folder, deadline, telling(report, tell, record, watched))
        watched.check("training")
        finish(entry, dataset, config.seed, history, deadline)
        watched.check("finish")
        measured, arrays = evaluate(entry, dataset, config.eval, deadline, config.seed)
        watched.check_content("the run")
        check_averageable(measured)
        peak = memory.read_bytes() if history.packed == 1 else None  # a pack's would be of all its runs
        record |= measured | {"peak_memory_bytes": peak, "note": entry.note(), "status": "ok"}
        for name, content in arrays.items():
            folder.write_arrays(name, **content)
        write_atomically(folder.path / "weights.safetensors", save(copied_weights(entry)))
    except CannotWrite:
        raise
    except NotApplicable as reason:
        record |= {"status": "not_applicable", "error": str(reason)}
    except Diverged as reason:
        record |= reason.columns | {"status": "diverged", "error": str(reason)}
    except TimedOut as reason:
        record |= {"status": "timeout", "error": str(reason)}
    except ChangedData as reason:
        record |= {"status": "failed", "error": str(reason)}
    except SystemExit as error:
        record |= {"status": "failed", "error": repr(error)}
    except Exception as error:
        folder.write_text("error.txt", traceback.format_exc())
        record |= {"status": "failed", "error": one_line(error)}
    record |= spent(history, record)
    if history.rows:
        folder.write_text("history.csv", history.csv_text())
    folder.write_record(record)
    if record["status"] != "timeout":
        folder.checkpoint_path.unlink(missing_ok=True)
    return record


def telling(report: Report, tell: Callable[[Record], None], record: Record, watched: Watched) -> Report:
    """`report`, which also looks whether the data are as they were, and tells the training half of the row."""

    def both(history: History, share: float) -> None:
        watched.check("training")
        tell(spent(history, record))
        report(history, share)

    return both


def learn(
    entry: Entry,
    dataset: Dataset,
    config: Config,
    history: History,
    folder: RunFolder,
    deadline: Deadline,
    report: Report,
) -> None:
    """Trains as `train` does; an entry that is `fitted` is left to `finish`.

    Raises:
        Diverged: the message names the step and, where it can be met again, the term.
        TimedOut: the deadline passed.
    """
    if entry.fitted:
        return
    try:
        train(entry, dataset, config, history, folder.checkpoint_path, deadline, report)
    except Diverged as reason:
        raise with_first_nan(reason, entry, dataset, config, folder.checkpoint_path, deadline) from reason


def prepared(cell: Cell) -> tuple[Entry, Dataset]:
    """The entry, initialised from the run's seed, and the data set, both on the cell's device.

    Raises:
        NotApplicable: the entry cannot model this kind of data, or has nothing for `eval.estimator`.
    """
    torch.manual_seed(stream_seed(cell.config.seed, "initialisation"))
    entry = cell.entry().to(cell.device)
    check_estimator(entry, cell.config.eval.estimator)
    return entry, cell.dataset.to(cell.device)


def size(cell: Cell, entry: Entry) -> Record:
    """The family, and what the entry was sized to; a `fitted` one is matched to no budget."""
    return {
        "family": cell.entry_class.family,
        "parameters": parameter_count(entry),
        "width": cell.width,
        "matched_to": None if cell.entry_class.fitted else matched_to(cell.config),
    }


def matched_to(config: Config) -> str:
    """The budget that was asked for, such as `parameters=50000 steps=2000`."""
    limits = {name: getattr(config.budget, name) for name in ("parameters", "steps", "seconds", "flops")}
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in limits.items()
        if value is not None
    )


def compute_environment(config: Config, device: torch.device) -> Record:
    """Device, threads and versions of the run; sets torch's thread count and the heap's thresholds."""
    torch.set_num_threads(config.threads or OWN_THREADS)
    keep_freed_memory()
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "torch_version": torch.__version__,
        "git_commit": git_commit(),
        "versions": versions(),
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
        "selected_by": history.selected_by,
        "train_seconds": history.seconds,
        "eval_seconds": history.validation_seconds + record.get("eval_seconds", 0.0),
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
