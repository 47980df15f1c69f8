"""A data set as `bench check NAME` and `bench list data NAME` show it: sizes, warnings and refusals, all at once."""

from collections.abc import Callable

from bench.config import Config
from bench.data.dataset import Dataset
from bench.data.inspection import SPLITS
from bench.setup.build import inspection


def check_data(config: Config, report: Callable[[str], None]) -> bool:
    """Looks through a data set and says all that it finds; False where it is refused.

    Args:
        config: its `data` names the data set.
        report: takes a line for the sizes, for each refusal and each warning, and for the verdict.

    Raises:
        BenchError: it cannot be built.
    """
    found, name = inspection(config), config.data["name"]
    report(f"{name}: {sizes(found.dataset)}")
    for line in found.refusals:
        report(f"FAIL {line}")
    for line in found.warnings:
        report(f"warn {line}")
    warnings = f"{len(found.warnings)} warning{'s' * (len(found.warnings) != 1)}"
    report(f"{name}: {'refused' if found.refusals else 'sound'}, {warnings}")
    return not found.refusals


def sizes(dataset: Dataset) -> str:
    """Kind, columns and rows in a line."""
    spec = dataset.spec
    kind = f"{spec.kind}, {spec.levels} levels" if spec.kind == "discrete" else spec.kind
    rows = ", ".join(f"{name} {len(getattr(dataset, name))}" for name in SPLITS)
    return f"{kind}, {spec.dim} columns; rows: {rows}"
