"""What `bench list data mine.csv` prints: the diagnosis of a user's table, and what each entry could do with it."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.data.dataset import Dataset
from bench.data.inspection import inspect
from bench.data.table.diagnosis import column_lines, hints, near_singular_lines, notes
from bench.data.table.frame import Form
from bench.data.table.table import Options, diagnosed, table
from bench.errors import BenchError, NotApplicable
from bench.paths import group_choices
from bench.setup import build
from bench.setup.cell import refusal_of
from bench.setup.compose import Composer
from bench.setup.options import keywords_of

FORM = ("delimiter", "decimal", "encoding", "header")


def is_file_name(name: str) -> bool:
    """True for the path of a file, False for the name of a data set."""
    return "/" in name or "." in name


def table_lines(path: str, overrides: list[str], config_dir: Path | None) -> Iterator[str]:
    """The diagnosis of a table: rows, a line a column, near-singular directions, entries, warnings.

    Args:
        path: of the file.
        overrides: options of the table, such as `data.delimiter=";"`.
        config_dir: a folder of the user's own configuration groups.

    Raises:
        BenchError: the table cannot be read; the message names row and column.
    """
    composer = Composer(config_dir)
    config = composer.config(["data=table", *overrides])
    config.data["path"] = path
    defaults = {name: option.default for name, option in keywords_of(table)[0].items()}
    options = {**defaults, **build.data_options(config)}
    form = Form(**{name: options.pop(name) for name in FORM})
    options.pop("labelled")
    dataset, found = diagnosed(options.pop("name"), Path(options.pop("path")), form, Options(**options))
    first, _, *said = notes(found)
    yield first
    yield from column_lines(found)
    yield from (f"  {line}" for line in (*said, *hints(found), *near_singular_lines(found)))
    inspected = inspect(dataset)
    yield from (f"FAIL {line}" for line in inspected.refusals)
    yield from (f"warn {line}" for line in inspected.warnings)
    yield from entry_lines(composer, overrides, inspected.dataset)


def entry_lines(composer: Composer, overrides: list[str], dataset: Dataset) -> Iterator[str]:
    """The entries that can model the table, those that cannot with their reasons, a line each."""
    able: list[str] = []
    reasons: dict[str, list[str]] = defaultdict(list)
    for choice in group_choices("model", composer.config_dir):
        try:
            model = composer.config([f"model={choice.name}", "data=table", *overrides])
            cls = build.entry_class(model)
            reason = refusal_of(model, cls, dataset)
            if reason is not None:
                reasons[f"models {' or '.join(sorted(cls.kinds))} data"].append(choice.name)
                continue
            with torch.random.fork_rng(devices=[]):
                build.built(cls, build.model_options(model, cls), dataset.spec, choice.name)
            able.append(choice.name)
        except (BenchError, NotApplicable) as error:
            reasons[str(error)].append(choice.name)
    yield f"{len(able)} entries can model it: {', '.join(able)}"
    for reason, names in reasons.items():
        yield f"not {', '.join(names)}: {reason}"
