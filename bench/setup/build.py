"""From a configuration node to the object it names: options are held against the signature of what is built."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import field, make_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, NotApplicable, one_line, unknown
from bench.models.entry import Entry
from bench.spec import DataSpec

loaded: dict[str, Dataset] = {}


def dataset(config: Config) -> Dataset:
    """The data set that `config.data` names, on the CPU; loaded once a process.

    Raises:
        BenchError: an unknown option, missing or corrupt files, or whatever else its function fails with.
    """
    options = dict(config.data)
    key = repr(sorted(options.items()))
    if key not in loaded:
        where = f"data={options['name']}"
        built = called(locate(options["_target_"], "data"), where, **data_options(config))
        if not isinstance(built, Dataset):
            raise BenchError(
                f"{where}: {options['_target_']} returned a {type(built).__name__}; let it return a Dataset"
            )
        loaded[key] = built
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
        BenchError: an unknown option, a wrong type, an option that the entry refuses, or whatever else it fails with.
        NotApplicable: the entry cannot model such data.
    """
    options = model_options(config)
    if width is not None:
        options["width"] = width
    built: Entry = called(entry_class(config), f"model={config.model['name']}", spec, **options)
    return built


def data_options(config: Config) -> dict[str, Any]:
    """The options of `config.data`, held against the signature of its function, which is not called.

    Raises:
        BenchError: the function cannot be imported, or an option is unknown, missing or of a wrong type.
    """
    options = {key: value for key, value in config.data.items() if key != "_target_"}
    function, where = locate(config.data["_target_"], "data"), f"data={options['name']}"
    if "labelled" in options and "labelled" not in inspect.signature(function).parameters:
        raise BenchError(f"{where} has no labels to show; take data.labelled away, or digits or mnist as data")
    return checked(function, options, where)


def model_options(config: Config) -> dict[str, Any]:
    """The options of `config.model`, held against the signature of its class, of which nothing is built.

    Raises:
        BenchError: the class cannot be imported, or an option is unknown, missing or of a wrong type.
    """
    where = f"model={config.model['name']}"
    options = {key: value for key, value in config.model.items() if key not in {"_target_", "name"}}
    options = checked(entry_class(config).__init__, options, where)
    if "width" not in options:
        raise BenchError(f"{where}: its YAML gives no width; add one, such as width: 64")
    if options["width"] < 1:
        raise BenchError(f"model.width={options['width']}: must be more than zero")
    return options


def called(function: Callable[..., Any], where: str, *arguments: Any, **options: Any) -> Any:
    """What `function` builds; an exception of its own becomes a line that says where.

    Raises:
        BenchError: it failed.
        NotApplicable: it said so.
    """
    try:
        return function(*arguments, **options)
    except (BenchError, NotApplicable):
        raise
    except Exception as error:
        raise BenchError(f"{where} cannot be built ({one_line(error)}); mend it or its options") from error


def locate(target: str, group: str) -> Callable[..., Any]:
    """The object at a dotted path.

    Raises:
        BenchError: its module fails to import, whatever the reason, has no such name, or that is nothing to call.
    """
    module_name, _, attribute = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BenchError(
            f"{group}: cannot import {module_name} ({one_line(error)}); mend it, or correct _target_"
        ) from error
    if not hasattr(module, attribute):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module_name]
        raise unknown("name", attribute, own, where=module_name)
    found: Callable[..., Any] = getattr(module, attribute)
    if not callable(found):
        raise BenchError(f"{group}: {target} is neither a class nor a function; correct _target_")
    return found


def checked(function: Callable[..., Any], options: dict[str, Any], where: str) -> dict[str, Any]:
    """`options` converted to the types that `function`'s keywords are annotated with.

    Raises:
        BenchError: an option that `function` does not take, one of a wrong type, or one that is missing.
    """
    parameters = inspect.signature(function).parameters.values()
    group = where.partition("=")[0]
    hints = get_type_hints(function)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    accepted = {p.name: p for p in parameters if p.name not in {"self", "data"} and p.kind in named}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    free = {name: value for name, value in options.items() if takes_any and name not in accepted}
    options = {name: value for name, value in options.items() if name not in free}
    for name, value in options.items():
        allowed = choices(hints.get(name))
        if name in accepted and allowed and value not in allowed:
            raise unknown(f"{group}.{name}", str(value), map(str, allowed), where=where)
    missing = [p.name for p in accepted.values() if p.default is p.empty and p.name not in options]
    if missing:
        raise BenchError(f"{where}: option {missing[0]} has no value; set {group}.{missing[0]}=")
    schema = make_dataclass("Options", [(name, storable(hints.get(name)), field(default=MISSING)) for name in accepted])
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), options)
    except ConfigKeyError as error:
        raise unknown("option", str(error.key), accepted, where=where) from error
    except OmegaConfBaseException as error:
        raise BenchError(f"{where}: {error.full_key}: {str(error).splitlines()[0]}") from error
    converted: dict[str, Any] = OmegaConf.to_container(merged)  # type: ignore[assignment]
    return {name: converted[name] for name in options} | free


def members(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the hint alone."""
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def choices(hint: Any) -> tuple[Any, ...]:
    """The values that a hint with a Literal allows, None among them where the hint has it; empty for other hints."""
    literals = [value for part in members(hint) if get_origin(part) is Literal for value in get_args(part)]
    return (*literals, None) if literals and NoneType in members(hint) else tuple(literals)


def storable(hint: Any) -> Any:
    """A hint as OmegaConf knows it: numbers, text, truth values and containers; any other stands for anything."""
    parts = [part for part in members(hint) if part is not NoneType]
    known = len(parts) == 1 and (parts[0] in {int, float, str, bool} or get_origin(parts[0]) in {list, dict, tuple})
    return hint if known else Any
