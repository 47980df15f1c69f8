"""One run, told from configuration to record."""

import contextlib
import hashlib
import inspect
import json
import math
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from bench.config import NOT_IDENTITY, Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, CannotWrite, Diverged, NotApplicable, TimedOut, one_line
from bench.evaluate import evaluate
from bench.machine.clock import either
from bench.machine.deadline import Deadline
from bench.machine.heap import keep_freed_memory
from bench.metrics.compute import PeakMemory
from bench.metrics.likelihood import check_estimator
from bench.models.entry import Entry
from bench.record.provenance import device_name, git_commit
from bench.record.store import Record, RunFolder, write_atomically
from bench.seeds import stream_seed
from bench.setup import build
from bench.setup.compose import as_yaml
from bench.setup.match import matching_width, parameter_count
from bench.training.batches import Batches
from bench.training.compiled import chosen_mode
from bench.training.first_nan import retraced
from bench.training.fit_after import examples, finish
from bench.training.history import History
from bench.training.loop import Report, copied_weights, train

OWN_THREADS = torch.get_num_threads()
"""What torch chose for itself, before any configuration did."""


def run(config: Config, folder: RunFolder, report: Report, command: str, elapsed: float = 0.0) -> Record:
    """Trains and evaluates one entry on one data set, and stores what came of it; the record is written last.

    Args:
        config: checked; see `prepare`.
        folder: of this run, locked by the caller.
        report: called after each validation.
        command: what makes this row again.
        elapsed: seconds of `budget.timeout_seconds` that have passed before, while the run trained with others.

    Raises:
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the run was interrupted; its checkpoint stays, and the next call goes on from it.
    """
    deadline, history = Deadline(config.budget.timeout_seconds, elapsed), History()
    device = chosen_device(config)
    record = {**identity(config), **surroundings(config, device), "command": command}
    folder.write_text("config.yaml", as_yaml(config))
    (folder.path / "error.txt").unlink(missing_ok=True)
    try:
        entry, dataset, record = prepared(config, device, record)
        memory = PeakMemory(device)
        learn(entry, dataset, config, history, folder, deadline, report)
        finish(entry, dataset, config.seed, history, deadline)
        measured, arrays = evaluate(entry, dataset, config.eval, deadline, config.seed)
        check_finite(measured)
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
        record |= reason.found | {"status": "diverged", "error": str(reason)}
    except TimedOut as reason:
        record |= {"status": "timeout", "error": str(reason)}
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


FINISHED = {"ok", "not_applicable", "diverged"}
"""Statuses that a second call would only repeat; runs of any other status are tried again."""


def prepare(config: Config) -> None:
    """Refuses what no run could do, before anything is written.

    Raises:
        BenchError: missing or corrupt data, an option that the entry or the data set refuses, an unreachable budget,
            a batch larger than the training split or, with the training split, too small for the entry.
    """
    chosen_device(config)
    dataset = build.dataset(config)
    Batches(dataset, config.train.batch_size, config.seed)
    cls = build.entry_class(config)
    if dataset.spec.kind in cls.kinds:
        with contextlib.suppress(NotApplicable):  # the run makes a row that says so
            entry = build.entry(config, dataset.spec, sized_width(config, dataset))
            chosen_mode(config.compile, entry, chosen_device(config))
            entry.check_training(config.train.batch_size, examples(entry, dataset))


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
        raise retraced(reason, entry, dataset, config, folder.checkpoint_path, deadline) from reason


def prepared(config: Config, device: torch.device, record: Record) -> tuple[Entry, Dataset, Record]:
    """The entry, sized and initialised from the run's seed, and the data set, both on `device`.

    Raises:
        NotApplicable: the entry cannot model this kind of data, or has nothing for `eval.estimator`.
    """
    dataset = build.dataset(config)
    cls = build.entry_class(config)
    record = record | {"family": cls.family}
    if dataset.spec.kind not in cls.kinds:
        kinds = " or ".join(sorted(cls.kinds))
        raise NotApplicable(
            f"{record['model']} models {kinds} data; {record['data']} is {dataset.spec.kind}: take data of such a "
            f"kind, or a model of {dataset.spec.kind} data, such as vae"
        )
    width = sized_width(config, dataset)
    torch.manual_seed(stream_seed(config.seed, "initialisation"))
    entry = build.entry(config, dataset.spec, width).to(device)
    check_estimator(entry, config.eval.estimator)
    matched = None if cls.fitted else matched_to(config)
    record |= {"parameters": parameter_count(entry), "width": width, "matched_to": matched}
    return entry, dataset.to(device), record


def sized_width(config: Config, dataset: Dataset) -> int:
    """The width that meets `budget.parameters`, or the YAML's own where none is asked for or the entry is `fitted`.

    Raises:
        BenchError: no width comes near enough, or the YAML's is none.
    """
    target = config.budget.parameters
    if target is None or build.entry_class(config).fitted:
        return int(build.model_options(config)["width"])
    what = f"{config.model['name']} on {dataset.name}"
    return matching_width(lambda w: build.entry(config, dataset.spec, w), target, config.budget.tolerance, what)


def matched_to(config: Config) -> str:
    """The budget that was asked for, such as `parameters=50000 steps=2000`."""
    limits = {name: getattr(config.budget, name) for name in ("parameters", "steps", "seconds", "flops")}
    return " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in limits.items()
        if value is not None
    )


def identity(config: Config) -> Record:
    """Who the run is: study, run_id, data, model, seed. The id's hash covers all that decides the record.

    Of the code only a user's own entry is in it; the commit of the project's stands in the record.
    """
    content: dict[str, Any] = asdict(config)
    for option in NOT_IDENTITY:
        group, _, name = option.rpartition(".")
        (content[group] if group else content).pop(name, None)
    content["device"] = chosen_device(config).type
    if not config.model["_target_"].startswith("bench."):
        content["source"] = source(build.entry_class(config))
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    data, model = config.data["name"], config.model["name"]
    run_id = f"{data}-{model}-s{config.seed}-{digest}"
    return {"study": config.study, "run_id": run_id, "data": data, "model": model, "seed": config.seed}


def source(cls: type[Entry]) -> str:
    """The text of the file that a user's own entry is written in, so that an edit makes another run."""
    return Path(inspect.getfile(cls)).read_text()


def surroundings(config: Config, device: torch.device) -> Record:
    """Where the run happens; sets torch's thread count and what the heap keeps."""
    torch.set_num_threads(config.threads or OWN_THREADS)
    keep_freed_memory()
    return {
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "torch_version": torch.__version__,
        "git_commit": git_commit(),
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
        "compiled": history.compiled,
        "compile_seconds": history.compile_seconds,
    }


def check_finite(record: Record) -> None:
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


def chosen_device(config: Config) -> torch.device:
    """`config.device`, with `auto` meaning CUDA where torch sees it.

    Raises:
        BenchError: CUDA was asked for and there is none.
    """
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if config.device == "cuda" and not torch.cuda.is_available():
        raise BenchError("device=cuda: torch sees no CUDA device here; use device=cpu or device=auto")
    return torch.device(config.device)
