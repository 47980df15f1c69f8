"""Paths of the checkout and of its configuration groups, and the YAML files that a group holds."""

import importlib.util
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError

PACKAGE = Path(__file__).resolve().parent


def project_dir() -> Path | None:
    """The source checkout this package runs from, or None when it is installed as a wheel."""
    return PACKAGE.parent if (PACKAGE.parent / "conf" / "config.yaml").exists() else None


def conf_dir() -> Path:
    """The project's configuration groups: `conf/` of the checkout, or the copy shipped in the wheel."""
    project = project_dir()
    return PACKAGE / "conf" if project is None else project / "conf"


class Choice(NamedTuple):
    """One YAML of a configuration group and the line it opens with."""

    name: str
    description: str


def group_choices(group: str, config_dir: Path | None = None) -> list[Choice]:
    """Every YAML of `group`, the user's own among them, each with its one-line description.

    Args:
        group: `model`, `data` or `study`.
        config_dir: a folder of the user's own configuration groups.

    Raises:
        BenchError: a file of it has the name of one of the project's.
    """
    check_own_names(config_dir)
    folders = [conf_dir()] + ([] if config_dir is None else [config_dir])
    files = {path.stem: path for folder in folders for path in (folder / group).glob("*.yaml")}
    return [Choice(name, opening_comment(path)) for name, path in sorted(files.items())]


def check_own_names(config_dir: Path | None) -> None:
    """Refuses a user's configuration file that has the name of one of the project's, which Hydra takes in its place.

    Raises:
        BenchError: there is one.
    """
    if config_dir is None or config_dir.resolve() == conf_dir().resolve():
        return
    for path in sorted([*config_dir.glob("*.yaml"), *config_dir.glob("*/*.yaml")]):
        name = path.relative_to(config_dir)
        if (conf_dir() / name).exists():
            raise BenchError(f"{path} has the name of the project's own conf/{name}, which goes first; rename it")


def opening_comment(path: Path) -> str:
    """The first comment of a YAML that is not a Hydra directive."""
    for line in path.read_text().splitlines():
        if line.startswith("#") and not line.startswith("# @"):
            return line.lstrip("# ")
    return ""


def installed(module: str) -> bool:
    """True where an optional module can be imported."""
    return importlib.util.find_spec(module) is not None
