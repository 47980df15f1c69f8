"""One cell of a grid, resolved once: configuration, class, options, data set and width. Nothing later asks again."""

import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from bench.config import Config
from bench.data.content import is_projects
from bench.data.dataset import Dataset
from bench.errors import NotApplicable
from bench.machine.device import chosen_device
from bench.metrics.features.stored import hash_of_all
from bench.models.entry import Entry
from bench.models.parts.precision import check_precision
from bench.record.key import Content, RunKey
from bench.record.runs import FOLDER, run_path
from bench.record.store import Record, RunFolder
from bench.setup import build
from bench.setup.identity import data_content, run_key
from bench.setup.outside import outside_config, outside_dataset
from bench.setup.sources import Source, fingerprints, user_sources
from bench.training.batches import Batches
from bench.training.compile_step import chosen_mode
from bench.training.fit_after import examples


@dataclass(frozen=True)
class Cell:
    """One run, resolved. Cells that differ in their seed alone share everything but configuration and command.

    Attributes:
        config: of the run.
        device: where it computes.
        entry_class: the class that `config.model` names.
        options: of the entry's constructor, converted; `width` among them is the matched one.
        dataset: on the CPU, in the shape that the entry asks for.
        refusal: why the entry cannot model these data; its row says so.
        key: of the run, with a place for the seed.
        results: the folder of studies, absolute: an entry may change the folder of its process.
        sources: the user's own modules that were loaded when the cell was resolved.
        command: the command that makes this row again.
        outside: the data set of `eval.outside`, in the shape that the entry asks for.
    """

    config: Config
    device: torch.device
    entry_class: type[Entry]
    options: dict[str, Any]
    dataset: Dataset
    refusal: str | None
    key: RunKey
    results: Path
    sources: tuple[Source, ...] = ()
    command: str = "bench run"
    outside: Dataset | None = None

    @property
    def width(self) -> int:
        """The size knob that meets the budget."""
        return int(self.options["width"])

    @cached_property
    def run_id(self) -> str:
        """`<data>-<model>-s<seed>-<hash8>`."""
        return self.key.run_id(self.config.seed)

    @cached_property
    def evaluation(self) -> str:
        """The hash of the evaluation's key."""
        return self.key.evaluation_hash(self.config.seed)

    @property
    def study_folder(self) -> Path:
        """`results/<study>`."""
        return self.results / self.config.study

    @property
    def folder(self) -> RunFolder:
        """The folder of the run under `results/<study>/runs`."""
        runs = self.study_folder / FOLDER
        return RunFolder(run_path(runs, self.run_id), runs=runs)

    def identity(self) -> Record:
        """The first columns of the record: study, run_id, data, model, seed."""
        return self.key.identity(self.config.seed)

    def entry(self) -> Entry:
        """The entry at the width that meets the budget, on the CPU, initialised from torch's global random state.

        Raises:
            BenchError: an option that the entry refuses.
            NotApplicable: the entry cannot model these data.
        """
        if self.refusal is not None:
            raise NotApplicable(self.refusal)
        return build.built(self.entry_class, self.options, self.dataset.spec, self.config.model["name"])

    def of_seed(self, seed: int, command: str) -> "Cell":
        """The cell of another seed."""
        return replace(self, config=replace(self.config, seed=seed), command=command)


class Resolver:
    """Resolves the cells of a grid: one class look-up a model, one data set, one width search a model and data set."""

    def __init__(self) -> None:
        self.classes: dict[str, type[Entry]] = {}
        self.datasets: dict[str, Dataset] = {}
        self.held_options: dict[str, dict[str, Any]] = {}
        self.widths: dict[str, int] = {}
        self.trainable: set[str] = set()
        self.contents: dict[str, Content] = {}
        self.classifiers: dict[str, str | None] = {}
        self.others: dict[str, tuple[Dataset, Content]] = {}
        self.loaded: dict[int, tuple[Source, ...]] = {}

    def cell(self, config: Config, command: str = "bench run", width: int | None = None) -> Cell:
        """The cell of one configuration; what no run could do is refused before anything is written.

        Args:
            config: of one seed.
            command: that makes its row again.
            width: that meets the budget, where it was searched before.

        Raises:
            BenchError: missing or corrupt data, an option that the entry or the data set refuses, an unreachable
                budget, a tracker that is not installed, a batch larger than the training split of an entry that
                takes batches, or, with the training split, too small for the entry.
        """
        results = Path(config.results_dir).absolute()
        build.tracker(config)
        device = chosen_device(config.device)
        returned = self.dataset(config)
        cls = self.entry_class(config)
        dataset = returned.as_asked(*cls.picture_form(config.model))
        refusal = refusal_of(config, cls, dataset)
        options = unchecked_options(config) if refusal else self.options(config, cls)
        sized = options
        if not cls.fitted:
            Batches(dataset, config.train.batch_size, config.seed)
        if refusal is None:
            try:
                sized = {**options, "width": width or self.width(config, cls, options, dataset)}
                self.check_trainable(config, cls, sized, dataset, device)
            except NotApplicable as reason:
                refusal = str(reason)
        sources = self.sources(config)  # last: whatever the user's code imports has been imported
        outside, content = self.outside(config, returned)
        data = self.data_content(config, returned)
        features = self.features(config, returned)
        key = run_key(config, device.type, cls, options, data, fingerprints(sources), content, features)
        shaped = outside.shaped() if outside is not None and cls.picture_form(config.model).own_shape else outside
        return Cell(config, device, cls, sized, dataset, refusal, key, results, sources, command, shaped)

    def dataset(self, config: Config) -> Dataset:
        """The data set, built once."""
        key = repr(sorted(config.data.items()))
        if key not in self.datasets:
            self.datasets[key] = build.dataset(config)
        return self.datasets[key]

    def data_content(self, config: Config, dataset: Dataset) -> Content:
        """The data set's part of the key, hashed once."""
        key = repr(sorted(config.data.items()))
        if key not in self.contents:
            self.contents[key] = data_content(config, dataset)
        return self.contents[key]

    def features(self, config: Config, dataset: Dataset) -> str | None:
        """The hash of the classifiers of features of the data set, read once."""
        key = repr(sorted(config.data.items()))
        if key not in self.classifiers:
            self.classifiers[key] = hash_of_all(dataset)
        return self.classifiers[key]

    def outside(self, config: Config, dataset: Dataset) -> tuple[Dataset | None, Content | None]:
        """The data set of `eval.outside` and its part of the evaluation's key, built once for each data set of a run.

        Raises:
            BenchError: there is none of that name, or its examples are of another shape or kind.
        """
        if config.eval.outside is None:
            return None, None
        key = repr((config.eval.outside, config.data_root, sorted(config.data.items())))
        if key not in self.others:
            other = outside_config(config)
            outside = outside_dataset(other, dataset)
            self.others[key] = outside, data_content(other, outside)
        return self.others[key]

    def sources(self, config: Config) -> tuple[Source, ...]:
        """The user's own modules, read again when more are loaded; none where model and data are the project's."""
        if is_projects(config.model) and is_projects(config.data):
            return ()
        count = len(sys.modules)
        if count not in self.loaded:
            self.loaded[count] = tuple(user_sources())
        return self.loaded[count]

    def entry_class(self, config: Config) -> type[Entry]:
        """The class of the model, imported once."""
        target = config.model["_target_"]
        if target not in self.classes:
            self.classes[target] = build.entry_class(config)
        return self.classes[target]

    def options(self, config: Config, cls: type[Entry]) -> dict[str, Any]:
        """The model's options, held against the signature of its class once."""
        key = repr(config.model)
        if key not in self.held_options:
            self.held_options[key] = build.model_options(config, cls)
        return self.held_options[key]

    def width(self, config: Config, cls: type[Entry], options: dict[str, Any], dataset: Dataset) -> int:
        """The width that meets the budget, searched once for a model, its options and a kind of data."""
        budget = config.budget
        key = repr((config.model, dataset.spec, budget.parameters, budget.tolerance))
        if key not in self.widths:
            self.widths[key] = build.sized_width(config, cls, options, dataset.spec, dataset.name)
        return self.widths[key]

    def check_trainable(
        self, config: Config, cls: type[Entry], options: dict[str, Any], dataset: Dataset, device: torch.device
    ) -> None:
        """Refuses what training could not begin with, once for all cells that ask the same.

        Raises:
            BenchError: the step cannot be compiled as asked or not take bfloat16, or the entry needs more examples.
            NotApplicable: the entry cannot model these data.
        """
        width, batch_size = options["width"], config.train.batch_size
        asked = repr((config.model, sorted(config.data.items()), width, batch_size, config.compile, config.precision))
        if asked in self.trainable:
            return
        with torch.random.fork_rng(devices=[]):
            entry = build.built(cls, options, dataset.spec, config.model["name"])
        chosen_mode(config.compile, entry, device)
        check_precision(config.precision, entry.takes_bfloat16, type(entry).__name__, device)
        entry.check_training(batch_size, examples(entry, dataset))
        self.trainable.add(asked)


def unchecked_options(config: Config) -> dict[str, Any]:
    """The options of a model that will not be built, as its YAML and the command give them."""
    return {key: value for key, value in config.model.items() if key not in {"_target_", "name"}}


def refusal_of(config: Config, cls: type[Entry], dataset: Dataset) -> str | None:
    """The reason why an entry cannot model this kind of data; None where it can."""
    kind = dataset.spec.kind
    if kind in cls.kinds:
        return None
    kinds = " or ".join(sorted(cls.kinds))
    return (
        f"{config.model['name']} models {kinds} data; {config.data['name']} is {kind}: take data of such a kind, or a "
        f"model of {kind} data, such as vae"
    )


def resolve(config: Config, command: str = "bench run", width: int | None = None) -> Cell:
    """The cell of one configuration alone; see `Resolver.cell`."""
    return Resolver().cell(config, command, width)
