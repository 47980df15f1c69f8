"""What a command on a stored run leaves open, settled and checked before torch is imported, which takes seconds."""

import argparse
import contextlib
from collections.abc import Iterator

from bench.errors import BenchError
from bench.use.files import check_file, form_words, format_of
from bench.use.places import run_folder

DRAWN = (".csv", ".npz", ".png")
NUMBERS = (".csv", ".npz")
FORMATS = {"sample": DRAWN, "score": NUMBERS, "encode": NUMBERS, "decode": DRAWN, "reconstruct": DRAWN}
BESIDE = {
    "score": ".scores.csv",
    "encode": ".latents.csv",
    "decode": ".decoded.csv",
    "reconstruct": ".reconstructed.csv",
}
"""Ending of the file that is written beside the one that is read."""


@contextlib.contextmanager
def settled(command: str, arguments: argparse.Namespace) -> Iterator[None]:
    """A block in which the arguments name the folder of the run, `folder`, and the file to write, `out`.

    `form` is what the words of the command say of how the text file is written.

    Raises:
        BenchError: there is no such run or file, a number is out of range, a word says nothing of a text file, or the
            file to write cannot be.
    """
    if arguments.out is None:
        named = arguments.file if arguments.file.name else arguments.file.resolve()
        arguments.out = named.with_suffix(BESIDE[command])
    format_of(arguments.out, FORMATS[command])
    arguments.form = form_words(getattr(arguments, "overrides", []))
    if command == "sample":
        check_draws(arguments.n, arguments.temperature)
    else:
        if command == "decode" or not arguments.file.is_dir():  # else of pictures; the loaded run says if it has any
            check_file(arguments.file)
        if arguments.out.exists() and arguments.out.samefile(arguments.file):
            raise BenchError(f"--out {arguments.out} is the file that is read; give another name")
    with run_folder(arguments.run, arguments.results_dir) as folder:
        arguments.folder = folder
        yield


def check_draws(n: int, temperature: float) -> None:
    """Refuses a number of draws or a temperature that no model has.

    Raises:
        BenchError: one of them is not above 0.
    """
    if n < 1:
        raise BenchError(f"n={n}: ask for one sample or more")
    if not 0 < temperature < float("inf"):
        raise BenchError(f"temperature={temperature:g}: give a number above 0")
