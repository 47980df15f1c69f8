"""The cells of a command, run one after the other: finished ones are skipped, failures keep their rows."""

import sys
from collections import Counter, defaultdict
from pathlib import Path

from tqdm import tqdm

from bench.errors import BenchError
from bench.pack.train import name_of, pack_key, train_pack
from bench.record.columns import STATUSES
from bench.record.provenance import git_commit
from bench.record.store import Record, tabled
from bench.run import FINISHED, run
from bench.setup.cell import Cell
from bench.setup.dry_run import forecast
from bench.setup.plan import plan
from bench.training.history import History

ELSEWHERE = "running elsewhere"


def sweep(cells: list[Cell], again: bool = False) -> Counter[str]:
    """Makes each cell's record that is not there yet; how many ended with each status.

    With `again` a record that is there is made anew. Cells that another process is running are left to it and looked
    at again at the end. With `pack` cells are trained together when the first of them is due.

    Raises:
        CannotWrite: the results folder is not writable or full.
        KeyboardInterrupt: the same command goes on from here.
    """
    outcomes: Counter[str] = Counter()
    waiting = []
    packs, elapsed = packs_of(cells), dict[Path, float]()
    for number, cell in enumerate(cells, 1):
        place = f"[{number}/{len(cells)}]"
        label = f"{place} {cell.folder.path.name}"
        if cell.folder.path in packs:
            elapsed |= trained_together(packs[cell.folder.path], place, again)
        record = record_of(cell, label, again, elapsed.get(cell.folder.path, 0.0))
        if record is None:
            waiting.append((cell, label))
        else:
            outcomes[record["status"]] += 1
    for cell, label in waiting:
        record = record_of(cell, label, again)
        outcomes[ELSEWHERE if record is None else record["status"]] += 1
    return outcomes


def packs_of(cells: list[Cell]) -> dict[Path, list[Cell]]:
    """Cells that are trained together where they ask for it, by the folder of the first of them."""
    packs: dict[str | None, list[Cell]] = defaultdict(list)
    for cell in cells:
        packs[pack_key(cell)].append(cell)
    return {pack[0].folder.path: pack for key, pack in packs.items() if key is not None and len(pack) > 1}


def trained_together(pack: list[Cell], place: str, again: bool) -> dict[Path, float]:
    """Trains cells up to the point where `record_of` makes their records; by folder, the seconds that it took."""
    with Progress(f"{place} {name_of(pack)}") as progress:
        return train_pack(pack, again, progress, lambda line: say(f"{place} {line}"))


def record_of(cell: Cell, label: str, again: bool, elapsed: float = 0.0) -> Record | None:
    """The cell's record, made now where there is none that counts; None where another process is making it.

    `elapsed` are seconds of its time-out that have passed before, in a pack.
    """
    with cell.folder.lock() as alone:
        if not alone:
            say(f"{label}  {ELSEWHERE}")
            return None
        record, broken = cell.folder.read_or_set_aside()
        if broken:
            say(broken)
        if record is not None and record["status"] in FINISHED and not again:
            say(f"{label}  finished before: {record['status']}{other_code(record)}")
            return record
        with Progress(label) as progress:
            record = run(cell, progress, elapsed)
    say(f"{label}  {record_line(record)}")
    return record


def other_code(record: Record) -> str:
    """A hint where a stored record was made by other code than is here now."""
    made_by = record["git_commit"]
    return "" if made_by == git_commit() else f" by the code of {made_by}; --again makes it anew"


def record_line(record: Record) -> str:
    """A finished run in one line."""
    if record["status"] != "ok":
        return f"{record['status']}: {record['error']}"
    training = f"{record['steps']} steps" if record.get("steps") else "fitted"
    parts = [f"ok  {record['parameters']} parameters  {training} in {record['train_seconds']:.1f} s"]
    if record.get("compile_seconds"):
        parts.append(f"compiled in {record['compile_seconds']:.1f} s")
    if record.get("nll_nats") is not None:
        bound = "<=" if record["nll_is_bound"] else "="
        parts.append(f"NLL {bound} {record['nll_nats']:.3f} nats ({record['nll_estimator']})")
    if record.get("kl_to_truth") is not None:
        parts.append(f"KL {record['kl_to_truth']:.3f}")
    if record.get("warning") is not None:
        parts.append(f"warning: {record['warning']}")
    return "  ".join(parts)


def closing_lines(outcomes: Counter[str]) -> list[str]:
    """The number of runs of each status that occurred."""
    known = [*STATUSES, ELSEWHERE]
    counts = ", ".join(f"{outcomes[status]} {status}" for status in known if outcomes[status])
    return [f"{outcomes.total()} runs: {counts}"]


def rows_elsewhere(study: Path) -> bool:
    """True where the study's table has rows of runs that are not here, which a plain report would drop."""
    return any(not (study / "runs" / run_id).is_dir() for run_id in tabled(study))


def say(line: str) -> None:
    """One line to the log, above any progress bar."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


class Progress:
    """A bar on a terminal, a plain line now and then in a log."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.terminal = sys.stderr.isatty()
        self.quarter = 0

    def __enter__(self) -> "Progress":
        self.bar = tqdm(total=100, desc=self.label, unit="%", disable=not self.terminal, leave=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, history: History, share: float) -> None:
        """Called after each validation."""
        value = f"step {history.step}, validation {history.selected_by} {history.rows[-1][3]:.5g}"
        self.bar.set_postfix_str(value)
        self.bar.update(min(100, round(100 * share)) - self.bar.n)
        if not self.terminal and int(4 * share) > self.quarter:
            self.quarter = int(4 * share)
            say(f"{self.label}  {share:.0%}  {value}")


def run_command(arguments: list[str], multirun: bool, again: bool, dry: bool, config_dir: Path | None) -> int:
    """`bench run`: the exit code, 0 when every run ended ok or was not applicable, 1 otherwise.

    With `dry` nothing is run: what would be is said, and the code is 1 where a cell is refused.

    Raises:
        BenchError: a mistake in the command, or a cell that no run could make.
    """
    asked = plan(arguments, multirun, config_dir, say)
    if not asked.cells and not asked.refusals:
        raise BenchError("the grid of this study is empty; give it at least one list of cells")
    if dry:
        for line in forecast(asked, FINISHED, again):
            say(line)
        return 1 if asked.refusals else 0
    if asked.refusals:
        raise BenchError(asked.refusals[0].reason)
    outcomes = sweep(asked.cells, again)
    for line in closing_lines(outcomes):
        say(line)
    config = asked.cells[0].config
    keep = " --keep" if rows_elsewhere(asked.cells[0].study_folder) else ""
    where = f" --results-dir {config.results_dir}" if config.results_dir != "results" else ""
    say(f"bench report {config.study}{keep}{where}")
    return 0 if set(outcomes) <= {"ok", "not_applicable", ELSEWHERE} else 1
