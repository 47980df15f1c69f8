"""One run, told from configuration to record."""

import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from safetensors.torch import load_file, save

from bench.config import TRIAL, Config
from bench.data.dataset import Dataset
from bench.data.stored_space import keep_space
from bench.data.watched import Watched, splits
from bench.errors import CannotWrite, ChangedData, Diverged, NotApplicable, TimedOut, one_line
from bench.evaluate import evaluate
from bench.machine.clock import Stopwatch, either
from bench.machine.deadline import Deadline
from bench.machine.stage import Stage, Watch, unwatched
from bench.metrics.compute import PeakMemory
from bench.metrics.likelihood import check_estimator, evaluating
from bench.metrics.reference_rows import reference_rows
from bench.metrics.solver import solver_errors
from bench.metrics.weights import weight_statistics
from bench.models.entry import Entry, HasFinish, HasReference
from bench.record.provenance import versions
from bench.record.store import Record, RunFolder
from bench.row import check_averageable, compute_environment, early_warning, settings_of, size, spent
from bench.seeds import stream_seed
from bench.setup.cell import Cell
from bench.setup.compose import as_yaml
from bench.setup.sources import Source, distributions_of, user_sources
from bench.training.checkpoint import broken
from bench.training.first_nan import with_first_nan
from bench.training.fit_after import finish
from bench.training.history import History
from bench.training.loop import Report, train
from bench.training.stored_weights import give_weights, stored_weights
from bench.training.validation import Validation


def run(
    cell: Cell,
    report: Report,
    elapsed: float = 0.0,
    shared: bool = False,
    tell: Callable[[Record], None] = lambda row: None,
    watch: Watch = unwatched,
) -> Record:
    """Trains and evaluates one entry on one data set, and stores the record last.

    A trial of tuning is trained and validated alone. Where it solves an ODE, its solves are checked on the validation
    examples as a run's are on those of the test: what would void the run is not chosen.

    Args:
        cell: resolved, its folder locked by the caller.
        report: called after each validation.
        elapsed: seconds of `budget.timeout_seconds` that have passed before, while the run trained with others.
        shared: whether other cells run beside this one: its row then says that times are of a shared machine.
        tell: takes parts of the row as they become known, for the case that this process dies.
        watch: takes each stage as it begins.

    Raises:
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the run was interrupted; its checkpoint stays, and the next call goes on from it.
    """
    config, folder, device = cell.config, cell.folder, cell.device
    deadline, history = Deadline(config.budget.timeout_seconds, elapsed), History()
    record = {**cell.identity(), **compute_environment(config, device), "command": cell.command}
    record["versions"] = versions(distributions_of(cell.sources))
    record |= {"warning": "; ".join(cell.dataset.warnings)} if cell.dataset.warnings else {}
    record |= {"shared_machine": True} if shared else {}
    tell(record)
    folder.write("config.yaml", as_yaml(config))
    keep_sources(cell, folder)
    with ending(record, folder):
        entry, dataset = prepared(cell)
        record |= size(cell, entry) | settings_of(cell)
        record |= {"train_examples": len(dataset.train), "varies": dataset.varies or None}
        tell(record)
        memory, watched = PeakMemory(device), splits(dataset)
        learn(entry, dataset, config, history, folder, deadline, telling(report, tell, record, watched), watch)
        watched.check("training")
        if config.tune.setting != TRIAL:
            if isinstance(entry, HasFinish):
                watch(Stage("fit"))
            finish(entry, dataset, config.seed, history, deadline)
            watched.check("finish")
            numbers = measured(cell, entry, dataset, deadline, folder, watch)
            watch(Stage("record"))
            record |= numbers | {"shared_machine": either(record.get("shared_machine"), numbers.get("shared_machine"))}
            folder.write(WEIGHTS, save(stored_weights(entry)))
            keep_space(folder.path, dataset, cell.width, reference_rows(entry, dataset, config.eval))
            folder.write("weights.json", weight_statistics(entry))
        elif isinstance(entry, HasReference):
            deadline.check()
            watch(Stage("evaluate", value="error of the solves"))
            with Stopwatch(device) as stopwatch, evaluating(entry):
                record |= solver_errors(entry, Validation(dataset, config).x)
            record["eval_seconds"] = stopwatch.seconds
        watched.check_content("the run")
        peak = memory.read_bytes() if history.packed == 1 else None  # a pack's would be of all its runs
        record |= {"peak_memory_bytes": peak, "status": "ok"}
    record |= spent(history, record)
    record |= early_warning(record)
    if config.tune.setting == TRIAL and math.isfinite(history.best_value):
        record["validation"] = history.best_value
    if history.rows:
        folder.write("history.csv", history.csv_text())
    folder.write_record(record)
    if record["status"] != "timeout":
        folder.checkpoint_path.unlink(missing_ok=True)
        broken(folder.checkpoint_path).unlink(missing_ok=True)
    return record


def evaluate_again(cell: Cell, tell: Callable[[Record], None] = lambda row: None, watch: Watch = unwatched) -> Record:
    """Evaluates the stored weights of a finished run as `config.eval` asks now, and stores a record of its own.

    The training half of the row is that of the run. Its numbers are, bit for bit, those of a run evaluated so at once.

    Args:
        cell: resolved, its folder locked by the caller; its run ended ok.
        tell: takes parts of the row as they become known.
        watch: takes each stage as it begins.

    Raises:
        CannotWrite: the results folder is not writable or full.
    """
    config, trained = cell.config, cell.folder.read()
    folder = cell.folder.other(cell.evaluation)
    assert trained is not None
    deadline = Deadline(config.budget.timeout_seconds)
    of_training = {name: trained.get(name) for name in TRAINING_COLUMNS}
    environment = compute_environment(config, cell.device)
    identity = {**cell.identity(), "run_id": folder.run_id}
    record = {**of_training, **identity, **environment, "command": cell.command}
    record["versions"] = versions(distributions_of(cell.sources))
    tell(record)
    folder.write("config.yaml", as_yaml(config))
    with ending(record, folder):
        entry, dataset = prepared(cell)
        give_weights(entry, load_file(cell.folder.path / WEIGHTS, device=str(cell.device)))
        watched = splits(dataset)
        record |= measured(cell, entry, dataset, deadline, folder, watch)
        watched.check_content("the evaluation")
        record["status"] = "ok"
    record |= early_warning(record)
    folder.write_record(record)
    return record


WEIGHTS = "weights.safetensors"
"""In a run's folder: what `stored_weights` keeps of the trained entry."""

FLOORS = "floors"
"""In a study's folder: floors of the sample metrics, kept by what they were computed from."""

TRAINING_COLUMNS = (
    "family", "parameters", "width", "matched_to", "train_examples", "varies", "fold", "learning_rate", "knob", "steps",
    "best_step", "best_at", "val_nll_nats", "selected_by", "train_seconds", "step_milliseconds", "train_flops",
    "train_nfe", "shared_machine", "packed", "compiled", "compile_seconds",
)  # fmt: skip
"""Columns that a new evaluation takes over from the run."""


@contextmanager
def ending(record: Record, folder: RunFolder) -> Iterator[None]:
    """Writes into the record how the block ended, where that is by an exception.

    Raises:
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the run was interrupted.
    """
    (folder.path / "error.txt").unlink(missing_ok=True)
    try:
        yield
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
        folder.write("error.txt", traceback.format_exc())
        record |= {"status": "failed", "error": repr(error)}
    except Exception as error:
        folder.write("error.txt", traceback.format_exc())
        record |= {"status": "failed", "error": one_line(error)}


def measured(cell: Cell, entry: Entry, dataset: Dataset, deadline: Deadline, folder: RunFolder, watch: Watch) -> Record:
    """The evaluation half of the record; writes the arrays that pictures are drawn from.

    Raises:
        Diverged: a number is NaN or infinite.
        TimedOut: the deadline passed.
        ChangedData: the entry changed the test examples.
    """
    seed = cell.config.seed
    outside = None if cell.outside is None else cell.outside.of_seed(seed).to(cell.device)
    whole = float(cell.config.budget.rung) == 1  # pictures are of the whole budget
    floors = cell.study_folder / FLOORS
    numbers, arrays = evaluate(entry, dataset, cell.config.eval, deadline, seed, outside, whole, watch, floors)
    check_averageable(numbers)
    for name, content in arrays.items():
        folder.write_arrays(name, **content)
    late = ", ".join(sorted({source.module for source in late_sources(cell)}))
    if late:
        warning = f"imported after the run was keyed, so that a change of it makes no other run: {late}"
        numbers["warning"] = "; ".join(filter(None, (numbers.get("warning"), warning)))
    return numbers | {"note": entry.note()}


def late_sources(cell: Cell) -> list[Source]:
    """The user's modules that were imported while the run was made: they are not in its key."""
    known = {source.module for source in cell.sources}
    return [source for source in user_sources() if source.module not in known] if known else []


def keep_sources(cell: Cell, folder: RunFolder) -> None:
    """Keeps the text of the user's own modules, which the key counts, beside the record."""
    for source in cell.sources:
        folder.write(f"sources/{source.module}.py", source.content)


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
    watch: Watch,
) -> None:
    """Trains as `train` does; an entry that is `fitted` is left to `finish`.

    Raises:
        Diverged: the message names the step and, where it can be met again, the term.
        TimedOut: the deadline passed.
    """
    if entry.fitted:
        return
    try:
        train(entry, dataset, config, history, folder.checkpoint_path, deadline, report, watch)
    except Diverged as reason:
        raise with_first_nan(reason, entry, dataset, config, folder.checkpoint_path, deadline) from reason


def prepared(cell: Cell) -> tuple[Entry, Dataset]:
    """The entry, initialised from the run's seed, and the data set of that seed, both on the cell's device.

    Raises:
        NotApplicable: the entry cannot model this kind of data, or has nothing for `eval.estimator`.
    """
    torch.manual_seed(stream_seed(cell.config.seed, "initialisation"))
    entry = cell.entry().to(cell.device)
    check_estimator(entry, cell.config.eval.estimator)
    return entry, cell.dataset.of_seed(cell.config.seed).to(cell.device)
