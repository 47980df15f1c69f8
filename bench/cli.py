"""The `bench` command: its words, the exit code of what they call."""

import argparse
import io
import os
import re
import signal
import sys
from pathlib import Path

import bench
from bench import calls
from bench.errors import BenchError, NotApplicable, OutOfHours
from bench.signs import plain_signs
from bench.upkeep.words import add_upkeep
from bench.use.words import add_commands

EPILOG = """examples:
  bench run model=vae data=digits seed=0        one run; any Hydra override
  bench run -m model=vae,realnvp seed=0,1,2     a grid
  bench run study=quick                         a whole study; finished runs are skipped
  bench report quick                            its tables, plots and page
  bench new mymodel && bench check mymodel      a model of your own"""


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


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top = argparse.ArgumentParser(
        prog="bench",
        description="One fair, repeatable comparison of VAEs, normalizing flows and continuous flows.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"bench {bench.__version__}")
    top.set_defaults(call=call_help)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    run = commands.add_parser("run", help="train and evaluate: one run, a grid (-m) or a study (study=NAME)")
    run.add_argument("overrides", nargs="*", help="Hydra overrides, such as model=vae budget.steps=500")
    run.add_argument("-m", "--multirun", action="store_true", help="lists of values make a grid")
    run.add_argument("--again", action="store_true", help="make finished runs anew")
    run.add_argument("--dry-run", action="store_true", help="what would run, what is finished or refused, how long")
    run.add_argument("--cfg", choices=["job"], help="show the configuration and run nothing")
    add_config_dir(run)
    run.set_defaults(call=calls.call_run)

    tune = commands.add_parser("tune", help="the same number of trials for every entry of a study; what they choose")
    tune.add_argument("study", metavar="STUDY")
    tune.add_argument("overrides", nargs="*", help="such as model=mine data=digits workers=2")
    tune.add_argument("--every-rung", action="store_true", help="the grid of rates at every rung of the ladder")
    tune.add_argument("--dry-run", action="store_true", help="how many trials are finished, and how many to make")
    add_config_dir(tune)
    tune.set_defaults(call=calls.call_tune)

    evaluate = commands.add_parser("evaluate", help="evaluate stored weights anew, with other eval.* options")
    evaluate.add_argument("what", metavar="STUDY|RUN", help="a study, a run's id or its folder")
    evaluate.add_argument("overrides", nargs="*", help="such as eval.importance_samples=5000")
    evaluate.add_argument("--results-dir", type=Path, default=Path("results"))
    evaluate.set_defaults(call=calls.call_evaluate)

    retime = commands.add_parser("retime", help="step times of a study's entries, measured alone and in turn")
    retime.add_argument("study", metavar="STUDY")
    retime.add_argument("--busy", action="store_true", help="go on where others use the machine, and mark the times")
    retime.add_argument("--results-dir", type=Path, default=Path("results"))
    retime.set_defaults(call=calls.call_retime)

    verify = commands.add_parser("verify", help="make random rows of a study's table again and compare them")
    verify.add_argument("study", metavar="STUDY")
    verify.add_argument("--rows", type=int, default=3, help="how many; default 3")
    verify.add_argument("--seed", type=int, default=0, help="of the choice of rows")
    verify.add_argument("--results-dir", type=Path, default=Path("results"))
    verify.set_defaults(call=calls.call_verify)

    report = commands.add_parser("report", help="tables, plots and page of a study, from its records alone")
    report.add_argument("study", metavar="STUDY", nargs="?", help="when none is named, the index of all of them")
    report.add_argument(
        "--readme", action="store_true", help="write the numbers of the READMEs from the tables instead"
    )
    for option in ("models", "data", "columns"):
        told = f"a table of these {'data sets' if option == 'data' else option} alone, beside the others"
        report.add_argument(f"--{option}", type=comma_list, default=[], metavar="A,B", help=told)
    report.add_argument("--results-dir", type=Path, default=Path("results"))
    report.add_argument("--single-file", action="store_true", help="embed the plots in the page")
    report.add_argument("--beside", type=Path, help="a results folder: its numbers of the same study stand beside")
    report.add_argument(
        "--format", type=formats, default=("png", "svg"), help="of plots beside PNG: svg,pdf; default svg"
    )
    report.set_defaults(call=calls.call_report)

    what = commands.add_parser("list", help="models, data, studies, metrics: a line each; of a NAME its options")
    what.add_argument("what", nargs="?", choices=["models", "data", "studies", "metrics"])
    what.add_argument("name", nargs="?", metavar="NAME", help="a model: its options; a data set or a file: its faults")
    what.add_argument("overrides", nargs="*", help="options of the data, such as data.label=species")
    add_config_dir(what)
    what.set_defaults(call=calls.call_list)

    check = commands.add_parser("check", help="hold a model against the entry contract, a data set against its own")
    check.add_argument("name", metavar="NAME", help="in conf/model or conf/data, with overrides such as model.layers=4")
    check.add_argument("overrides", nargs="*")
    check.add_argument("--traceback", action="store_true", help="show the traceback of each exception in a check")
    add_config_dir(check)
    check.set_defaults(call=calls.call_check)

    new = commands.add_parser("new", help="write a working model or data set of two files")
    new.add_argument("words", nargs="+", metavar="NAME", help="the name, behind model or data; a model without either")
    new.add_argument("--dir", type=Path, help="write it here instead of into the project")
    new.set_defaults(call=calls.call_new)

    data = commands.add_parser("data", help="where data sets come from; fetch and verify them")
    actions = data.add_subparsers(required=True, metavar="ACTION")
    for action, text in {"list": "sources and terms", "fetch": "download", "verify": "hold against checksums"}.items():
        one = actions.add_parser(action, help=text)
        one.add_argument("--data-root", help="where data live; default $BENCH_DATA, else the user's cache")
        if action != "list":
            one.add_argument("name", metavar="NAME")
        if action == "fetch":
            one.add_argument("--url", help="a mirror's base address instead of the official one")
        one.set_defaults(call=calls.call_data, action=action)

    speed = commands.add_parser("speed", help="side-by-side timings, written to results/speed")
    speed.add_argument("cases", nargs="*", help="which comparisons; when none is named, all but the long ones")
    speed.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    speed.add_argument("--threads", type=int, help="CPU threads; default torch's choice")
    speed.add_argument("--results-dir", type=Path, default=Path("results"))
    speed.set_defaults(call=calls.call_speed)

    reproduce = commands.add_parser("reproduce", help="obtained beside published, from stored tables")
    reproduce.add_argument("study", metavar="STUDY", nargs="?", help="when none is named, all of them")
    reproduce.add_argument("--results-dir", type=Path, default=Path("results"))
    reproduce.set_defaults(call=calls.call_reproduce)
    complete = commands.add_parser("completion", help="a script that completes commands and names in bash or zsh")
    complete.add_argument("shell", choices=["bash", "zsh"])
    complete.set_defaults(call=call_completion)
    add_upkeep(commands, calls.UPKEEP)
    add_commands(commands)
    return top


def add_config_dir(command: argparse.ArgumentParser) -> None:
    """The option that finds a user's own model, data and study files."""
    command.add_argument(
        "--config-dir", type=Path, action="append", help="a folder of your own with model/, data/ or study/"
    )


def comma_list(text: str) -> list[str]:
    """`a, b` as its words; a comma within brackets divides nothing."""
    return [word.strip() for word in re.split(r",(?![^(\[]*[)\]])", text) if word.strip()]


def formats(words: str) -> tuple[str, ...]:
    """The formats of an argument such as `svg,pdf`."""
    asked = tuple(words.split(","))
    unknown = [word for word in asked if word not in {"png", "svg", "pdf"}]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of png, svg, pdf")
    return asked


def call_help(arguments: argparse.Namespace) -> int:
    """`bench` alone."""
    parser().print_help()
    return 0


def call_completion(arguments: argparse.Namespace) -> int:
    """`bench completion`."""
    from bench.setup.completion import completion

    print(completion(parser(), arguments.shell), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
