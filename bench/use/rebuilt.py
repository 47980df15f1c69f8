"""A run's data made again where its folder does not hold what is needed, and held against the row's hashes."""

from collections.abc import Callable
from pathlib import Path

from bench.config import Config
from bench.data.content import PROJECT, is_projects, rows_hash
from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.models.entry import Entry
from bench.paths import conf_dir, yaml_files
from bench.record.key import short
from bench.record.reading import yaml_mapping
from bench.record.store import Record
from bench.setup import build
from bench.setup.identity import data_content
from bench.use.own_code import make_importable


def rebuilt(config: Config, record: Record, cls: type[Entry], name: str, say: Callable[[str], None]) -> Dataset:
    """The data set that a run was trained and tested on, made again from its configuration.

    Args:
        config: of the run.
        record: its row.
        cls: of its entry, which says in which form it takes pictures.
        name: of the run in an error.
        say: takes a line where nothing shows that the data are the run's.

    Raises:
        BenchError: it cannot be built, or its test rows are others than those the run was tested on.
    """
    whole = build.dataset(config)
    dataset = whole.of_seed(config.seed)
    before, rows = record.get("test_hash"), record.get("nll_examples")
    origin = config.data.get("path") or config.data.get("function") or f"data={config.data['name']}"
    if before is None or rows is None:
        say(f"{name}: no hash of its test rows is stored; nothing shows that {origin} gives the data it was trained on")
    else:
        now = rows_hash(dataset.test[: int(rows)])
        if now != before:
            raise BenchError(
                f"{name}: {origin} gives other test rows here (hash {now}) than the run was tested on ({before}); put "
                "the data back as they were, or train anew"
            )
        content = record.get("data_hash")
        if content is not None and short(data_content(config, whole)) != content:
            say(f"{name}: {origin} gives the test rows of the run; other rows or options are not as they were")
    return dataset.as_asked(*cls.picture_form(config.model))


def check_functions(config: Config, folder: Path) -> None:
    """Refuses functions that a folder may not have called: to call one runs code.

    Of the bench's own those that make the data of its YAMLs are called, of a user's, that of `data=python` among them,
    those whose modules are here as the folder keeps them.

    Raises:
        BenchError: a module is another one or not here, or a function of the bench's makes no data.
    """
    target = config.data["_target_"]
    make_importable(target, folder, trust=False)
    if target.startswith(PROJECT) and target not in built_in():
        raise BenchError(f"{folder.name}: its data are said to be made by {target}, which makes none of the bench's")
    if is_projects(config.data):
        return
    function = str(config.data.get("function", "")).replace(":", ".")
    if function.startswith(PROJECT):
        raise BenchError(f"{folder.name}: data.function={config.data['function']} is no function of one's own data")
    if function:
        make_importable(function, folder, trust=False)


def built_in() -> set[str]:
    """Dotted paths of the functions that the bench's own YAMLs of data name."""
    files = yaml_files(conf_dir() / "data")
    return {yaml_mapping(file.read_text(encoding="utf-8"))["_target_"] for file in files}
