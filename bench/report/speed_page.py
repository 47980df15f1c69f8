"""The page of timings, drawn from results/speed/<device>.csv without what measured them."""

from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError
from bench.record.reading import Unreadable, csv_rows
from bench.record.writing import write_atomically
from bench.report.numbers import plain
from bench.report.templating import environment

FOLDER, PAGE = "speed", "report.html"
COLUMNS = ("case", "what", "ours", "theirs", "unit", "ratio", "ratio_low", "ratio_high", "target", "met", "note")
"""Columns of those files that the page needs."""

TITLES = {
    "overhead": "The harness: share of a step that is not forward, backward or optimiser",
    "vae-pythae": "VAEs beside pythae's trainer",
    "iwae-5000": "The bound with 5,000 importance samples",
    "realnvp-nflows": "realnvp beside nflows",
    "realnvp-normflows": "realnvp beside normflows",
    "vae-conv-pythae": "A convolutional VAE beside pythae's trainer",
    "realnvp-conv-nflows": "realnvp_conv beside nflows",
    "unet-torchcfm": "flow_matching_unet beside TorchCFM",
    "bfloat16": "Training in bfloat16 beside float32",
    "compiled": "Compiled steps",
    "pack": "Seeds trained as one batch",
    "cli": "The command",
    "ladder": "A training step of an ODE flow, beside FFJORD as published",
    "ladder-plane": "The same on a plane",
    "exact-likelihood": "Exact test likelihoods",
    "scaling": "How a step's time grows",
    "reach": "Seconds of training to FFJORD's best likelihood",
}
"""Case -> what stands above its figures; one that is not here has its name."""


class Timing(NamedTuple):
    """One figure: texts as they are shown, `missed` where it was to be better."""

    what: str
    ours: str
    theirs: str
    unit: str
    ratio: str
    target: str
    missed: bool
    note: str


class Speed(NamedTuple):
    """Timings of all devices.

    Attributes:
        cases: title -> figures.
        devices: processors and GPUs, as the files name them.
        missed: number of targets that were missed, of `targets`.
    """

    cases: dict[str, list[Timing]]
    devices: list[str]
    missed: int
    targets: int


def read_speed(results_dir: Path) -> Speed | None:
    """The timings under `results_dir`; None where there are none.

    Raises:
        BenchError: a file of them cannot be read.
    """
    cases: dict[str, list[Timing]] = {}
    devices: set[str] = set()
    for path in sorted((results_dir / FOLDER).glob("*.csv")):
        for row in _rows(path):
            devices.add(row.get("device") or path.stem)
            cases.setdefault(TITLES.get(row["case"], row["case"]), []).append(timing(row))
    figures = [figure for own in cases.values() for figure in own]
    held = sum(bool(figure.target) for figure in figures)
    return Speed(cases, sorted(devices), sum(figure.missed for figure in figures), held) if figures else None


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a file of figures; none of another kind of file."""
    try:
        (_, header), *rows = csv_rows(path) or [(0, [])]
    except (OSError, Unreadable) as error:
        raise BenchError(f"{path}: {error}; restore the file") from error
    if not set(COLUMNS) <= set(header):
        return []
    return [dict(zip(header, row, strict=False)) for _, row in rows if len(row) == len(header)]


def timing(row: dict[str, str]) -> Timing:
    """A row of the file as texts."""
    low, high = number(row["ratio_low"]), number(row["ratio_high"])
    ratio = number(row["ratio"], 3)
    between = f" ({number(row['ratio_low'], 3)} to {number(row['ratio_high'], 3)})" if low and high else ""
    return Timing(
        row["what"], number(row["ours"]), number(row["theirs"]), row["unit"], ratio + between * bool(ratio),
        row["target"].replace("<=", "≤").replace(">=", "≥"), row["met"] == "no", row["note"],
    )  # fmt: skip


def number(text: str, digits: int = 4) -> str:
    """A cell with so many significant digits; a text that is no number as it stands."""
    try:
        return plain(float(text), digits)
    except ValueError:
        return text


def write_speed_page(results_dir: Path, speed: Speed) -> Path:
    """Writes the page of the timings; its path.

    Raises:
        BenchError: it cannot be written.
    """
    path = results_dir / FOLDER / PAGE
    write_atomically(path, environment().get_template("speed.html").render(speed=speed))
    return path
