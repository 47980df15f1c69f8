"""The content of a run's two keys, gathered from a resolved configuration."""

import inspect
import json
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from bench.config import NOT_IDENTITY, TRIAL, Config
from bench.data.content import PROJECT, content_of
from bench.data.dataset import Dataset
from bench.models.entry import Entry
from bench.record.key import EVALUATION_VERSION, TRAINING_VERSION, Content, RunKey, place_of
from bench.setup.build import data_options, imported

NEVER = {"_target_", "name"}


def run_key(
    config: Config,
    device_type: str,
    cls: type[Entry],
    options: dict[str, Any],
    data: Content,
    source: Content,
    outside: Content | None = None,
    features: str | None = None,
) -> RunKey:
    """The keys of all runs of a configuration.

    Args:
        config: of any seed.
        device_type: `cpu` or `cuda`, as chosen: their numbers differ, so that they are two runs.
        cls: of the entry.
        options: of its constructor, converted to the types of its signature.
        data: content of the data set, see `data_content`.
        source: module -> hash of its syntax tree, of the user's own modules.
        outside: content of the data set of `eval.outside`.
        features: hash of the classifiers whose features samples of the data are compared in.
    """
    target = config.model["_target_"]
    matched = config.budget.parameters is not None and not cls.fitted
    own = {name: value for name, value in options.items() if not (matched and name == "width")}
    content: Content = {
        "training_version": TRAINING_VERSION,
        "entry": cls.__qualname__ if target.startswith(PROJECT) else target,
        "entry_version": cls.version,
        "model": without_defaults(own, cls.__init__),
        "data": data,
        "budget": changed(config.budget, "budget"),
        "train": changed(config.train, "train"),
    }
    if device_type != "cpu":
        content["device"] = device_type
    if source:
        content["source"] = source
    evaluation: Content = {"version": EVALUATION_VERSION, "eval": changed(config.eval, "eval")}
    if outside is not None:
        evaluation["outside"] = outside
    if features is not None:
        evaluation["features"] = features
    if config.tune.setting == TRIAL:
        evaluation = {"eval": "none"}  # it is validated and never sees the test split
    return RunKey(place_of(config), content, evaluation)


def data_content(config: Config, dataset: Dataset) -> Content:
    """The data set's part of the key."""
    target = config.data["_target_"]
    options = data_options(config) if target.startswith(PROJECT) else {}
    options = {name: value for name, value in options.items() if f"data.{name}" not in NOT_IDENTITY}
    return content_of(dataset, target, without_defaults(options, imported(target, "data")))


def without_defaults(options: dict[str, Any], function: Any) -> Content:
    """The options that differ from the defaults of a function's signature."""
    defaults = {name: item.default for name, item in inspect.signature(function).parameters.items()}
    return {name: value for name, value in options.items() if not same(value, defaults.get(name, MISSING))}


def changed(group: Any, prefix: str) -> Content:
    """The options of a group that differ from the defaults of its schema, groups within it likewise."""
    content: Content = {}
    for item in fields(group):
        value, name = getattr(group, item.name), f"{prefix}.{item.name}"
        default = item.default if item.default_factory is MISSING else item.default_factory()
        if is_dataclass(value):
            inner = changed(value, name)
            content |= {item.name: inner} if inner else {}
        elif name not in NOT_IDENTITY and not same(value, default):
            content[item.name] = value
    return content


def same(value: Any, default: Any) -> bool:
    """True where two options are equal as JSON, in which a list and a tuple are."""
    return default is not MISSING and json.dumps(value, default=repr) == json.dumps(default, default=repr)
