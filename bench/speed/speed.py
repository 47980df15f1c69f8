"""`bench speed`: times the cases that were asked for, stores a row for each figure and prints them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from bench.errors import BenchError, unknown
from bench.machine.clock import Neighbours
from bench.machine.heap import keep_freed_memory
from bench.machine.threads import set_threads
from bench.record.provenance import device_name, git_commit
from bench.record.store import check_writable
from bench.record.writing import write_atomically
from bench.speed.cases.annealing import annealing
from bench.speed.cases.bfloat16 import bfloat16
from bench.speed.cases.bounds import bounds
from bench.speed.cases.cnf_grid import cnf_grid
from bench.speed.cases.commands import bench_figures, commands, large_report
from bench.speed.cases.compiled_steps import compiled_steps
from bench.speed.cases.driver import driver
from bench.speed.cases.exact_likelihood import exact_likelihood
from bench.speed.cases.iwae_5000 import iwae_5000
from bench.speed.cases.overhead import overhead
from bench.speed.cases.own_data import own_data
from bench.speed.cases.packed import packed
from bench.speed.cases.picture_cost import picture_cost
from bench.speed.cases.realnvp_against_nflows import realnvp_against_nflows
from bench.speed.cases.realnvp_against_normflows import realnvp_against_normflows
from bench.speed.cases.realnvp_conv_against_nflows import realnvp_conv_against_nflows
from bench.speed.cases.records import growth, records
from bench.speed.cases.unet_against_torchcfm import unet_against_torchcfm
from bench.speed.cases.vae_against_pythae import conv_against_pythae, vae_against_pythae
from bench.speed.figure import Figure, csv_text, figure_table, read_rows
from bench.speed.interleave import Effort
from bench.speed.ladder.claims import PLANE_CLAIMS
from bench.speed.ladder.ladder import PLANE, ladder
from bench.speed.ladder.peak import Peak
from bench.speed.ladder.reach import reach
from bench.speed.ladder.scaling import scaling

Case = Callable[[torch.device, Path], Iterable[Figure]]
"""The figures of a comparison, each when it is measured; a later one of the same name stands for an earlier one."""


def long(device: torch.device) -> Effort:
    """The seconds for which a case with many rows is timed: fewer on a GPU, where a step is short."""
    return Effort(seconds=40 if device.type == "cuda" else 120)


CASES: dict[str, Case] = {
    "overhead": lambda device, _: overhead(device, Effort(seconds=20)),
    "vae-pythae": lambda device, _: vae_against_pythae(device, Effort(seconds=150)),
    "iwae-5000": lambda device, _: iwae_5000(device, Effort(seconds=20)),
    "bounds": lambda device, _: bounds(device, Effort(seconds=20)),
    "annealing": lambda device, _: annealing(device, Effort(seconds=0)),
    "realnvp-nflows": lambda device, _: realnvp_against_nflows(device, Effort(seconds=15)),
    "realnvp-normflows": lambda device, _: realnvp_against_normflows(device, Effort(seconds=15)),
    "vae-conv-pythae": lambda device, _: conv_against_pythae(device, Effort(seconds=40)),
    "realnvp-conv-nflows": lambda device, _: realnvp_conv_against_nflows(device, Effort(seconds=40)),
    "unet-torchcfm": lambda device, _: unet_against_torchcfm(device, Effort(seconds=40)),
    "bfloat16": lambda device, _: bfloat16(device, Effort(seconds=20)),
    "picture-cost": lambda device, _: picture_cost(device, Effort(seconds=20)),
    "compiled": lambda device, _: compiled_steps(device, Effort(seconds=30)),
    "pack": lambda device, _: packed(device, Effort(seconds=20)),
    "cnf-grid": lambda device, _: cnf_grid(device, Effort(seconds=60)),
    "cli": lambda _, __: commands(),
    "report": lambda _, __: large_report(),
    "bench": lambda _, results_dir: bench_figures(results_dir),
    "records": lambda _, __: records((1_000, 10_000)),
    "many-records": lambda _, results_dir: growth((1_000, 10_000, 100_000), results_dir),
    "driver": lambda _, __: driver(cells=10_000),
    "own-data": lambda _, __: own_data(csv_rows=1_000_000, streamed_rows=10_000_000),
    "ladder": lambda device, results_dir: ladder(device, results_dir, long(device)),
    "ladder-plane": lambda device, results_dir: ladder(
        device, results_dir, long(device), PLANE, case="ladder-plane", claims=PLANE_CLAIMS
    ),
    "exact-likelihood": lambda device, _: exact_likelihood(device, Effort(seconds=30)),
    "scaling": lambda device, results_dir: scaling(device, results_dir, long(device)),
    "reach": lambda device, results_dir: reach(device, results_dir),
}
"""Each comparison by its name."""

SHORT = ("overhead", "vae-pythae", "iwae-5000", "realnvp-nflows", "realnvp-normflows", "cli")
"""Those that are timed where none is named, eight minutes together on two quiet cores."""


def speed(cases: list[str], device: str, results_dir: Path, threads: int | None = None) -> list[str]:
    """Times `cases` and writes results_dir/speed/<device>.csv; when none is named, `SHORT`.

    Each figure is written when it is measured, so that a case cut short keeps those before; the first one of a case
    replaces the case's earlier rows. Rows of cases that are not timed now stay in the file as they are.

    Args:
        cases: names in `CASES`.
        device: `cpu` or `cuda`.
        results_dir: holds the studies; the trials of the study quick are read from it.
        threads: CPU threads of torch, and of JAX where a case needs it; None leaves torch's choice.

    Returns:
        The lines to print: the figures and where they are stored.

    Raises:
        BenchError: an unknown case, no such device, no threads, or a folder that cannot be written.
    """
    for name in cases:
        if name not in CASES:
            raise unknown("case", name, CASES, "bench speed")
    if device == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch sees no CUDA device here; use --device cpu")
    if threads is not None:
        if threads < 1:
            raise BenchError(f"--threads {threads}: give at least 1")
        set_threads(threads)
    keep_freed_memory()
    path = results_dir / "speed" / f"{device}.csv"
    check_writable(path.parent)
    chosen = torch.device(device)
    surroundings = {
        "device": device_name(chosen),
        "threads": str(torch.get_num_threads()),
        "torch_version": str(torch.__version__),
        "git_commit": git_commit() or "",
    }
    new: list[dict[str, str]] = []
    for name in CASES:
        if name in (cases or SHORT):
            rows: dict[str, dict[str, str]] = {}
            for figure in timed(CASES[name], chosen, results_dir):
                rows.pop(figure.what, None)
                rows[figure.what] = figure.row(surroundings)
                store(path, name, list(rows.values()))
            new += rows.values()
    return [*figure_table(new), "", f"table: {path}"]


def store(path: Path, case: str, rows: list[dict[str, str]]) -> None:
    """Writes the rows of a case in the place of those that it has in the file, the others as they are."""
    others = [row for row in read_rows(path) if row["case"] != case]
    write_atomically(path, csv_text(sorted([*others, *rows], key=lambda row: list(CASES).index(row["case"]))))


def timed(case: Case, device: torch.device, results_dir: Path) -> Iterator[Figure]:
    """The figures of a case, each with its share of the peak, and marked when others used the machine until then."""
    neighbours = Neighbours()
    for figure in with_peak(case(device, results_dir), device):
        if neighbours.shared():
            yield replace(figure, note="; ".join(filter(None, (figure.note, "shared machine"))))
        else:
            yield figure


def with_peak(figures: Iterable[Figure], device: torch.device) -> Iterator[Figure]:
    """The figures, those that count operations beside the fastest matrix product, measured right after the first."""
    peak: float | None = None
    for figure in figures:
        speed = figure.flops_per_second
        if speed is None or figure.peak_fraction is not None:
            yield figure
            continue
        if peak is None:
            peak = Peak(device).measured(Effort(seconds=2))
        yield replace(figure, peak_fraction=speed / peak)
