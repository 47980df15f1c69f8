"""The `bench` command: the exit code of what its words call."""

import argparse
import io
import os
import signal
import sys

from bench.errors import BenchError, NotApplicable, OutOfHours
from bench.signs import plain_signs
from bench.words import parser


def main(argv: list[str] | None = None) -> int:
    """Runs one command; the exit code is 0, 1 (something failed), 2 (a mistake in the command) or 130 (interrupted)."""
    open_standard_streams()
    arguments = parsed(argv)
    user_folder_last(loads=hasattr(arguments, "config_dir"))
    os.environ["MPLBACKEND"] = "agg"  # a notebook's shell may name one that this environment does not have
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=plain_signs())
    try:
        code: int = arguments.call(arguments)
    except (BenchError, NotApplicable) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except OutOfHours as end:
        print(f"bench: {end}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if argv is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would only cut this process's farewell short
        print("bench: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    return code


def open_standard_streams() -> None:
    """Streams that the caller closed lead nowhere: no file of this program takes their place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(nowhere, True)
            if nowhere == number:
                setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def user_folder_last(*, loads: bool) -> None:
    """The folder of the call on the path behind everything else where the command loads user's modules, else nowhere.

    `python -m` puts it first, where a pandas.py in it would be imported in place of pandas.
    """
    here = os.getcwd()
    sys.path[:] = [folder for folder in sys.path if folder not in {"", here}] + [here] * loads


def parsed(argv: list[str] | None) -> argparse.Namespace:
    """The command line; options may stand before, between and after overrides, which argparse alone refuses."""
    top = parser()
    arguments, rest = top.parse_known_args(argv)
    if rest and (any(word.startswith("-") for word in rest) or not hasattr(arguments, "overrides")):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        arguments.overrides += rest
    return arguments


if __name__ == "__main__":
    sys.exit(main())
