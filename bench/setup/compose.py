"""Composition of configurations from the words of a command, through Hydra; its errors become one line each."""

import contextlib
import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, Node, OmegaConf, open_dict
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException, ValidationError
from omegaconf.resolvers import oc
from yaml import YAMLError

from bench.config import Config
from bench.errors import BenchError, unknown
from bench.paths import brought, check_own_names, conf_dir
from bench.record.reading import CONFIG_BYTES, text_of
from bench.setup.budget import at_rung
from bench.setup.check_config import check
from bench.setup.place_study import place_study
from bench.setup.tune_options import place_trial, take_declared

ConfigStore.instance().store(name="schema", node=Config)

OPEN_GROUPS = ("model.", "data.")
"""Groups whose options are held against a signature, see `bench.setup.build`: their YAML need not list every one."""

ROOTS = frozenset({"results_dir", "data_root", "data.root"})
"""Options that may read the environment: folders of this machine, which no row and no table holds."""

OMEGACONF_DETAILS = ("    full_key:", "    object_type=", "    reference_type=")


class Composer:
    """Composes configurations: through Hydra once for each choice of groups, values are then set on a copy.

    Attributes:
        reads_seed: whether a YAML composed so far has `${seed}` in it, so that seeds differ in more than their number.
    """

    def __init__(self, config_dir: Path | None = None) -> None:
        """`config_dir` is a folder of the user's own configuration groups, searched beside the project's and packages'.

        Raises:
            BenchError: a file of it has the name of one of the project's.
        """
        check_own_names(config_dir)
        self.config_dir = config_dir
        self.brought = [folder for folder, _ in brought()]
        self.reads_seed = False
        self.chosen: dict[tuple[str, ...], DictConfig] = {}
        self.parsed: dict[str, Override] = {}
        self.drafts: dict[tuple[str, ...], DictConfig] = {}

    def config(self, overrides: Sequence[str]) -> Config:
        """One resolved and checked configuration.

        Args:
            overrides: Hydra overrides, such as `model=vae` or `budget.steps=100`.

        Raises:
            BenchError: an unknown name, a misspelt option, a wrong type or an impossible value, in one line.
        """
        typed = [f"++{word}" if word.startswith(OPEN_GROUPS) else as_choice(word) for word in overrides]
        try:
            with environment_for_roots():
                config = OmegaConf.to_object(self.draft(self.overrides(typed)))
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            raise explain(error) from error
        assert isinstance(config, Config)
        for group in (config.model, config.data):
            if "name" in group:
                group["name"] = str(group["name"])
        take_declared(config)
        place_study(config)
        place_trial(config)
        check(config)
        config.budget = at_rung(config.budget)
        return config

    def overrides(self, words: list[str]) -> list[Override]:
        """The words in Hydra's grammar, each read once."""
        fresh = [word for word in words if word not in self.parsed]
        if fresh:
            self.parsed |= zip(fresh, OverridesParser.create().parse_overrides(fresh), strict=True)
        return [self.parsed[word] for word in words]

    def draft(self, overrides: list[Override]) -> DictConfig:
        """The configuration with its values set, interpolations unresolved; it lasts until the next call.

        Copying a configuration takes longer than all else. Cells that set the same options of the same groups
        therefore share one copy: each sets every option again.
        """
        values = [override for override in overrides if sets_a_value(override)]
        if any(override.is_delete() or isinstance(override.value(), dict) for override in overrides):
            values = []  # a whole group is deleted or set, before or after its options: Hydra keeps the order
        groups = [override.input_line for override in overrides if override not in values]
        shared = (*map(str, groups), "", *[value.key_or_group for value in values])
        if shared not in self.drafts or any(value.is_add() for value in values):
            self.drafts[shared] = copy.deepcopy(self.of_groups(groups))
        ConfigLoaderImpl._apply_overrides_to_config(values, self.drafts[shared])
        return self.drafts[shared]

    def of_groups(self, choices: list[str | None]) -> DictConfig:
        """The configuration of these group choices, composed by Hydra when it is first asked for."""
        words = tuple(word for word in choices if word is not None)
        if words not in self.chosen:
            folders = [own] if (own := self.config_dir) is not None else []
            places = [quoted(f"file://{folder.absolute()}") for folder in (*folders, *self.brought)]
            searchpath = [f"hydra.searchpath=[{','.join(places)}]"] if places else []
            with initialize_config_dir(str(conf_dir()), version_base="1.3"):
                composed = hydra_compose("config", overrides=[*searchpath, *words], return_hydra_config=True)
            with open_dict(composed):
                name_by_stem(composed, composed.pop("hydra").runtime.choices)
            self.chosen[words] = composed
            self.reads_seed |= SEED_READ.search(OmegaConf.to_yaml(self.chosen[words])) is not None
        return self.chosen[words]


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


SEED_READ = re.compile(r"\$\{[^}]*\bseed\s*\}")
"""An interpolation of the seed, such as `${seed}` or `${..seed}`."""

PLAIN_OPTIONS = {item.name for item in fields(Config)} - {"model", "data", "budget", "train", "eval", "tune", "study"}
"""Options of a run that belong to no group."""


def sets_a_value(override: Override) -> bool:
    """True for an override that sets an option, False for one that chooses a group or deletes."""
    key = override.key_or_group
    plain = key in PLAIN_OPTIONS or ("." in key and "/" not in key and not key.startswith("hydra."))
    return plain and override.package is None and not override.is_delete() and not override.is_sweep_override()


NAMED = ("model", "data")
"""Groups whose YAML is named by its file's stem."""

CHOICES = (*NAMED, "study", "budget", "train", "eval", "tune")
"""Groups of the project."""


def as_choice(word: str) -> str:
    """A word that chooses a file, such as `data=2024`, with its value as text; any other word as it is."""
    group, _, name = word.partition("=")
    number_or_truth = re.fullmatch(r"[-+\d][\w.+-]*|true|false", name, re.IGNORECASE)
    return f"{group}={quoted(name)}" if group in CHOICES and number_or_truth else word


def name_by_stem(config: DictConfig, choices: Mapping[str, Any]) -> None:
    """Gives model and data the name of the file that was chosen.

    Args:
        config: composed, its values not yet set.
        choices: group -> file, as Hydra chose it.

    Raises:
        BenchError: the YAML gives itself another name.
    """
    for group in NAMED:
        node, choice = config.get(group), choices.get(group)
        if not isinstance(node, DictConfig) or choice is None:
            continue
        stem = str(choice).rpartition("/")[2]
        given = OmegaConf.to_container(node, resolve=False).get("name")  # type: ignore[union-attr]
        if given is not None and given != stem and not same_in_yaml(given, stem):
            raise BenchError(
                f"conf/{group}/{choice}.yaml: name: {given} is not the file's own; leave it out, or rename the file"
            )
        node["name"] = stem


def same_in_yaml(given: Any, stem: str) -> bool:
    """True where YAML reads the stem, such as `2024` or `no`, as the number or truth value that was given."""
    read = OmegaConf.to_container(OmegaConf.create(f"name: {stem}")).get("name")  # type: ignore[union-attr]
    return not isinstance(given, str) and type(read) is type(given) and bool(read == given)


def quoted(text: str) -> str:
    """Text as Hydra's grammar reads it back, whatever is in it."""
    return QuotedString(text, Quote.single).with_quotes()


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
