"""Two files to start from: `bench new [model] NAME` and `bench new data NAME` write a small one that works.

It is there to be edited into another.
"""

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template
from typing import Literal

from bench.errors import BenchError, unknown
from bench.paths import PACKAGE, group_choices, project_dir
from bench.record.writing import write_atomically

TEMPLATES = PACKAGE / "setup" / "templates"

Sort = Literal["model", "data"]

ROOMS: dict[Sort, str] = {"model": "models", "data": "data"}
"""The room of the project that the Python file of each sort belongs to."""

WORDS: dict[Sort, str] = {"model": "model", "data": "data set"}


def write_new(words: list[str], directory: Path | None = None) -> list[Path]:
    """Writes what `bench new` asks for.

    Args:
        words: the name, behind `model` or `data` where it says which.
        directory: as for `new_files`.

    Returns:
        The Python file and the YAML.

    Raises:
        BenchError: there are more words, the first is another, or as `new_files`.
    """
    *sorts, name = words
    if len(sorts) > 1:
        raise BenchError(f"bench new {' '.join(words)}: give one name, behind model or data")
    if sorts and sorts[0] not in ROOMS:
        raise unknown("thing to write", sorts[0], ROOMS, where="bench new")
    return new_files("data" if sorts == ["data"] else "model", name, directory)


def new_files(sort: Sort, name: str, directory: Path | None = None) -> list[Path]:
    """Writes the Python file and the YAML of a model or data set.

    Args:
        sort: `model` or `data`.
        name: of the module and of the model or data set; an identifier such as `my_flow`.
        directory: where to write `NAME.py` and `conf/SORT/NAME.yaml`; None writes into the project, as
            `bench/models/NAME.py` or `bench/data/NAME.py` and `conf/SORT/NAME.yaml`.

    Returns:
        The two files.

    Raises:
        BenchError: a name that cannot be imported or is taken, a file that exists, a folder that cannot be written;
            then neither file is left behind.
    """
    project = project_dir()
    if directory is None and project is None:
        raise BenchError(f"bench new {name}: the installed package is not a place to write; add --dir DIR")
    check_name(name, sort)
    if directory is None:
        assert project is not None
        module, yaml = project / "bench" / ROOMS[sort] / f"{name}.py", project / "conf" / sort / f"{name}.yaml"
        package, options = f"bench.{ROOMS[sort]}.", ""
    else:
        module, yaml = directory / f"{name}.py", directory / "conf" / sort / f"{name}.yaml"
        package, options = "", "--config-dir conf "
    for path in (module, yaml):
        if path.exists():
            raise BenchError(f"{path} exists: choose another name or remove it")
    if not package:
        check_not_shadowing(name, sort)
    class_name = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    values = {
        "name": name,
        "class_name": class_name,
        "target": f"{package}{name}.{class_name if sort == 'model' else name}",
        "command": f"bench run {options}{sort}={name}",
    }
    stem = "entry" if sort == "model" else "data"
    write_atomically(module, filled(f"{stem}.py.txt", values))
    try:
        write_atomically(yaml, filled(f"{stem}.yaml.txt", values))
    except BaseException:
        module.unlink()
        raise
    return [module, yaml]


def check_name(name: str, sort: Sort) -> None:
    """Holds a name against Python's rules, Hydra's and the models or data sets that exist.

    Raises:
        BenchError: it breaks one.
    """
    what = f"'{name}' cannot name a {WORDS[sort]}"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise BenchError(f"{what}: use letters, digits and _, a letter first, such as my_{sort}")
    if keyword.iskeyword(name) or name.lower() in {"null", "true", "false", "on", "off", "yes", "no"}:
        raise BenchError(f"{what}: it is a word of Python or YAML; choose another")
    if name in {choice.name for choice in group_choices(sort)}:
        raise BenchError(f"{WORDS[sort]} '{name}' exists already: choose another name, or edit its files")


def check_not_shadowing(name: str, sort: Sort) -> None:
    """Refuses the name of an importable module, whose place a file beside the command would take.

    Raises:
        BenchError: such a module exists.
    """
    if importlib.util.find_spec(name) is not None:
        raise BenchError(
            f"'{name}' cannot name a {WORDS[sort]} here: {name}.py would hide an installed module; choose another"
        )


def filled(template: str, values: dict[str, str]) -> str:
    """A template with its names put in."""
    return Template((TEMPLATES / template).read_text()).substitute(values)
