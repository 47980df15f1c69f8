"""A stored space comes back, and one that a stranger changed is unreadable in one line, whatever was changed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.data.dataset import Dataset
from bench.data.spaces import DequantisedLogit
from bench.data.stored_space import WORDS, keep_space, read_space
from bench.record.reading import Unreadable
from bench.spec import DataSpec

LEVELS = torch.arange(200).reshape(50, 4) % 7
REFERENCE = {"x": torch.ones(2, 4)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    space = DequantisedLogit.fitted(LEVELS, 7, 0.005)
    keep_space(tmp_path, Dataset("mine", DataSpec((4,), "discrete", 7), space, *[LEVELS] * 3), 8, REFERENCE)
    return tmp_path


def test_what_was_kept_is_read(folder: Path) -> None:
    found = read_space(folder)
    assert found is not None
    assert isinstance(found.space, DequantisedLogit)
    assert (found.spec.levels, found.space.levels, found.width) == (7, 7, 8)
    assert found.reference.keys() == {"x"}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("width",), float("inf")),
        (("width",), 0),
        (("spec", "levels"), None),
        (("spec", "levels"), 1),
        (("spec", "levels"), "7"),
        (("spec", "levels"), 8),
        (("spec", "event_shape"), [float("inf")]),
        (("spec", "event_shape"), [-4]),
        (("spec", "event_shape"), []),
        (("space", "fields", "alpha"), 0.9),
        (("space", "fields", "alpha"), "0.1"),
        (("space", "fields", "more"), 1),
    ],
)
def test_other_words_are_unreadable(place: tuple[str, ...], value: Any, folder: Path) -> None:
    content = json.loads((folder / WORDS).read_text())
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    (folder / WORDS).write_text(json.dumps(content))
    with pytest.raises(Unreadable) as error:
        read_space(folder)
    assert "\n" not in str(error.value)
