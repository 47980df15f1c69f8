"""The words of every command: what `bench --help` and completion know."""

import argparse
import re
from pathlib import Path
from typing import NoReturn, TypeAlias

import bench
from bench import calls
from bench.upkeep.words import add_upkeep
from bench.use.words import add_commands

EPILOG = """examples:
  bench run model=vae data=digits seed=0        one run; any Hydra override
  bench run -m model=vae,realnvp seed=0,1,2     a grid
  bench run study=quick                         a whole study; finished runs are skipped
  bench report quick                            its tables, plots and page
  bench new mymodel && bench check mymodel      a model of your own"""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line, and where help is."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with code 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    top: argparse.ArgumentParser = Parser(
        prog="bench",
        description="One fair, repeatable comparison of VAEs, normalizing flows and continuous flows.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"bench {bench.__version__}")
    top.set_defaults(call=call_help)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    add_runs(commands)
    add_reports(commands)
    add_models_and_data(commands)
    add_speed(commands)
    add_completion(commands)
    add_upkeep(commands, calls.UPKEEP)
    add_commands(commands)
    return top


def add_runs(commands: Commands) -> None:
    """Adds the commands that train or evaluate."""
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


def add_reports(commands: Commands) -> None:
    """Adds the commands that read stored records alone."""
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

    reproduce = commands.add_parser("reproduce", help="obtained beside published, from stored tables")
    reproduce.add_argument("study", metavar="STUDY", nargs="?", help="when none is named, all of them")
    reproduce.add_argument("--results-dir", type=Path, default=Path("results"))
    reproduce.set_defaults(call=calls.call_reproduce)


def add_models_and_data(commands: Commands) -> None:
    """Adds the commands on models and data sets: what there is, what is wrong with one, a new one."""
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


def add_speed(commands: Commands) -> None:
    """Adds the timings."""
    speed = commands.add_parser("speed", help="side-by-side timings, written to results/speed")
    speed.add_argument("cases", nargs="*", help="which comparisons; when none is named, all but the long ones")
    speed.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    speed.add_argument("--threads", type=int, help="CPU threads; default torch's choice")
    speed.add_argument("--results-dir", type=Path, default=Path("results"))
    speed.set_defaults(call=calls.call_speed)


def add_completion(commands: Commands) -> None:
    """Adds the script for shells."""
    complete = commands.add_parser("completion", help="a script that completes commands and names in bash or zsh")
    complete.add_argument("shell", choices=["bash", "zsh"])
    complete.set_defaults(call=call_completion)


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
