"""The objects that a configuration names: a data set, an entry's class, an entry of a width.

Options are held against the signature of what is built. Nothing is remembered here: `bench.setup.cell` asks once for
each data set and class of a grid.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError, NotApplicable, one_line, unknown
from bench.models.entry import Entry
from bench.setup.match import matching_width
from bench.setup.options import held_against
from bench.spec import DataSpec


def dataset(config: Config) -> Dataset:
    """The data set that `config.data` names, on the CPU.

    Raises:
        BenchError: an unknown option, missing or corrupt files, or whatever else its function fails with.
    """
    target, where = config.data["_target_"], f"data={config.data['name']}"
    built = called(imported(target, "data"), where, **data_options(config))
    if not isinstance(built, Dataset):
        raise BenchError(f"{where}: {target} returned a {type(built).__name__}; let it return a Dataset")
    return built


def entry_class(config: Config) -> type[Entry]:
    """The class that `config.model` names.

    Raises:
        BenchError: it cannot be imported, or is not an `Entry`.
    """
    target = config.model["_target_"]
    named = imported(target, "model")
    if not (isinstance(named, type) and issubclass(named, Entry)):
        raise BenchError(f"{target} is not an Entry; make it a subclass of bench.Entry")
    return named


def sized_width(config: Config, cls: type[Entry], options: dict[str, Any], spec: DataSpec, data: str) -> int:
    """The width that meets `budget.parameters`, or the YAML's own where none is asked for or the entry is `fitted`.

    Args:
        config: its budget and the names that an error gives.
        cls: of the entry.
        options: of the model, as `model_options` gives them.
        spec: of the data.
        data: the data set's name.

    Raises:
        BenchError: no width comes near enough.
    """
    budget, name = config.budget, config.model["name"]
    if budget.parameters is None or cls.fitted:
        return int(options["width"])
    return matching_width(
        lambda width: built(cls, {**options, "width": width}, spec, name),
        budget.parameters,
        budget.tolerance,
        f"{name} on {data}",
    )


def built(cls: type[Entry], options: dict[str, Any], spec: DataSpec, name: str) -> Entry:
    """An entry of the class with these options, `width` among them; `name` is its model's.

    Raises:
        BenchError: an option that the entry refuses, or whatever else it fails with.
        NotApplicable: the entry cannot model such data.
    """
    entry: Entry = called(cls, f"model={name}", spec, **options)
    return entry


def budget_width(config: Config, spec: DataSpec) -> int:
    """The width at which the entry of `config` meets its budget for data of `spec`; see `sized_width`."""
    cls = entry_class(config)
    return sized_width(config, cls, model_options(config, cls), spec, config.data["name"])


def entry(config: Config, spec: DataSpec) -> Entry:
    """The entry that `config.model` names, at the width that meets its budget for data of `spec`.

    Raises:
        BenchError: as `sized_width` and `built`.
        NotApplicable: as `built`.
    """
    return entry_of_width(config, spec, budget_width(config, spec))


def entry_of_width(config: Config, spec: DataSpec, width: int | None) -> Entry:
    """The entry that `config.model` names at a width of the caller's, whatever the budget; None is the YAML's width.

    For checks and timings; the entry of a run is `Cell.entry`, whose width is the budget's.

    Raises:
        BenchError: as `model_options` and `built`.
        NotApplicable: as `built`.
    """
    cls = entry_class(config)
    options = model_options(config, cls)
    return built(cls, options if width is None else {**options, "width": width}, spec, config.model["name"])


def data_options(config: Config) -> dict[str, Any]:
    """The options of `config.data`, held against the signature of its function, which is not called.

    Raises:
        BenchError: the function cannot be imported, or an option is unknown, missing or of a wrong type.
    """
    options = {key: value for key, value in config.data.items() if key != "_target_"}
    function, where = imported(config.data["_target_"], "data"), f"data={options['name']}"
    if "labelled" in options and "labelled" not in inspect.signature(function).parameters:
        raise BenchError(f"{where} has no labels to show; take data.labelled away, or digits or mnist as data")
    return held_against(function, options, where)


def model_options(config: Config, cls: type[Entry]) -> dict[str, Any]:
    """The options of `config.model`, held against the signature of its class, of which nothing is built.

    Raises:
        BenchError: an option is unknown, missing or of a wrong type.
    """
    where = f"model={config.model['name']}"
    options = {key: value for key, value in config.model.items() if key not in {"_target_", "name"}}
    options = held_against(cls.__init__, options, where)
    if "width" not in options:
        raise BenchError(f"{where}: its YAML gives no width; add one, such as width: 64")
    if options["width"] < 1:
        raise BenchError(f"model.width={options['width']}: must be more than zero")
    return options


def called(function: Callable[..., Any], where: str, *arguments: Any, **options: Any) -> Any:
    """The result of `function`; an exception of its own becomes a line that says where.

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


def imported(target: str, group: str) -> Callable[..., Any]:
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
    named: Callable[..., Any] = getattr(module, attribute)
    if not callable(named):
        raise BenchError(f"{group}: {target} is neither a class nor a function; correct _target_")
    return named
