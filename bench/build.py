"""From a configuration node to the object it names: options are held against the signature of what is built."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import field, make_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, unknown
from bench.models.entry import Entry
from bench.spec import DataSpec

loaded: dict[str, Dataset] = {}


def dataset(config: Config) -> Dataset:
    """The data set that `config.data` names, on the CPU; loaded once a process.

    Raises:
        BenchError: an unknown option, missing or corrupt files.
    """
    options = {"name": "", **config.data}
    key = repr(sorted(options.items()))
    if key not in loaded:
        function = locate(options.pop("_target_"), "data")
        loaded[key] = function(**checked(function, options, f"data={options['name']}"))
    return loaded[key]


def entry_class(config: Config) -> type[Entry]:
    """The class that `config.model` names.

    Raises:
        BenchError: it cannot be imported, or is not an `Entry`.
    """
    target = config.model["_target_"]
    found = locate(target, "model")
    if not (isinstance(found, type) and issubclass(found, Entry)):
        raise BenchError(f"{target} is not an Entry; make it a subclass of bench.models.entry.Entry")
    return found


def entry(config: Config, spec: DataSpec, width: int | None = None) -> Entry:
    """The entry that `config.model` names, for data of `spec`; `width` replaces the YAML's.

    Raises:
        BenchError: an unknown option, a wrong type, or an option that the entry refuses.
    """
    cls = entry_class(config)
    name = config.model.get("name", cls.__name__)
    options = {key: value for key, value in config.model.items() if key not in {"_target_", "name"}}
    if width is not None:
        options["width"] = width
    if "width" not in options:
        raise BenchError(f"model={name}: its YAML gives no width; add one, such as width: 64")
    if options["width"] < 1:
        raise BenchError(f"model.width={options['width']}: must be more than zero")
    built: Entry = cls(spec, **checked(cls.__init__, options, f"model={name}"))
    return built


def locate(target: str, group: str) -> Callable[..., Any]:
    """The object at a dotted path.

    Raises:
        BenchError: its module fails to import, whatever the reason, or has no such name.
    """
    module_name, _, attribute = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BenchError(f"{group}: cannot import {module_name} ({reason}); mend it, or correct _target_") from error
    if not hasattr(module, attribute):
        raise unknown("name", attribute, [name for name in vars(module) if name[0] != "_"], where=module_name)
    found: Callable[..., Any] = getattr(module, attribute)
    return found


def checked(function: Callable[..., Any], options: dict[str, Any], where: str) -> dict[str, Any]:
    """`options` converted to the types that `function`'s keywords are annotated with.

    Raises:
        BenchError: an option that `function` does not take, one of a wrong type, or one that is missing.
    """
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return options
    hints = get_type_hints(function)
    accepted = {p.name: p for p in parameters if p.name not in {"self", "data"} and p.kind is not p.VAR_POSITIONAL}
    for name, value in options.items():
        allowed = get_args(hints.get(name)) if get_origin(hints.get(name)) is Literal else ()
        if name in accepted and allowed and value not in allowed:
            raise unknown(f"{where.partition('=')[0]}.{name}", str(value), map(str, allowed), where=where)
    missing = [p.name for p in accepted.values() if p.default is p.empty and p.name not in options]
    if missing:
        raise BenchError(f"{where}: option {missing[0]} has no value; set {where.partition('=')[0]}.{missing[0]}=")
    schema = make_dataclass("Options", [(name, storable(hints.get(name)), field(default=None)) for name in accepted])
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), options)
    except ConfigKeyError as error:
        raise unknown("option", str(error.key), accepted, where=where) from error
    except OmegaConfBaseException as error:
        raise BenchError(f"{where}: {error.full_key}: {str(error).splitlines()[0]}") from error
    converted: dict[str, Any] = OmegaConf.to_container(merged)  # type: ignore[assignment]
    return {name: converted[name] for name in options}


def storable(hint: Any) -> Any:
    """A hint as OmegaConf knows it: a Literal is text, an unannotated option anything."""
    if hint is None:
        return Any
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0]) | None
    return hint | None if hint in {int, float, str, bool} else hint
