"""A new entry in two files: `bench new NAME` writes a small model that works, to be edited into another."""

import importlib.util
import keyword
import re
from pathlib import Path
from string import Template

from bench.errors import BenchError
from bench.paths import PACKAGE, group_choices, project_dir
from bench.record.store import write_atomically

TEMPLATES = PACKAGE / "setup" / "templates"


def new_entry(name: str, directory: Path | None = None) -> list[Path]:
    """Writes an entry's Python file and its YAML.

    Args:
        name: of the module and of the model; an identifier such as `my_flow`.
        directory: where to write `NAME.py` and `conf/model/NAME.yaml`; None writes into the project, as
            `bench/models/NAME.py` and `conf/model/NAME.yaml`.

    Returns:
        The two files.

    Raises:
        BenchError: a name that cannot be imported or is taken, a file that exists, a folder that cannot be written;
            then neither file is left behind.
    """
    project = project_dir()
    if directory is None and project is None:
        raise BenchError(f"bench new {name}: the installed package is not a place to write; add --dir DIR")
    check_name(name)
    if directory is None:
        assert project is not None
        module, yaml = project / "bench" / "models" / f"{name}.py", project / "conf" / "model" / f"{name}.yaml"
        package, options = "bench.models.", ""
    else:
        module, yaml = directory / f"{name}.py", directory / "conf" / "model" / f"{name}.yaml"
        package, options = "", "--config-dir conf "
    for path in (module, yaml):
        if path.exists():
            raise BenchError(f"{path} exists: choose another name or remove it")
    if not package:
        check_not_shadowing(name)
    class_name = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    values = {
        "name": name,
        "class_name": class_name,
        "target": f"{package}{name}.{class_name}",
        "command": f"bench run {options}model={name}",
    }
    write_atomically(module, filled("entry.py.txt", values))
    try:
        write_atomically(yaml, filled("entry.yaml.txt", values))
    except BaseException:
        module.unlink()
        raise
    return [module, yaml]


def check_name(name: str) -> None:
    """Holds a name against Python's rules, Hydra's and the models that exist.

    Raises:
        BenchError: it breaks one.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise BenchError(f"'{name}' cannot name a model: use letters, digits and _, a letter first, such as my_flow")
    if keyword.iskeyword(name) or name.lower() in {"null", "true", "false", "on", "off", "yes", "no"}:
        raise BenchError(f"'{name}' cannot name a model: it is a word of Python or YAML; choose another")
    if name in {choice.name for choice in group_choices("model")}:
        raise BenchError(f"model '{name}' exists already: choose another name, or edit its files")


def check_not_shadowing(name: str) -> None:
    """Refuses the name of an importable module, whose place a file beside the command would take.

    Raises:
        BenchError: such a module exists.
    """
    if importlib.util.find_spec(name) is not None:
        raise BenchError(f"'{name}' cannot name a model here: {name}.py would hide an installed module; choose another")


def filled(template: str, values: dict[str, str]) -> str:
    """A template with its names put in."""
    return Template((TEMPLATES / template).read_text()).substitute(values)
