"""Composition of configurations from the words of a command, through Hydra; its errors become one line each."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException, ValidationError
from omegaconf.resolvers import oc
from yaml import YAMLError

from bench.config import Config
from bench.errors import BenchError, unknown
from bench.paths import check_own_names
from bench.record.reading import CONFIG_BYTES, text_of
from bench.setup.budget import at_rung
from bench.setup.check_config import check
from bench.setup.choices import NAMED, Choices, quoted
from bench.setup.place_study import place_study
from bench.setup.tune_options import place_trial, take_declared

OPEN_GROUPS = ("model.", "data.")
"""Groups whose options are held against a signature, see `bench.setup.build`: their YAML need not list every one."""

ROOTS = frozenset({"results_dir", "data_root", "data.root"})
"""Options that may read the environment: folders of this machine, which no row and no table holds."""

OMEGACONF_DETAILS = ("    full_key:", "    object_type=", "    reference_type=")


class Composer:
    """Composes configurations: each choice of groups once, values are then set on a copy."""

    def __init__(self, config_dir: Path | None = None) -> None:
        """`config_dir` is a folder of the user's own configuration groups, searched beside the project's and packages'.

        Raises:
            BenchError: a file of it has the name of one of the project's.
        """
        check_own_names(config_dir)
        self.config_dir = config_dir
        self.choices = Choices(config_dir)
        self.drafts: dict[tuple[str, ...], DictConfig] = {}

    def config(self, overrides: Sequence[str]) -> Config:
        """One resolved and checked configuration.

        Args:
            overrides: Hydra overrides, such as `model=vae` or `budget.steps=100`.

        Raises:
            BenchError: an unknown name, a misspelt option, a wrong type or an impossible value, in one line.
        """
        try:
            groups, values = groups_and_values(overrides)
            with environment_for_roots():
                config = OmegaConf.to_object(self.draft(groups, values))
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise explain(error) from error
        assert isinstance(config, Config)
        if not any(value.key_or_group.startswith("grid") for value in values):
            config.grid = self.choices.of(groups).grid or config.grid
        for group in (config.model, config.data):
            if "name" in group:
                group["name"] = str(group["name"])
        take_declared(config)
        place_study(config)
        place_trial(config)
        check(config)
        config.budget = at_rung(config.budget)
        return config

    @property
    def reads_seed(self) -> bool:
        """Whether a YAML composed so far has `${seed}` in it, so that seeds differ in more than their number."""
        return self.choices.reads_seed

    def settings(self, overrides: Sequence[str]) -> list[str]:
        """`tune.settings` as the groups chosen by some overrides give it, in hundredths of the time of `config`."""
        groups, _ = groups_and_values(overrides)
        return list(self.choices.of(groups).copy().tune.settings)

    def draft(self, groups: tuple[str, ...], values: list[Override]) -> DictConfig:
        """A choice of groups with values set, interpolations unresolved; it lasts until the next call.

        Cells that set the same options of the same groups share one copy: each sets every option again.
        """
        shared = (*groups, "", *[value.key_or_group for value in values])
        if shared not in self.drafts or any(value.is_add() for value in values):
            self.drafts[shared] = self.choices.of(groups).copy()
        ConfigLoaderImpl._apply_overrides_to_config(values, self.drafts[shared])
        return self.drafts[shared]


@contextlib.contextmanager
def environment_for_roots() -> Iterator[None]:
    """`${oc.env:NAME}` inside is refused but for `ROOTS`.

    Elsewhere its value, perhaps a secret, would stand in stored configurations and in tables.
    """

    def environment(name: str, *default: Any, _node_: Node) -> Any:
        if _node_._get_full_key(None) not in ROOTS:
            raise BenchError(f"reads {name} of the environment, which no command repeats; write the value itself")
        return oc.env(name, *default)

    OmegaConf.register_new_resolver("oc.env", environment, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


OTHER_GROUPS = ("study", "budget", "train", "eval", "tune", "track", "launch")
"""Groups beside model and data."""
PLAIN_OPTIONS = {item.name for item in fields(Config)} - {"model", "data", *OTHER_GROUPS}
"""Options of a run that belong to no group."""


def groups_and_values(overrides: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
    """The words that Hydra composes by, and those that set a value on what it composed."""
    typed = [override_of(f"++{word}" if word.startswith(OPEN_GROUPS) else as_choice(word)) for word in overrides]
    values = [override for override in typed if sets_a_value(override)]
    if any(override.is_delete() or isinstance(override.value(), dict) for override in typed):
        values = []  # a whole group is deleted or set, before or after its options: Hydra keeps the order
    return tuple(str(override.input_line) for override in typed if override not in values), values


def sets_a_value(override: Override) -> bool:
    """True for an override that sets an option, False for one that chooses a group or deletes."""
    key = override.key_or_group
    plain = key in PLAIN_OPTIONS or ("." in key and "/" not in key and not key.startswith("hydra."))
    return plain and override.package is None and not override.is_delete() and not override.is_sweep_override()


CHOICES = (*NAMED, *OTHER_GROUPS)
"""Groups of the project."""


def as_choice(word: str) -> str:
    """A word that chooses a file, such as `data=2024`, with its value as text; any other word as it is."""
    group, _, name = word.partition("=")
    number_or_truth = re.fullmatch(r"[-+\d][\w.+-]*|true|false", name, re.IGNORECASE)
    return f"{group}={quoted(name)}" if group in CHOICES and number_or_truth else word


def compose(overrides: Sequence[str], config_dir: Path | None = None) -> Config:
    """One configuration alone; see `Composer.config`."""
    return Composer(config_dir).config(overrides)


def stored(path: Path, overrides: Sequence[str]) -> Config:
    """The configuration that a run folder keeps, with other values of `eval`.

    Args:
        path: of the folder's config.yaml.
        overrides: such as `eval.importance_samples=5000`.

    Raises:
        BenchError: an override of another group, an impossible value, or a file that cannot be read.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    others = [override.input_line for override in parsed if not override.key_or_group.startswith("eval.")]
    if others:
        raise BenchError(f"{others[0]}: an evaluation of stored weights can change eval.* alone")
    try:
        node = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(text_of(path, CONFIG_BYTES)))
        assert isinstance(node, DictConfig)
        ConfigLoaderImpl._apply_overrides_to_config(parsed, node)
        config = OmegaConf.to_object(node)
    except FileNotFoundError as error:
        raise BenchError(f"no {path}: nothing says how the run was made") from error
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise BenchError(f"{path}: {explain(error)}") from error
    assert isinstance(config, Config)
    check(config)
    return config


@cache
def override_of(word: str) -> Override:
    """A word in Hydra's grammar, read once.

    Raises:
        OverrideParseException: it is not an override.
    """
    (override,) = OverridesParser.create().parse_overrides([word])
    return override


def parse(arguments: list[str]) -> list[Override]:
    """Hydra's grammar over `arguments`.

    Raises:
        BenchError: an argument that is not an override.
    """
    try:
        return [override_of(word) for word in arguments]
    except OverrideParseException as error:
        raise BenchError(f"cannot read '{error.override}'; write name=value, such as seed=0") from error


def as_yaml(config: Config) -> str:
    """The configuration as YAML, in the order of the schema, without tracker and launcher: no part of what was run."""
    return OmegaConf.to_yaml(OmegaConf.structured(replace(config, track={}, launch={})))


def explain(error: Exception) -> BenchError:
    """A Hydra or OmegaConf error as one line that says what, where and what to do."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options is not None:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return unknown(group or "configuration", name, error.options, where=f"conf/{group}")
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    key = getattr(cause, "full_key", None) or getattr(cause, "key", None)
    of_the_value = isinstance(cause, ValidationError | InterpolationResolutionError)
    if isinstance(cause, OmegaConfBaseException) and not of_the_value and key:
        return misspelt(cause, str(key))
    message = " ".join(line.strip() for line in str(cause).splitlines() if not line.startswith(OMEGACONF_DETAILS))
    message = message.removeprefix("BenchError raised while resolving interpolation: ")
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
