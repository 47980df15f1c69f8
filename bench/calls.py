"""What each command calls; everything but the words of the command is imported when it is called."""

import argparse
import gc
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.cells.closing import Reports


def call_run(arguments: argparse.Namespace) -> int:
    """`bench run`."""
    from bench.commands import run_command

    config_dir = existing(arguments.config_dir)
    if arguments.cfg:
        from bench.setup.listing import configurations

        print("---\n".join(configurations(arguments.overrides, arguments.multirun, config_dir)), end="")
        return 0
    return run_command(
        arguments.overrides, arguments.multirun, arguments.again, arguments.dry_run, config_dir, reports()
    )


def call_tune(arguments: argparse.Namespace) -> int:
    """`bench tune`: 1 when an entry has no trial that ended ok."""
    from bench.commands import tune_command

    config_dir = existing(arguments.config_dir)
    tuned = tune_command(arguments.study, arguments.overrides, arguments.every_rung, arguments.dry_run, config_dir)
    if tuned.study is not None:
        from bench.report.tuning import written

        print("\n".join(written(tuned.study)))
    return tuned.code


def call_evaluate(arguments: argparse.Namespace) -> int:
    """`bench evaluate`."""
    from bench.commands import evaluate_command

    return evaluate_command(arguments.what, arguments.overrides, arguments.results_dir, reports())


def call_retime(arguments: argparse.Namespace) -> int:
    """`bench retime`: 1 when an entry could not be timed."""
    from bench.speed.retime import retime

    return retime(arguments.study, arguments.results_dir, busy=arguments.busy, say=print)


def call_verify(arguments: argparse.Namespace) -> int:
    """`bench verify`: 1 when a row differs."""
    from bench.commands import verify_command

    return verify_command(arguments.study, arguments.rows, arguments.seed, arguments.results_dir)


def call_report(arguments: argparse.Namespace) -> int:
    """`bench report`."""
    if arguments.readme:
        from bench.report.readme import fill_readmes

        print("\n".join(fill_readmes(arguments.results_dir, arguments.study)))
        return 0
    chosen = {name: getattr(arguments, name) for name in ("models", "data", "columns")}
    if arguments.study is None and any(chosen.values()):
        raise BenchError("--models, --data and --columns choose from a study's tables: bench report STUDY --models A,B")
    if arguments.study is None:
        from bench.report.index import write_index

        print("\n".join(write_index(arguments.results_dir)))
        return 0
    if any(chosen.values()):
        from bench.report.selection import select

        print("\n".join(select(arguments.study, arguments.results_dir, terminal_width(), **chosen)))
        return 0
    gc.set_threshold(100_000)  # looking for cycles among its many rows takes a tenth of its time
    print("\n".join(reported(arguments.study, arguments.results_dir, arguments.single_file, arguments.format)))
    if arguments.beside is not None:
        from bench.report.beside import beside

        study = arguments.study
        print("", *beside(arguments.results_dir / study, arguments.beside / study, terminal_width()), sep="\n")
    return 0


def call_list(arguments: argparse.Namespace) -> int:
    """`bench list`."""
    from bench.setup.listing import listing

    config_dir = existing(arguments.config_dir)
    if arguments.name is None:
        lines = listing(arguments.what, config_dir)
    elif arguments.what in ("models", "data"):
        from bench.cells.apart import verdict

        task = {"do": "list", "what": arguments.what, "name": arguments.name, "overrides": arguments.overrides}
        task["width"] = terminal_width()
        task["config_dir"] = None if config_dir is None else str(config_dir)
        return 0 if verdict(task, print) else 1
    else:
        words = f"bench list {arguments.what} {arguments.name}"
        raise BenchError(f"{words}: only models and data have a list by name; leave it out")
    print("\n".join(lines))
    return 0


def call_check(arguments: argparse.Namespace) -> int:
    """`bench check`: 1 when a contract is broken or a data set refused."""
    from bench.cells.apart import verdict
    from bench.setup.listing import groups_of

    config_dir = existing(arguments.config_dir)
    task = {
        "do": "check",
        "name": arguments.name,
        "groups": groups_of(arguments.name, config_dir),
        "overrides": arguments.overrides,
        "traceback": arguments.traceback,
        "config_dir": None if config_dir is None else str(config_dir),
    }
    return 0 if verdict(task, print) else 1


def call_new(arguments: argparse.Namespace) -> int:
    """`bench new`."""
    from bench.setup.new import write_new

    for path in write_new(arguments.words, arguments.dir):
        print(f"wrote {path}")
    where = f"cd {shlex.quote(str(arguments.dir))} && " if arguments.dir else ""
    option = " --config-dir conf" if arguments.dir else ""
    print(f"next: {where}bench check {arguments.words[-1]}{option}")
    return 0


def call_data(arguments: argparse.Namespace) -> int:
    """`bench data list|fetch|verify`."""
    from bench.data import fetch

    if arguments.action == "list":
        print(fetch.source_table(arguments.data_root))
    elif arguments.action == "fetch":
        fetch.fetch(arguments.name, arguments.data_root, base_url=arguments.url)
    else:
        for line in fetch.verify(arguments.name, arguments.data_root):
            print(line)
    return 0


def call_speed(arguments: argparse.Namespace) -> int:
    """`bench speed`."""
    from bench.speed.speed import speed

    for line in speed(arguments.cases, arguments.device, arguments.results_dir, arguments.threads):
        print(line)
    return 0


def call_reproduce(arguments: argparse.Namespace) -> int:
    """`bench reproduce`."""
    from bench.report.reproduce import reproduce, reproduce_all

    root = arguments.results_dir
    for line in reproduce_all(root) if arguments.study is None else reproduce(arguments.study, root):
        print(line)
    return 0


def existing(config_dirs: list[Path] | None) -> Path | None:
    """The folder of `--config-dir`, where it is given; modules in the folder that holds it can be imported."""
    if config_dirs is None:
        return None
    config_dir, *others = config_dirs
    if others:
        raise BenchError(f"--config-dir {config_dir} and {others[0]}: give one folder, with all of your files in it")
    if not config_dir.is_dir():
        raise BenchError(f"--config-dir {config_dir}: no such folder; it should hold model/, data/ or study/")
    beside = str(config_dir.absolute().parent)
    if beside not in sys.path:
        sys.path.append(beside)
    return config_dir


def terminal_width() -> int | None:
    """Columns of the terminal that standard output leads to; None for a log."""
    from bench.cells.terminal import on_terminal

    return shutil.get_terminal_size().columns if on_terminal(sys.stdout) else None


def reported(
    study: str, results_dir: Path, single_file: bool = False, plot_formats: Sequence[str] = ("png", "svg")
) -> list[str]:
    """Makes the report of a study; the lines to show."""
    from bench.report.report import report

    return report(study, results_dir, single_file=single_file, formats=plot_formats, width=terminal_width())


def reports() -> "Reports":
    """What a sweep says of its study, in the terminal's width."""
    from bench.cells.closing import Reports

    def ranked_lines(study: str, results_dir: Path, data_of: Mapping[str, str]) -> list[str]:
        from bench.report.ranked import ranked

        return ranked(study, results_dir, data_of, terminal_width())

    return Reports(reported, ranked_lines)


def study_folder(arguments: argparse.Namespace) -> Path:
    """The study's folder; that of a study by data where there is one alone.

    Raises:
        BenchError: there is none.
    """
    from bench.record import study_folder as folders

    return folders.study_folder(arguments.study, arguments.results_dir)


def call_status(arguments: argparse.Namespace) -> int:
    """`bench status`."""
    from bench.cells.terminal import say
    from bench.upkeep.status import status_command

    return status_command(study_folder(arguments), arguments.watch, arguments.json, say)


def call_cancel(arguments: argparse.Namespace) -> int:
    """`bench cancel`: 1 when a command could not be ended."""
    from bench.cells.terminal import say
    from bench.upkeep.cancel import cancel_command

    return cancel_command(study_folder(arguments), say)


def call_retry(arguments: argparse.Namespace) -> int:
    """`bench retry`: as `bench run`."""
    from bench.cells.plans import Plan
    from bench.cells.terminal import say
    from bench.commands import run_command
    from bench.upkeep.retry import as_given_in, retry_command

    def run(plan: Plan, only: set[str]) -> int:
        with as_given_in(Path(plan.folder)):
            config_dir = existing(None if plan.config_dir is None else [Path(plan.config_dir)])
            return run_command(plan.arguments, plan.multirun, False, False, config_dir, reports(), only)

    return retry_command(study_folder(arguments), arguments.state, arguments.error, run, say)


def call_clean(arguments: argparse.Namespace) -> int:
    """`bench clean`."""
    from bench.cells.terminal import say
    from bench.setup.versions import versions_of
    from bench.upkeep.clean import clean_command

    return clean_command(study_folder(arguments), arguments.yes, versions_of, say)


def call_merge(arguments: argparse.Namespace) -> int:
    """`bench merge`: 1 when runs of one id differ."""
    from bench.cells.terminal import say
    from bench.upkeep.merge import merge_command

    return merge_command(arguments.into, arguments.source, say)


UPKEEP = {
    "status": call_status,
    "cancel": call_cancel,
    "retry": call_retry,
    "clean": call_clean,
    "merge": call_merge,
}
"""What the commands on a study's folder call, by their names."""
