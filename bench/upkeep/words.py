"""The words of the commands on a study's folder; nothing heavy is imported before one of them is called."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

Call = Callable[[argparse.Namespace], int]


def add_upkeep(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", calls: Mapping[str, Call]) -> None:
    """Adds `status`, `cancel`, `retry`, `clean` and `merge`, which call what stands under their names."""
    status = added(commands, "status", "where a study stands: what runs, what failed, what is left", calls)
    status.add_argument(
        "--watch", action="store_true", help="again and again while something runs, or waits in a queue"
    )
    status.add_argument("--json", action="store_true", help="for programs")
    added(
        commands,
        "cancel",
        "end the commands that drive a study, and its jobs of SLURM",
        calls,
    )
    retry = added(commands, "retry", "make runs that failed again", calls)
    retry.add_argument("--state", action="append", default=[], help="failed, timeout, diverged or not_applicable")
    retry.add_argument("--error", default="", help="a part of the error")
    clean = added(commands, "clean", "what is left in a study's folder that nothing needs", calls)
    clean.add_argument("--yes", action="store_true", help="remove it")
    merge = commands.add_parser("merge", help="bring runs that were made elsewhere into a study")
    merge.add_argument("into", metavar="A", type=Path, help="a study's folder, such as results/quick")
    merge.add_argument("source", metavar="B", type=Path, help="another of the same study")
    merge.set_defaults(call=calls["merge"])


def added(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, calls: Mapping[str, Call]
) -> argparse.ArgumentParser:
    """A command on one study."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("study", metavar="STUDY")
    command.add_argument("--results-dir", type=Path, default=Path("results"))
    command.set_defaults(call=calls[name])
    return command
