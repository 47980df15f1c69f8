"""Paths of the checkout and of its configuration groups, and the YAML files that a group holds."""

import importlib.util
from importlib.metadata import EntryPoint, entry_points
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


BROUGHT_BY = "bench.conf"
"""The entry point group of installed packages that bring models, data sets or studies."""


class Brought(NamedTuple):
    """A folder of configuration groups that an installed package brings.

    Attributes:
        folder: it holds model/, data/ or study/.
        package: the name of the distribution.
    """

    folder: Path
    package: str


def brought() -> list[Brought]:
    """The folders of all installed packages with an entry point `NAME = package.folder` of the group `bench.conf`.

    Nothing of a package is imported.

    Raises:
        BenchError: an entry point names no folder, or one with a file of the project's or of another package's name.
    """
    found = [brought_by(point) for point in sorted(entry_points(group=BROUGHT_BY), key=lambda point: point.name)]
    owners: dict[Path, str] = {}
    for folder, package in found:
        for name in sorted(path.relative_to(folder) for path in yaml_files(folder)):
            owner = "the project" if (conf_dir() / name).exists() else owners.get(name)
            if owner is not None:
                raise BenchError(
                    f"the package {package} brings conf/{name}, which {owner} has too; uninstall {package}"
                )
            owners[name] = f"the package {package}"
    return found


def brought_by(point: EntryPoint) -> Brought:
    """The folder of one entry point.

    Raises:
        BenchError: there is none.
    """
    package = point.dist.name if point.dist is not None else point.name
    top, *parts = point.value.split(".")
    spec = importlib.util.find_spec(top)
    places = [] if spec is None else spec.submodule_search_locations or []
    folders = [folder for place in places if (folder := Path(place, *parts)).is_dir()]
    if not folders:
        raise BenchError(
            f"the package {package}: its entry point {BROUGHT_BY} names {point.value}, which is no folder with model/, "
            f"data/ or study/; mend it, or uninstall {package}"
        )
    return Brought(folders[0], package)


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files of a folder of configuration groups."""
    return sorted([*folder.glob("*.yaml"), *folder.glob("*/*.yaml")])


class Choice(NamedTuple):
    """One YAML of a configuration group and the line it opens with."""

    name: str
    description: str


def group_choices(group: str, config_dir: Path | None = None) -> list[Choice]:
    """Every YAML of `group`, the user's own and those of installed packages among them, with its one-line description.

    Args:
        group: `model`, `data` or `study`.
        config_dir: a folder of the user's own configuration groups.

    Raises:
        BenchError: a file of it has the name of one of the project's.
    """
    check_own_names(config_dir)
    folders = [conf_dir(), *(folder for folder, _ in brought())] + ([] if config_dir is None else [config_dir])
    files = {path.stem: path for folder in folders for path in (folder / group).glob("*.yaml")}
    return [Choice(name, opening_comment(path)) for name, path in sorted(files.items())]


def check_own_names(config_dir: Path | None) -> None:
    """Refuses a user's configuration file with the name of one of the project's or of a package's.

    Hydra takes the project's in its place.

    Raises:
        BenchError: there is one.
    """
    if config_dir is None or config_dir.resolve() == conf_dir().resolve():
        return
    others = brought()
    for path in yaml_files(config_dir):
        name = path.relative_to(config_dir)
        if (conf_dir() / name).exists():
            raise BenchError(f"{path} has the name of the project's own conf/{name}, which goes first; rename it")
        for folder, package in others:
            if (folder / name).exists():
                raise BenchError(f"{path} has the name of a file of the package {package}; rename it")


def opening_comment(path: Path) -> str:
    """The first comment of a YAML that is not a Hydra directive."""
    for line in path.read_text().splitlines():
        if line.startswith("#") and not line.startswith("# @"):
            return line.lstrip("# ")
    return ""


def installed(module: str) -> bool:
    """True where an optional module can be imported."""
    return importlib.util.find_spec(module) is not None
