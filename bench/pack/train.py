"""Training of a pack: runs of one command step together, and each leaves a checkpoint to make its record from."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from json import dumps
from pathlib import Path

from bench.data.dataset import Dataset
from bench.errors import CannotWrite, NotApplicable, TimedOut, one_line
from bench.machine.deadline import Deadline
from bench.pack.agreement import agreed_draws
from bench.pack.draws import Unpackable
from bench.pack.loop import Member, PackedLoop
from bench.row import compute_environment
from bench.run import prepared
from bench.setup.cell import Cell
from bench.setup.compose import as_yaml
from bench.training.history import History
from bench.training.loop import Loop, Report


def pack_key(cell: Cell) -> str | None:
    """A key that runs of one pack share; None without `pack`.

    All but seed, optimiser, patience and the options of the model that are numbers with a fraction, such as a weight of
    its loss: none of these is a size.
    """
    if cell.config.pack is None:
        return None
    content = asdict(cell.config)
    content.pop("seed")
    content["train"].pop("optimiser")
    content["train"].pop("patience")
    own = {name for name, value in cell.options.items() if isinstance(value, float)}
    content["model"] = {name: value for name, value in content["model"].items() if name not in own}
    return dumps(content, sort_keys=True)


def train_pack(runs: Sequence[Cell], report: Report, say: Callable[[str], None]) -> dict[Path, float]:
    """Trains runs together.

    Each goes on from its checkpoint, and leaves one there at its end: of its budget, its patience or, where its loss
    diverges, the last one before. What cannot be packed is left as it stands, and a line says why.

    Args:
        runs: two at least, all with the same `pack_key`; their folders are locked by the caller.
        report: called after each validation with the history of the first run that trains.
        say: takes the line.

    Returns:
        By folder, the wall-clock seconds that this took: they count towards the time-out of each run that took part.

    Raises:
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: interrupted; the same command goes on from the checkpoints.
    """
    began = time.monotonic()
    train_or_split(runs, report, say)
    return {run.folder.path: time.monotonic() - began for run in runs}


def train_or_split(runs: Sequence[Cell], report: Report, say: Callable[[str], None]) -> None:
    """Trains the runs together or, where options of their models forbid that, in packs of equal options.

    Raises:
        CannotWrite: the results folder is not writable or full.
    """
    alike: dict[str, list[Cell]] = defaultdict(list)
    for run in runs:
        alike[dumps(run.config.model, sort_keys=True)].append(run)
    try:
        train_together(runs, report)
    except CannotWrite:
        raise
    except (TimedOut, NotApplicable):
        pass  # each run meets the same when it is made, and its row says so
    except Exception as error:
        reason = str(error) if isinstance(error, Unpackable) else one_line(error)
        packs = [pack for pack in alike.values() if len(pack) > 1] if len(alike) > 1 else []
        instead = "packed by the options of the model" if packs else "trained one by one"
        say(f"cannot be packed: {reason}; {instead}")
        for pack in packs:
            train_or_split(pack, report, say)


def train_together(runs: Sequence[Cell], report: Report) -> None:
    """Trains `runs` to their ends; runs that stand at the same step train together.

    Raises:
        Unpackable: their steps cannot be taken at once.
        TimedOut: the deadline passed.
    """
    deadline = Deadline(runs[0].config.budget.timeout_seconds)
    groups = defaultdict(list)
    dataset: Dataset | None = None
    for run in runs:
        compute_environment(run.config, run.device)
        run.folder.write("config.yaml", as_yaml(run.config))
        entry, own = prepared(run)
        dataset = own if dataset is None or own.by_seed is not None else dataset
        member = Member(Loop(entry, dataset, run.config, History(), deadline), run.folder.checkpoint_path)
        if member.active:
            groups[member.loop.history.step].append(member)
    for members in groups.values():
        if len(members) > 1:
            lockstep(members, deadline, report)


def lockstep(members: Sequence[Member], deadline: Deadline, report: Report) -> None:
    """Steps and validates `members` together until fewer than two of them are left.

    Raises:
        Unpackable: their steps cannot be taken at once.
        TimedOut: the deadline passed; the checkpoints of the last validation are left behind.
    """
    draws = agreed_draws(members)
    save_after = 0.0 if deadline.seconds else members[0].loop.config.train.checkpoint_seconds
    unsaved = 0.0
    while len(members) > 1:
        pack = PackedLoop(members, draws, deadline)
        pack.compile()
        while pack.due:
            before = pack.history.seconds
            stepping = [member for member in members if member.active]
            pack.interval()
            unsaved += pack.history.seconds - before
            for member in stepping:
                if member.active:
                    member.validate()
            shown = next((member.loop for member in stepping if not member.diverged), None)
            if shown is not None:
                report(shown.history, shown.progress(shown.history.seconds))
            if unsaved >= save_after or not all(member.active for member in stepping):
                save(pack, stepping)
                unsaved = 0.0
        members = [member for member in members if member.active]


def save(pack: PackedLoop, members: Sequence[Member]) -> None:
    """Writes the checkpoints of all but those that diverged, whose last one before stays."""
    pack.packed.write_trainers()
    for member in members:
        if not member.diverged:
            member.save()
