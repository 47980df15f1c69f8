"""From the words of a command to resolved configurations, through Hydra; its errors become one line each."""

import re
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError
from yaml import YAMLError

from bench.config import Config, check
from bench.errors import BenchError, unknown
from bench.paths import conf_dir

ConfigStore.instance().store(name="schema", node=Config)

OPEN_GROUPS = ("model.", "data.")
"""Groups whose options are held against a signature, see `bench.setup.build`: their YAML need not list every one."""

OMEGACONF_DETAILS = ("    full_key:", "    object_type=", "    reference_type=")


def compose(overrides: list[str], config_dir: Path | None = None) -> Config:
    """One resolved and checked configuration.

    Args:
        overrides: Hydra overrides, such as `model=vae` or `budget.steps=100`.
        config_dir: a folder of the user's own configuration groups, searched beside the project's.

    Raises:
        BenchError: an unknown name, a misspelt option, a wrong type or an impossible value, in one line.
    """
    searchpath = [] if config_dir is None else [f"hydra.searchpath=['file://{config_dir.absolute()}']"]
    typed = [f"++{override}" if override.startswith(OPEN_GROUPS) else override for override in overrides]
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            node = hydra_compose("config", overrides=[*searchpath, *typed])
        OmegaConf.resolve(node)
        config = OmegaConf.to_object(node)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise explain(error) from error
    assert isinstance(config, Config)
    check(config)
    return config


def expand(arguments: list[str], grid: list[dict[str, list[Any]]], multirun: bool) -> list[list[str]]:
    """The overrides of every cell that a command asks for.

    A study's grid is a list of products of lists; its cells are the union of them. An argument that names an axis of
    the grid replaces that axis.

    Args:
        arguments: overrides as typed; with `multirun` they may be sweeps such as `seed=0,1` or `width=range(8)`.
        grid: the study's own grid, empty for a plain run.
        multirun: whether sweeps were allowed by `-m`.

    Raises:
        BenchError: an override that does not parse, or a sweep without `-m`.
    """
    typed = parse(arguments)
    swept = [override.input_line for override in typed if override.is_sweep_override()]
    if swept and not multirun:
        raise BenchError(f"'{swept[0]}' is a list of values; add -m to run each of them, or quote it to mean one value")
    named = {override.get_key_element() for override in typed}
    cells: list[list[str]] = []
    for product in grid or [{}]:
        axes = [
            f"{key}={','.join('null' if value is None else str(value) for value in values)}"
            for key, values in product.items()
            if key not in named
        ]
        (batch,) = BasicSweeper.split_arguments(parse([*axes, *arguments]), max_batch_size=None)
        cells += [cell for cell in batch if cell not in cells]
    return cells


def parse(arguments: list[str]) -> list[Override]:
    """Hydra's grammar over `arguments`.

    Raises:
        BenchError: an argument that is not an override.
    """
    try:
        return OverridesParser.create().parse_overrides(arguments)
    except OverrideParseException as error:
        raise BenchError(f"cannot read '{error.override}'; write name=value, such as seed=0") from error


def as_yaml(config: Config) -> str:
    """The configuration as YAML, in the order of the schema."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def explain(error: Exception) -> BenchError:
    """A Hydra or OmegaConf error as one line that says what, where and what to do."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options is not None:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return unknown(group or "configuration", name, error.options, where=f"conf/{group}")
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    key = getattr(cause, "full_key", None) or getattr(cause, "key", None)
    if isinstance(cause, OmegaConfBaseException) and not isinstance(cause, ValidationError) and key:
        return misspelt(cause, str(key))
    message = " ".join(line.strip() for line in str(cause).splitlines() if not line.startswith(OMEGACONF_DETAILS))
    packaged = re.match(r"In '(study/[^']+)': .*Cannot convert 'DictConfig' to string", message)
    if packaged:
        return BenchError(f"{packaged[1]}.yaml sets options of every group: begin it with the line # @package _global_")
    return BenchError(f"{key}: {message}" if key else message)


def misspelt(cause: OmegaConfBaseException, key: str) -> BenchError:
    """The error for a key that its group does not have, with the nearest keys that it has."""
    parent = cause.parent_node
    known = [str(name) for name in parent] if isinstance(parent, DictConfig) else []
    prefix, _, name = key.rpartition(".")
    return unknown("option", re.sub(r"\[.*", "", name), known, where=prefix or "the configuration")
