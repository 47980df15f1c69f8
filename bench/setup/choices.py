"""Choices of groups, such as a study with a model and a data set: each composed once, then copied."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf, open_dict

from bench.config import Config
from bench.errors import BenchError
from bench.paths import brought, conf_dir

ConfigStore.instance().store(name="schema", node=Config)

SEED_READ = re.compile(r"\$\{[^}]*\bseed\s*\}")
"""An interpolation of the seed, such as `${seed}` or `${..seed}`."""

NAMED = ("model", "data")
"""Groups whose YAML is named by its file's stem."""


class Choice(NamedTuple):
    """A composed configuration, interpolations unresolved.

    Attributes:
        config: the configuration without its grid.
        plain: the same in plain values.
        grid: of the study, which no cell resolves again; empty where it has interpolations and stays where it was.
    """

    config: DictConfig
    plain: dict[str, Any]
    grid: list[Any]

    def copy(self) -> DictConfig:
        """The configuration, to be changed."""
        return copy.deepcopy(self.config)

    def beside(self, group: str) -> tuple[dict[str, Any], list[Any]]:
        """All but a group."""
        return {name: value for name, value in self.plain.items() if name != group}, self.grid


def choice_of(config: DictConfig, grid: list[Any]) -> Choice:
    """The choice of a composed configuration whose grid was taken out."""
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    return Choice(config, {str(name): value for name, value in plain.items()}, grid)


class Choices:
    """Every choice that was asked for, made once.

    Attributes:
        reads_seed: whether one of them has `${seed}` in it.
    """

    def __init__(self, config_dir: Path | None) -> None:
        folders = [*([] if config_dir is None else [config_dir]), *[folder for folder, _ in brought()]]
        places = [quoted(f"file://{folder.absolute()}") for folder in folders]
        self.searchpath = [f"hydra.searchpath=[{','.join(places)}]"] if places else []
        self.made: dict[tuple[str, ...], Choice] = {}
        self.first: dict[tuple[str, ...], tuple[str, str]] = {}
        self.reads_seed = False

    def of(self, words: tuple[str, ...]) -> Choice:
        """The configuration of the groups that these words choose."""
        if words not in self.made:
            self.made[words] = self.joined(words) or self.composed(words)
        return self.made[words]

    def joined(self, words: tuple[str, ...]) -> Choice | None:
        """The configuration of a data set and a model, each taken from where it was composed beside another.

        None where they were not yet, or where one of them decides more than its own group. A grid of m data sets and n
        models so composes m + n - 1 configurations, not m n.
        """
        named = [[word for word in words if word.startswith(f"{group}=")] for group in NAMED]
        if [len(found) for found in named] != [1, 1]:
            return None
        (model,), (data,) = named
        rest = tuple(word for word in words if word not in (model, data))
        first_model, first_data = self.first.setdefault(rest, (model, data))
        first, of_model, of_data = (
            self.made.get(tuple(other.get(word, word) for word in words))
            for other in ({model: first_model, data: first_data}, {data: first_data}, {model: first_model})
        )
        if first is None or of_model is None or of_data is None:
            return None
        if first.beside("model") != of_model.beside("model") or first.beside("data") != of_data.beside("data"):
            return None
        config = of_model.copy()
        config.data = of_data.copy().data
        return choice_of(config, first.grid)

    def composed(self, words: tuple[str, ...]) -> Choice:
        """The configuration as Hydra composes it."""
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config = hydra_compose("config", overrides=[*self.searchpath, *words], return_hydra_config=True)
        with open_dict(config):
            name_by_stem(config, config.pop("hydra").runtime.choices)
        self.reads_seed |= SEED_READ.search(repr(OmegaConf.to_container(config, resolve=False))) is not None
        return choice_of(config, taken_grid(config))


def taken_grid(config: DictConfig) -> list[Any]:
    """The grid, taken out of a configuration; one with an interpolation stays."""
    grid = OmegaConf.to_container(config, resolve=False).get("grid")  # type: ignore[union-attr]
    if not isinstance(grid, list) or "${" in repr(grid) or "???" in repr(grid):
        return []
    config.grid = []
    return grid


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
