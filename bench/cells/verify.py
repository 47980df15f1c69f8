"""`bench verify`: makes random rows of a study's table again, in a folder of their own, and says whether they agree."""

import math
import random
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import BenchError
from bench.record.columns import COLUMNS
from bench.record.reading import Unreadable
from bench.record.runs import FOLDER, run_paths
from bench.record.store import RunFolder, table_rows

ORIGIN = {
    "device", "threads", "shared_machine", "torch_version", "git_commit", "versions", "started", "cores",
    "memory_bytes", "command", "compiled", "packed", "peak_memory_bytes", "run_id", "study", "variant", "data_hash",
    "source_hash", "entry_version", "training_version", "evaluation_version", "evaluation",
    "setting", "tuning_seconds", "untuned",
}  # fmt: skip
"""Columns that say where a row comes from, and so may differ."""


FIXED = {
    "data", "model", "family", "seed", "parameters", "matched_to", "width", "status", "nll_estimator", "nll_is_bound",
    "nll_examples", "nll_space", "recon_kind", "labelled",
}  # fmt: skip
"""Columns that are the same on every processor: no rounding decides them."""

OF_LIKELIHOOD = ("nll_nats", "kl_to_truth")
"""Columns in nats of the same test examples, whose standard error bounds what rounding may do."""

ROUNDING = 0.2
"""Share by which any other number may differ before it is named. Training carries another processor's rounding on: of
quick's 45 rows five have a metric that moved by more."""


class Comparison(NamedTuple):
    """A row beside the same made again.

    Attributes:
        verdict: `equal` in every number but clocks; `agrees`, where the NLL lies within the row's standard error over
            test examples and all of `FIXED` is the same, as other processors round otherwise; else `differs`.
        text: the row's id and what was compared; columns that are not the same and not near are named.
    """

    verdict: str
    text: str


def chosen_rows(study: Path, rows: int, seed: int) -> list[dict[str, str]]:
    """Random rows of a study's table that ended ok.

    Raises:
        BenchError: there is none.
    """
    ended = [row for row in table_rows(study) if row.get("status") == "ok" and row.get("command")]
    if not ended:
        raise BenchError(f"{study}: its table has no row that ended ok")
    return random.Random(seed).sample(ended, min(rows, len(ended)))


def comparisons(rows: list[dict[str, str]], run: Callable[[list[str], Path | None], int]) -> Iterator[Comparison]:
    """Each row beside the same made again.

    Args:
        rows: of a table.
        run: takes the words of a command and the folder of configurations, and runs it.
    """
    for row in rows:
        with tempfile.TemporaryDirectory(prefix="bench-verify-") as place:
            words, config_dir = words_of(row["command"])
            run([*words, f"results_dir={place}"], config_dir)
            yield compared(row, [path for runs in Path(place).glob(f"*/{FOLDER}") for path in run_paths(runs)])


def words_of(command: str) -> tuple[list[str], Path | None]:
    """The overrides of a stored command, and its folder of configurations."""
    words = shlex.split(command)[2:]
    if "--config-dir" not in words:
        return words, None
    place = words.index("--config-dir")
    return words[:place] + words[place + 2 :], Path(words[place + 1])


def compared(row: dict[str, str], folders: list[Path]) -> Comparison:
    """A row beside the record in the one run folder."""
    name = row["run_id"]
    try:
        (record,) = [record for folder in folders if (record := RunFolder(folder).read()) is not None]
    except (ValueError, Unreadable):
        return Comparison("differs", f"{name}: made again it left no record")
    if record["status"] != "ok":
        return Comparison("differs", f"{name}: made again it is {record['status']}: {record['error']}")
    unequal = [column for column in numbers() if not same(row.get(column, ""), record.get(column))]
    renamed = "" if record["run_id"] == name else f" (now {record['run_id']})"
    if not unequal:
        return Comparison("equal", f"{name}{renamed}: every number but clocks")
    nll, before = record.get("nll_nats"), row.get("nll_nats")
    if nll is None or not before:
        return Comparison("differs", f"{name}{renamed}: {', '.join(unequal)}")
    error = number(row.get("nll_standard_error") or "0")
    gaps = [abs(number(str(record.get(name))) - number(row.get(name, ""))) for name in OF_LIKELIHOOD if name in unequal]
    agrees = all(gap <= error for gap in gaps) and not FIXED & set(unequal)
    verdict = "agrees" if agrees else "differs"
    beside = f"NLL {nll:.6g} beside {number(before):.6g} nats, standard error {error:.2g}"
    far = [name for name in unequal if name != "nll_nats" and not close(row.get(name, ""), record.get(name))]
    others = "".join(f"; {name} {record.get(name)} beside {row.get(name) or 'none'}" for name in far)
    return Comparison(verdict, f"{name}{renamed}: {beside}{others}")


def numbers() -> list[str]:
    """Columns of results: neither clocks nor origins."""
    clocks = {name for name, column in COLUMNS.items() if column.unit in ("s", "ms")}
    return [name for name in COLUMNS if name not in ORIGIN | clocks]


def close(text: str, value: Any) -> bool:
    """True where a cell says nearly the value of a record: a number with a fraction within `ROUNDING` of it."""
    if not isinstance(value, float) or value.is_integer():
        return False
    return abs(number(text) - value) <= ROUNDING * max(abs(value), 1e-2)


def same(text: str, value: Any) -> bool:
    """True where a cell of a table says the value of a record."""
    if value is None:
        return text == ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text == str(value)
    return number(text) == float(value)


def number(text: str) -> float:
    """The number in a cell of a table; NaN, which equals none, where it says another thing."""
    try:
        return float(text)
    except ValueError:
        return math.nan
