"""The words of the commands that use what was trained; nothing heavy is imported before one of them is called."""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

RUN = "a run's folder, a .zip of one, its id or the beginning of one, or quick/best/digits"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `sample`, `score`, `encode`, `decode`, `reconstruct` and `export`."""
    sample = added(commands, "sample", "draws of a stored run, in your data's units")
    sample.add_argument("-n", type=int, default=1_000, help="how many; default 1000")
    sample.add_argument("--seed", type=int, default=0, help="of the draws; default 0")
    sample.add_argument("--label", help="the class to draw, of a model that takes one: your own label of it")
    sample.add_argument(
        "--temperature", type=float, default=1.0, help="factor of a flow's latent; the output then names it"
    )
    sample.add_argument("--out", type=Path, required=True, help="a name ending with .csv, .npz or .png")
    score = added(commands, "score", "log-likelihood and place among the test rows of each of your rows")
    encode = added(commands, "encode", "latents of your rows")
    decode = added(commands, "decode", "rows of latents, as bench encode writes them")
    reconstruct = added(commands, "reconstruct", "your rows encoded and decoded")
    for command in (score, encode, decode, reconstruct):
        command.add_argument("file", metavar="FILE", type=Path, help="rows: .csv, .npy or .npz; pictures too")
        command.add_argument("--out", type=Path, help="the file to write; default beside FILE")
    for command in (score, encode, reconstruct):
        told = "how a text file is written, where not as the model's data: data.delimiter=semicolon data.decimal=comma"
        command.add_argument("overrides", nargs="*", metavar="data.NAME=VALUE", help=told)
    export = commands.add_parser("export", help="a run as one .zip that needs no data; 16 test rows are in it")
    export.add_argument("run", metavar="RUN", help=f"{RUN}; STUDY/best: the best run of each data set")
    export.add_argument("--out", type=Path, help="the .zip, default its id; of STUDY/best the folder")
    export.add_argument("--results-dir", type=Path, default=Path("results"))
    export.set_defaults(call=calling("bench.use.export", "export"))


def added(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    """A command that loads a run."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument("run", metavar="RUN", help=RUN)
    command.add_argument("--results-dir", type=Path, default=Path("results"))
    command.add_argument("--device", choices=["cpu", "cuda", "auto"], default="cpu")
    command.add_argument(
        "--trust-sources", action="store_true", help="run the text of a user's entry that is stored with the run"
    )
    command.set_defaults(call=settling(name), config_dir=None)
    return command


def settling(name: str) -> Callable[[argparse.Namespace], int]:
    """A command of `bench.use.commands`, which is imported behind the check of its arguments."""

    def call(arguments: argparse.Namespace) -> int:
        from bench.use.settled import settled

        with settled(name, arguments):
            return calling("bench.use.commands", name)(arguments)

    return call


def calling(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A function of a module that is imported when it is called."""

    def call(arguments: argparse.Namespace) -> int:
        code: int = getattr(import_module(module), name)(arguments)
        return code

    return call
