"""`bench merge`: runs that were made elsewhere come into a study; nothing is overwritten."""

import os
import secrets
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from bench.cells.lock import locked
from bench.cells.verify import numbers
from bench.errors import BenchError, CannotWrite
from bench.record.key import short
from bench.record.reading import Unreadable
from bench.record.runs import FOLDER, listed, run_path, run_paths, runs_above, stranger
from bench.record.store import EVALUATIONS, FINISHED, Record, RunFolder
from bench.record.typed import cut, in_one_line, printable
from bench.record.writing import keep, keep_name, make_folder, scratch_of
from bench.upkeep.cells import TRIALS

ASIDE = "aside"
"""In the study's folder: what was there of runs that had not ended well, before others came in their place."""

AD_HOC = "scratch"
"""The study of runs that name none: what lies there need not belong together."""

LENGTH = 160
"""Characters of the names of data sets that an error says."""

HASHES = ("data_hash", "test_hash")
UNKNOWN = short(None)
"""The `data_hash` of a run that ended before its data were known."""
BY_SEED = "fold"
"""What `varies` of a run says whose seed chooses the fold."""

Outcome = Literal["brought", "equal", "conflict", "left"]


def merge_command(into: Path, source: Path, say: Callable[[str], None]) -> int:
    """Brings the runs and trials of `source` into the study `into`, both results/STUDY; 1 where two of one id differ.

    A run that both have is left as it is. Where that of `into` did not end well or not at all, the other takes its
    place, and what was there is moved to `aside/`. A run with a link, a pipe or a device in its folder is left.

    Raises:
        BenchError: `source` has no runs, both folders are one, or their data are not of one study.
        CannotWrite: `into` cannot be written.
    """
    if into.resolve() == source.resolve():
        raise BenchError(f"{into} and {source} are one folder; name the study to bring into, then the other")
    if not any(run_paths(source / part / FOLDER) for part in ("", TRIALS)):
        raise BenchError(f"{source} has no runs/: name a study's folder, such as elsewhere/results/{into.name}")
    check_data(into, source)
    outcomes: Counter[Outcome] = Counter()
    for part in ("", TRIALS):
        for path in run_paths(source / part / FOLDER):
            outcome, why = merged(into / part, source / part, path.name)
            outcomes[outcome] += 1
            if outcome in ("conflict", "left"):
                say(in_one_line(f"{outcome}: {path.name}: {why}"))
    say(", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    say(f"bench report {into.name} adds what was brought to its tables")
    return 1 if outcomes["conflict"] else 0


def merged(into: Path, source: Path, name: str) -> tuple[Outcome, str]:
    """Brings one run; what became of it, and why where it did not come."""
    theirs, ours = (run_path(study / FOLDER, name) for study in (source, into))
    for folder in (theirs, ours):
        if strange := stranger(folder):
            return "left", f"{strange} is neither a plain file nor a folder, and links are not followed"
    record = ended(theirs)
    if record is None:
        return "left", f"it has not ended in {source}"
    make_folder(runs_above(ours))
    with locked(ours) as other:
        if other is not None:
            return "left", f"{other} is at it"
        own = ended(ours)
        if own is None or (own["status"] not in FINISHED and record["status"] in FINISHED):
            move_aside(ours, into / ASIDE)
            copy(theirs, ours)
            return "brought", ""
        different = [column for column in numbers() if own.get(column) != record.get(column)]
        if different and record["status"] in FINISHED:
            return "conflict", f"differs in {', '.join(different[:5])}; {ours} is as it was"
        for evaluation in listed(theirs / EVALUATIONS):
            if not (ours / EVALUATIONS / evaluation).exists():
                copy(theirs / EVALUATIONS / evaluation, ours / EVALUATIONS / evaluation)
        return "equal", ""


class Data(NamedTuple):
    """The data of a run, as its record names them.

    Attributes:
        fold: of the test examples; `BY_SEED` where the seed chooses it, and all folds have one content.
        hashes: of their content and of their test examples, those that are known.
    """

    study: str
    name: str
    fold: int | str | None
    hashes: frozenset[tuple[str, str]]


def check_data(into: Path, source: Path) -> None:
    """Refuses two folders that have data of one name and other content, or no data that may be of one study.

    A study with a name may be made on several machines, a data set on each.

    Raises:
        BenchError: they are such; the data sets are named.
    """
    ours, theirs = data_of(into), data_of(source)
    own, others = ({one.name for one in data} for data in (ours, theirs))
    studies = {one.study for one in ours} & {one.study for one in theirs} - {AD_HOC}
    changed = other_content(ours, theirs)
    if not changed and (not ours or not theirs or own & others or studies):
        return
    names, their_names = (printable(cut(", ".join(sorted(changed or each)), LENGTH)) for each in (own, others))
    content = " of other content" if changed else ""
    raise BenchError(
        f"{into} has runs of {names}, {source} of {their_names}{content}: two studies; nothing was brought, name two "
        "folders of one study"
    )


def other_content(ours: set[Data], theirs: set[Data]) -> set[str]:
    """Names of data sets of which both have a fold, and in it neither a content nor test examples in common."""
    own, others = places(ours), places(theirs)
    return {place[0] for place in own.keys() & others.keys() if not own[place] & others[place]}


def places(data: set[Data]) -> dict[tuple[str, int | str | None], set[tuple[str, str]]]:
    """Name and fold of data that are known -> their hashes."""
    found: defaultdict[tuple[str, int | str | None], set[tuple[str, str]]] = defaultdict(set)
    for one in data:
        if one.hashes:
            found[one.name, one.fold] |= one.hashes
    return found


def data_of(study: Path) -> set[Data]:
    """The data of all runs and trials of a study that have a record."""
    paths = [path for part in ("", TRIALS) for path in run_paths(study / part / FOLDER)]
    records = [record for path in paths if (record := ended(path)) is not None and record.get("data")]
    found = set()
    for one in records:
        hashes = {(column, one[column]) for column in HASHES if one.get(column) not in (None, UNKNOWN)}
        fold = BY_SEED if one.get("varies") == BY_SEED else one.get("fold")
        found.add(Data(str(one.get("study")), one["data"], fold, frozenset(hashes)))
    return found


def ended(folder: Path) -> Record | None:
    """The record of a run; None where it has none that can be read."""
    try:
        return RunFolder(folder).read()
    except Unreadable:
        return None


def move_aside(folder: Path, place: Path) -> None:
    """Moves a run's folder out of the way, if it is there."""
    if folder.exists():
        make_folder(place)
        os.replace(folder, place / f"{folder.name}-{secrets.token_hex(4)}")
        keep_name(place)
        keep_name(folder.parent)


def copy(source: Path, target: Path) -> None:
    """Copies a folder whole or not at all, onto the disk before it has its name.

    Raises:
        CannotWrite: the target cannot be written.
    """
    scratch = scratch_of(target)
    try:
        make_folder(target.parent)
        shutil.copytree(source, scratch, symlinks=True)
        for path in (scratch, *scratch.rglob("*")):
            keep(path)
        os.replace(scratch, target)
        keep_name(target.parent)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise CannotWrite(f"cannot write {target}: {error}; free some space, then merge again") from error
