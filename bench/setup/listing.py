"""What `bench list` and `bench run --cfg job` print: names, options, configurations.

What there is takes a line each and imports none of it.
"""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.errors import unknown
from bench.paths import group_choices
from bench.record.columns import COLUMNS

GROUPS = {"models": "model", "data": "data", "studies": "study"}


def listing(what: str | None, config_dir: Path | None) -> list[str]:
    """The lines of one group, or of all of them under headings.

    Args:
        what: `models`, `data`, `studies`, `metrics`, or None for all.
        config_dir: a folder of the user's own configuration groups.
    """
    if what is None:
        return [line for name in (*GROUPS, "metrics") for line in (name, *listing(name, config_dir), "")][:-1]
    if what == "metrics":
        rows = [
            (name, f"[{column.unit}] {column.meaning}" if column.unit else column.meaning)
            for name, column in COLUMNS.items()
        ]
    else:
        rows = [(choice.name, choice.description) for choice in group_choices(GROUPS[what], config_dir)]
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {text}" for name, text in rows]


def groups_of(name: str, config_dir: Path | None) -> list[str]:
    """`model`, `data` or both: the groups that have a file of that name.

    Raises:
        BenchError: neither has.
    """
    names = {group: [choice.name for choice in group_choices(group, config_dir)] for group in ("model", "data")}
    groups = [group for group, known in names.items() if name in known]
    if not groups:
        raise unknown("model or data set", name, [*names["model"], *names["data"]], where="conf")
    return groups


def data_lines(name: str, config_dir: Path | None, overrides: Sequence[str] = ()) -> list[str]:
    """A data set's options with their values and meanings, its sizes and what is wrong with it.

    Of the path of a file it is the diagnosis of the table that lies there. Where an option has no value, as of data of
    a user's own, the options stand alone.

    Args:
        name: of the data set, or a path.
        config_dir: a folder of the user's own configuration groups.
        overrides: options of the data set.

    Raises:
        BenchError: it is unknown or cannot be built.
    """
    from bench.setup.build import data_options, imported
    from bench.setup.check_data import check_data
    from bench.setup.compose import compose
    from bench.setup.model_options import WIDTH, explained, option_lines
    from bench.setup.options import missing_options
    from bench.setup.table_listing import is_file_name, table_lines

    if is_file_name(name):
        return list(table_lines(name, list(overrides), config_dir))
    config = compose([f"data={name}", *overrides], config_dir)
    function = imported(config.data["_target_"], f"data={name}")
    docstring = inspect.getdoc(function) or "no description"
    lines = [f"{name}: {docstring.splitlines()[0]}"]
    missing = missing_options(function, config.data)
    options = config.data if missing else data_options(config)
    lines += option_lines("data", function, options, dict(explained(docstring)), WIDTH)
    if missing:
        return [*lines, f"data.{missing[0]}= has no value, so that nothing was read"]
    check_data(config, lines.append)
    return lines


def configurations(overrides: list[str], multirun: bool, config_dir: Path | None) -> Iterator[str]:
    """The configuration of a command as YAML; with `multirun`, of each of its cells, the command of it above.

    Raises:
        BenchError: an option that could not run.
    """
    from bench.setup.build import data_options, entry_class, model_options
    from bench.setup.compose import Composer, as_yaml
    from bench.setup.grid import alone, command_line, expand
    from bench.setup.plan import about_grid

    composer = Composer(config_dir)
    asking = composer.config(about_grid(overrides))
    grid, ladder = (asking.grid, asking.budget.ladder) if multirun else ([], None)
    for cell in expand(overrides, grid, multirun, ladder):
        config = composer.config(cell)
        data_options(config)
        model_options(config, entry_class(config))
        heading = f"# {command_line([*cell, *alone(cell, grid)], config_dir)}\n" if multirun else ""
        yield heading + as_yaml(config)
