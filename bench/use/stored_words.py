"""The record and the configuration that a run's folder keeps."""

from pathlib import Path

from bench.config import Config, from_plain
from bench.record.reading import (
    CONFIG_BYTES,
    RECORD_BYTES,
    SHOWN,
    Unreadable,
    text_of,
    yaml_mapping,
)
from bench.record.store import Record, record_in
from bench.record.typed import cut, in_one_line
from bench.use.places import RECORD


def record_of(folder: Path) -> Record:
    """The run's record.

    Raises:
        Unreadable: it is damaged.
    """
    try:
        return record_in(text_of(folder / RECORD, RECORD_BYTES))
    except Unreadable as error:
        raise Unreadable(f"{RECORD}: {error}") from error


def config_of(folder: Path) -> Config:
    """The configuration that made the run.

    Raises:
        Unreadable: it is absent or damaged, or has options that this code does not know.
    """
    try:
        content = yaml_mapping(text_of(folder / "config.yaml", CONFIG_BYTES))
        config = from_plain(content)
        if not isinstance(config.model["_target_"], str) or "name" not in config.model:
            raise Unreadable("no model is named")
    except FileNotFoundError as error:
        raise Unreadable("no config.yaml: nothing says how the run was made") from error
    except (KeyError, TypeError) as error:
        raise Unreadable(f"config.yaml: not as this code writes it ({cut(in_one_line(str(error)), SHOWN)})") from error
    except Unreadable as error:
        raise Unreadable(f"config.yaml: {error}") from error
    return config
