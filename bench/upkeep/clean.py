"""`bench clean`: what is left in a study's folder that nothing needs: shown first, then removed."""

import contextlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cells.lock import remove_stale
from bench.cells.plans import plans_of
from bench.cells.progress import FILE as PROGRESS
from bench.errors import BenchError
from bench.launch.files import FOLDER as HANDED
from bench.launch.files import remove_empty
from bench.launch.jobs import ENDED, jobs_of
from bench.record.reading import RECORD_BYTES, Unreadable, text_of
from bench.record.runs import FOLDER, entries, listed
from bench.record.store import FINISHED, SCRATCH
from bench.record.typed import in_one_line
from bench.upkeep.cells import TRIALS, Cells, cells_of

AROUND_LOCKS = re.compile(r"\..+\.lock\..+|.+\.(?:stale|clock)")
"""Names of files that are written around a lock."""
BROKEN = {
    "record.json.broken": "record that could not be read; the run was made again, or is to be",
    "checkpoint.safetensors.broken": "checkpoint that could not be read; training began anew, or is to",
}
VERSION = re.compile(r'^ "(entry_version|training_version)": (\d{1,9}),?$', re.MULTILINE)

Versions = Callable[[str], tuple[int, int] | None]
"""The version of an entry of that name and that of training, as the code has them now; None for an unknown name."""


@dataclass(frozen=True)
class Leftover:
    """A file or folder that nothing needs.

    Attributes:
        path: of it.
        why: in words.
        size: bytes.
    """

    path: Path
    why: str
    size: int


def leftovers(study: Path, versions: Versions) -> list[Leftover]:
    """What nothing needs in a study's folder and that of its trials; nothing that a living process holds.

    What lies behind a link is not looked at, but for that of the study's folder itself.

    Raises:
        BenchError: there is no such study, or its table cannot be read.
    """
    if not study.is_dir():
        raise BenchError(f"no study in {study}: there is nothing to clean")
    found: list[Leftover] = []
    for folder in (study, study / TRIALS):
        if (folder != study and folder.is_symlink()) or (folder / FOLDER).is_symlink():
            continue
        cells = cells_of(folder)
        found += [Leftover(path, "lock of a process that died", size_of(path)) for path in cells.stale]
        found += [Leftover(path, why, size_of(path)) for path, why in of_runs(folder, cells, versions)]
        found += [Leftover(path, "task that no command waits for", size_of(path)) for path in tasks(folder)]
    return found


def tasks(study: Path) -> list[Path]:
    """The folders of processes on a cluster that no command and no job needs; none while a command may drive them."""
    place = study / HANDED
    if place.is_symlink() or any(plan.drives() is not False for plan in plans_of(study)):
        return []
    needed = {job.folder for job in jobs_of(study) if job.state != ENDED}
    return [path for path in entries(place) if path not in needed]


def of_runs(study: Path, cells: Cells, versions: Versions) -> Iterator[tuple[Path, str]]:
    """What nothing needs under `runs/` of a folder, with the reason."""
    held = {one.run_id for one in cells.running}
    for path in entries(study / FOLDER):
        name = path.name
        if is_scratch(name) and path not in cells.stale:
            yield path, "scratch file of a process that died"
        if name.startswith(".") or name in held or path.is_symlink() or not path.is_dir():
            continue
        if why := superseded(path, versions):
            yield path, why
            continue
        state, asked = cells.states.get(name), name in cells.planned
        inside = listed(path)
        if "checkpoint.safetensors" in inside and (state in FINISHED or not asked):
            why = "the run has ended" if state in FINISHED else "no command of this study asks for the run"
            yield path / "checkpoint.safetensors", f"checkpoint: {why}"
        yield from ((path / file, why) for file, why in BROKEN.items() if file in inside)
        if PROGRESS in inside and state in FINISHED:
            yield path / PROGRESS, "progress of a run that has ended"
        scratch = sorted(file for file in path.rglob(".*") if is_scratch(file.name))
        yield from ((file, "scratch file of a process that died") for file in scratch)


def is_scratch(name: str) -> bool:
    """True for the name of a file that is written before it is renamed, or around a lock."""
    return bool(SCRATCH.fullmatch(name) or AROUND_LOCKS.fullmatch(name))


def superseded(folder: Path, versions: Versions) -> str:
    """Why a run's folder is of code of before; empty where it is not."""
    try:
        text = text_of(folder / "record.json", RECORD_BYTES)
    except (OSError, Unreadable):
        return ""
    made = {name: int(number) for name, number in VERSION.findall(text)}
    model = re.search(r'^ "model": "([^"]*)"', text, re.MULTILINE)
    now = versions(model[1]) if model else None
    if now is None or len(made) < 2:
        return ""
    if made["entry_version"] < now[0]:
        return f"run of {model[1] if model else ''} of version {made['entry_version']}, which is {now[0]} now"
    if made["training_version"] < now[1]:
        return f"run by training of version {made['training_version']}, which is {now[1]} now"
    return ""


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; of a link, its own."""
    with contextlib.suppress(OSError):
        below = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
        return sum(one.lstat().st_size for one in below if not one.is_dir())
    return 0


def clean_command(study: Path, remove: bool, versions: Versions, say: Callable[[str], None]) -> int:
    """Says what nothing needs, and with `remove` takes it away.

    Raises:
        BenchError: there is no such study, or its table cannot be read.
    """
    found = leftovers(study, versions)
    for one in found:
        say(in_one_line(f"{one.path}  {one.size / 1e3:.1f} kB  {one.why}"))
    total = f"{len(found)} of them, {sum(one.size for one in found) / 1e6:.1f} MB"
    if not found:
        say("nothing to clean")
    elif remove:
        taken_away(found)
        for folder in (study, study / TRIALS):
            remove_empty(folder / HANDED)
        say(f"removed {total}")
    else:
        say(f"{total}; remove them: bench clean {study.name} --yes")
    return 0


def taken_away(found: Iterable[Leftover]) -> None:
    """Removes each; what is gone already is no mistake."""
    for one in found:
        if one.path.suffix == ".lock":
            remove_stale(one.path)
        elif one.path.is_dir() and not one.path.is_symlink():
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                one.path.unlink()
