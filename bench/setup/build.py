"""The objects that a configuration names: a data set, an entry's class, an entry of a width.

Options are held against the signature of what is built. Nothing is remembered here: `bench.setup.cell` asks once for
each data set and class of a grid.
"""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.config import Config
from bench.data.dataset import Dataset
from bench.data.inspection import Inspection
from bench.data.inspection import inspect as inspect_data
from bench.errors import BenchError, NotApplicable, one_line, unknown
from bench.models.entry import Entry
from bench.setup.extras import hide_namesakes, missing_extra
from bench.setup.match import matching_width
from bench.setup.options import held_against
from bench.spec import DataSpec
from bench.track.tracker import Tracker
from bench.trusted import check_trusted


def dataset(config: Config) -> Dataset:
    """The data set that `config.data` names, on the CPU, looked through.

    Raises:
        BenchError: an unknown option, missing or corrupt files, whatever else its function fails with, or data that no
            number of a run would mean anything of.
    """
    inspected, name = inspection(config), config.data["name"]
    if inspected.refusals:
        first, *others = inspected.refusals
        more = f" (and {len(others)} more: bench check {name})" if others else ""
        origin = config.data.get("path") or config.data.get("function") or config.data["_target_"]
        raise BenchError(f"data={name} ({origin}): {first}{more}")
    return inspected.dataset


def inspection(config: Config) -> Inspection:
    """What is wrong with the data set that `config.data` names.

    Raises:
        BenchError: it cannot be built.
    """
    return inspect_data(returned(config))


def returned(config: Config) -> Dataset:
    """The data set that `config.data` names, as its function returns it.

    Raises:
        BenchError: it cannot be built.
    """
    target, where = config.data["_target_"], f"data={config.data['name']}"
    built = called(imported(target, where), where, **data_options(config))
    if not isinstance(built, Dataset):
        raise BenchError(f"{where}: {target} returned a {type(built).__name__}; let it return a Dataset")
    return built


def tracker(config: Config) -> Tracker | None:
    """The tracker that `config.track` names, if any.

    Raises:
        BenchError: it cannot be built, or needs a package that is not installed.
    """
    if not config.track:
        return None
    options = dict(config.track)
    target = options.pop("_target_", None)
    if target is None:
        raise BenchError("track: its YAML has no _target_; give it the dotted path of a class")
    where = f"track: {target}"
    made: Tracker = called(imported(target, where), where, Path(config.results_dir) / config.study, **options)
    return made


def entry_class(config: Config) -> type[Entry]:
    """The class that `config.model` names.

    Raises:
        BenchError: it cannot be imported, or is not an `Entry`.
        NotApplicable: it needs an extra that is not installed.
    """
    hide_namesakes()
    target = config.model["_target_"]
    named = imported(target, f"model={config.model['name']}")
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
    check_state(entry, name)
    return entry


def check_state(entry: Entry, name: str) -> None:
    """Refuses an entry whose state a checkpoint could not keep: it holds dense tensors and nothing else.

    Raises:
        BenchError: a module has state of another kind, or a parameter or buffer is not dense.
    """
    for place, module in entry.named_modules():
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            where = place or type(entry).__name__
            raise BenchError(f"model={name}: {where} has get_extra_state; keep that state in buffers, as dense tensors")
    for place, tensor in (*entry.named_parameters(), *entry.named_buffers()):
        if tensor.layout is not torch.strided:
            raise BenchError(f"model={name}: {place} is of layout {tensor.layout}; keep it as a dense tensor")


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
    where = f"data={options['name']}"
    function = imported(config.data["_target_"], where)
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


def called(function: Callable[..., Any], where: str, /, *arguments: Any, **options: Any) -> Any:
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


def imported(target: str, where: str) -> Callable[..., Any]:
    """The object at a dotted path.

    Args:
        target: the path.
        where: who an error is about, such as `model=vae`.

    Raises:
        BenchError: its module may not be named, fails to import, whatever the reason, has no such name, or that is
            nothing to call.
        NotApplicable: its module imports one that an extra of the bench brings, and that is not installed.
    """
    module_name, _, attribute = target.rpartition(".")
    try:
        check_trusted(module_name, where)
    except BenchError:
        if not module_name.startswith("bench."):
            top = module_name.partition(".")[0]
            spec = importlib.util.find_spec(top)
            file = getattr(sys.modules.get(top), "__file__", None) or (spec and spec.origin) or "built in"
            check_hidden(top, file, where)
        raise
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        check_hidden(module_name, None, where)
        extra = missing_extra(error)
        if extra is not None:
            raise NotApplicable(f"{where} needs {extra}") from error
        raise BenchError(
            f"{where}: cannot import {module_name} ({one_line(error)}); mend it, or correct _target_"
        ) from error
    if not hasattr(module, attribute):
        check_hidden(module_name, getattr(module, "__file__", None) or "built in", where)
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module_name]
        raise unknown("name", attribute, own, where=module_name)
    named: Callable[..., Any] = getattr(module, attribute)
    if not callable(named):
        raise BenchError(f"{where}: {target} is neither a class nor a function; correct _target_")
    if module_name.startswith("bench."):  # not what a module of the bench has imported from elsewhere
        check_trusted(getattr(named, "__module__", None) or "builtins", where)
    return named


def check_hidden(module: str, file: str | None, where: str) -> None:
    """Refuses a module that Python takes from elsewhere than from the user's file of its name.

    Args:
        module: dotted name that was asked for.
        file: that it was imported from; None where it was not, because its name is that of an extra's module.
        where: who an error is about.

    Raises:
        BenchError: there is such a file.
    """
    if file is None and sys.modules.get(module, module) is not None:
        return
    places = [Path(folder) / (module.replace(".", "/") + ".py") for folder in sys.path]
    hidden = next((place for place in places if place.is_file() and str(place) != file), None)
    if hidden is not None:
        raise BenchError(f"{where}: {hidden} has the name of a library's module, which goes first; rename it")
