"""The data set that `eval.outside` names: one of the project's, of the shape that the entry was trained on."""

from dataclasses import replace

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.setup import build
from bench.setup.compose import compose


def outside_config(config: Config) -> Config:
    """The configuration with the data set that its `eval.outside` names in place of its own.

    Raises:
        BenchError: an unknown name, or a word behind it that sets no option of the data set.
    """
    name, *options = str(config.eval.outside).split() or [""]
    wrong = [word for word in options if not word.startswith("data.")]
    if wrong:
        raise BenchError(f"eval.outside: {wrong[0]} is no option of {name}; write data.NAME=VALUE behind its name")
    try:
        data = compose([f"data={name}", *options]).data
    except BenchError as error:
        raise BenchError(f"eval.outside: {error}") from error
    if config.data_root is not None and data.get("root", "") is None:
        data = {**data, "root": config.data_root}
    return replace(config, data=data)


def outside_dataset(config: Config, dataset: Dataset) -> Dataset:
    """The outside data set, built and looked through.

    Args:
        config: as `outside_config` gives it.
        dataset: of the run, as its function returned it.

    Raises:
        BenchError: it cannot be built, or the entry could not be given its examples.
    """
    outside = build.dataset(config)
    if described(outside) != described(dataset):
        raise BenchError(
            f"eval.outside={config.eval.outside} has {described(outside)}, {dataset.name} has {described(dataset)}: "
            "take data of the same shape and kind"
        )
    return outside


def described(dataset: Dataset) -> str:
    """Kind, shape and levels in words."""
    spec = dataset.spec
    levels = f" of {spec.levels} levels" if spec.levels else ""
    return f"{spec.kind} events of shape {'x'.join(map(str, spec.event_shape))}{levels}"
