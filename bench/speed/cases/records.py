"""How planning, status and report grow with the runs that a study has: records alone, of 1,000 to 100,000 runs."""

import math
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.cells.order import Order
from bench.cells.worker import setting_of
from bench.record.runs import FOLDER, run_path
from bench.record.store import record_text
from bench.record.writing import write_atomically
from bench.setup.cell import resolve
from bench.setup.compose import as_yaml, compose
from bench.speed.cases.commands import timed_process
from bench.speed.figure import Figure, Target
from bench.speed.generated_study import FAMILIES, measured
from bench.speed.plot_growth import growth_plot

CASE, GROWTH = "records", "many-records"
DATA = ("8gaussians", "checkerboard", "moons", "pinwheel", "swissroll")
MODELS = ("vae", "realnvp", "cnf", "gaussian")
SIZES = ("budget.parameters=null", "model.width=8")
"""No search for the width that meets a budget: twenty settings are planned in a moment."""
LINEAR = Target(1.1)
"""Of exponents: in proportion, but for what one call varies."""
AT_10_000 = {"plan": Target(20.0), "status": Target(2.0), "report": Target(60.0)}


@dataclass(frozen=True)
class Grid:
    """So many finished runs: five data sets, four entries, seeds.

    Attributes:
        folder: of results.
        runs: number of them, a multiple of twenty.
    """

    folder: Path
    runs: int

    @property
    def words(self) -> list[str]:
        """The command that asks for them, after `bench run -m`."""
        seeds = self.runs // (len(DATA) * len(MODELS))
        grid = [f"data={','.join(DATA)}", f"model={','.join(MODELS)}", f"seed=range({seeds})"]
        return [*grid, *SIZES, f"results_dir={self.folder}"]

    def orders(self) -> Iterator[tuple[Order, str]]:
        """Its cells, each with its configuration as YAML."""
        for data in DATA:
            for model in MODELS:
                words = [f"data={data}", f"model={model}", *SIZES, f"results_dir={self.folder}"]
                cell = resolve(compose(words))
                setting, text = setting_of(cell), as_yaml(cell.config)
                for seed in range(self.runs // (len(DATA) * len(MODELS))):
                    order = Order(setting, seed, 0, " ".join(["bench run", *words, f"seed={seed}"]))
                    yield order, text.replace("\nseed: 0\n", f"\nseed: {seed}\n")

    def write(self) -> None:
        """The records of all; they are not flushed to the disk, which would take an hour."""
        runs = self.folder / "scratch" / FOLDER
        with ThreadPoolExecutor(8) as pool:
            for _ in pool.map(lambda cell: write_record(runs, *cell), self.orders()):
                pass


def write_record(runs: Path, order: Order, config: str) -> None:
    """The record of a finished run, and its configuration."""
    path = run_path(runs, order.run_id)
    path.mkdir(parents=True)
    model = str(order.setting.place["model"])
    nll = 2.5 + 0.1 * MODELS.index(model) + 0.001 * (order.seed % 7)
    numbers = measured(nll, FAMILIES[MODELS.index(model) % len(FAMILIES)])
    record = {**order.identity(), **numbers, "evaluation": order.evaluation}
    (path / "config.yaml").write_text(config)
    (path / "record.json").write_text(record_text(record))


def records(counts: tuple[int, ...], case: str = CASE) -> Iterator[Figure]:
    """Seconds of a command that finds all runs finished, of `bench status` and `bench report`; memory of the last."""
    for runs in counts:
        with tempfile.TemporaryDirectory() as folder:
            grid = Grid(Path(folder), runs)
            grid.write()
            commands = {
                "plan": ["run", "-m", *grid.words],
                "status": ["status", "scratch", "--results-dir", folder, "--json"],
                "report": ["report", "scratch", "--results-dir", folder],
            }
            for name, words in commands.items():
                seconds, peak = timed_process(*words)
                target = AT_10_000[name] if runs == 10_000 else None
                note = "records alone, five data sets and four entries; one call"
                yield Figure(case, f"{name} of {runs:,} runs", "s", seconds, target=target, note=note)
                yield Figure(case, f"{name} of {runs:,} runs: peak memory", "MiB", peak / 2**20, note=note)


def growth(counts: tuple[int, ...], results_dir: Path) -> Iterator[Figure]:
    """The figures of `records`, and how seconds and memory grow from the last count but one to the last.

    Writes growth.png into results_dir/speed.
    """
    values_of: dict[str, dict[str, list[float]]] = {"s": {}, "MiB": {}}
    for figure in records(counts, GROWTH):
        command = figure.what.partition(" ")[0]
        assert figure.ours is not None
        values_of[figure.unit].setdefault(command, []).append(figure.ours)
        yield figure
    write_atomically(results_dir / "speed" / "growth.png", growth_plot(counts, values_of["s"], values_of["MiB"]))
    for name, unit in (("seconds", "s"), ("memory", "MiB")):
        for command, values in values_of[unit].items():
            exponent = math.log(values[-1] / values[-2]) / math.log(counts[-1] / counts[-2])
            what = f"{name} of {command}: exponent in runs, {counts[-2]:,} to {counts[-1]:,}"
            yield Figure(GROWTH, what, "", exponent, target=LINEAR, note="1 is in proportion")
