import math
import random
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from bench.training.checkpoint import checksum, load_state, save_state, set_broken_aside

PACKAGE = Path(__file__).parents[2] / "bench"


def equal(a: object, b: object) -> bool:
    """Equality of nested state, types, dtypes and NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b or (a != a and b != b)


def test_nested_state_comes_back_as_it_went(tmp_path: Path) -> None:
    state = {
        "integers as keys": {0: "a", 7: {"deep": None}},
        "tuple": (1, (2.5, "x"), []),
        "list": [True, False, None, -3],
        "numbers": [math.inf, -math.inf, math.nan, 1e-300, 2**62],
        "empty": {},
        "tensors": [
            torch.tensor([True, False]),
            torch.zeros(0, 3),
            torch.tensor(3.5, dtype=torch.float64),
            torch.arange(6).reshape(2, 3).T,
            torch.get_rng_state(),
            torch.randn(4, dtype=torch.bfloat16),
        ],
    }
    save_state(tmp_path / "state", state)
    loaded = load_state(tmp_path / "state")
    assert equal(loaded, state)


def test_tensors_that_share_memory_come_back_apart(tmp_path: Path) -> None:
    base = torch.arange(4.0)
    save_state(tmp_path / "state", {"a": base, "b": base, "part": base[1:3]})
    loaded = load_state(tmp_path / "state")
    assert loaded is not None
    loaded["a"][1] = 9
    assert loaded["b"].tolist() == [0, 1, 2, 3]
    assert loaded["part"].tolist() == [1, 2]


def test_an_optimiser_goes_on_from_its_state(tmp_path: Path) -> None:
    def steps(model: nn.Module, adam: torch.optim.Adam, n: int) -> None:
        for _ in range(n):
            adam.zero_grad()
            model(torch.ones(1, 3)).square().sum().backward()
            adam.step()

    model = nn.Linear(3, 2)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    steps(model, adam, 3)
    save_state(tmp_path / "state", {"model": dict(model.state_dict()), "adam": adam.state_dict()})
    loaded = load_state(tmp_path / "state")
    assert loaded is not None
    other = nn.Linear(3, 2)
    other_adam = torch.optim.Adam(other.parameters(), fused=True)
    other.load_state_dict(loaded["model"])
    other_adam.load_state_dict(loaded["adam"])
    steps(model, adam, 3)
    steps(other, other_adam, 3)
    assert torch.equal(model.weight, other.weight)


class Point(NamedTuple):
    x: int


@pytest.mark.parametrize("leaf", [np.float32(1), {1, 2}, 1j, object(), b"bytes", torch.device("cpu")])
def test_a_leaf_of_another_kind_is_refused(leaf: object, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=f"cannot hold a {type(leaf).__name__}"):
        save_state(tmp_path / "state", {"deep": [leaf]})
    assert list(tmp_path.iterdir()) == []


def test_a_named_tuple_comes_back_as_a_tuple(tmp_path: Path) -> None:
    save_state(tmp_path / "state", {"point": Point(3)})
    assert load_state(tmp_path / "state") == {"point": (3,)}


def test_no_file_and_a_broken_file_are_no_state(tmp_path: Path) -> None:
    path = tmp_path / "state"
    assert load_state(path) is None
    save_state(path, {"a": torch.zeros(100)})
    whole = path.read_bytes()
    for length in (0, 4, 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert load_state(path) is None, length


def test_nothing_in_the_package_is_unpickled() -> None:
    forbidden = re.compile(r"torch\.load\(|import pickle|from pickle|pickle\.load|joblib\.load|allow_pickle=True")
    assert forbidden.search("torch.load(path)")
    assert forbidden.search("import pickle")
    offences = [
        f"{path.name}:{number}"
        for path in PACKAGE.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if forbidden.search(line)
    ]
    assert offences == []


def test_a_changed_byte_of_any_part_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, {"weight": torch.arange(8.0), "words": "first", "empty": torch.zeros(0)})
    content = path.read_bytes()
    for place in (content.index(b"first"), len(content) - 3):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert load_state(path) is None
    path.write_bytes(content)
    assert load_state(path) is not None


def test_of_a_checkpoint_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """One bit in each byte of the header, which says what lies where, and in some of the tensors."""
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, {"w": torch.arange(40.0), "step": 3, "history": [1.5, None]})
    content, generator = path.read_bytes(), random.Random(0)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << generator.randrange(8)
        path.write_bytes(changed)
        assert load_state(path) is None, place


def test_a_broken_checkpoint_is_set_aside_and_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    assert set_broken_aside(path) is None
    save_state(path, {"w": torch.ones(3)})
    assert set_broken_aside(path) is None
    path.write_bytes(path.read_bytes()[:-1])
    line = set_broken_aside(path)
    assert line == f"{path} is broken; set aside as checkpoint.safetensors.broken, training begins anew"
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.safetensors.broken"]


def test_a_checkpoint_without_a_checksum_counts_as_broken(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(save({"0": torch.ones(2)}, metadata={"skeleton": '{"dict": [["w", {"tensor": "0"}]]}'}))
    assert load_state(path) is None


@pytest.mark.parametrize(
    "skeleton",
    [
        "no JSON",
        "3",
        "{}",
        '{"tensor": "1"}',
        '{"tensor": []}',
        '{"dict": 3}',
        '{"dict": [[[], 1]]}',
        '{"dict": [["a", 1, 2]]}',
        '{"list": null}',
        '{"list": [' * 100_000,
        '{"dict": [["a", ' + "[" * 100_000 + "]" * 100_000 + "]]}",
        '{"dict": [["a", ' + "1" * 5_000 + "]]}",
    ],
)
def test_a_checkpoint_of_another_content_is_set_aside(skeleton: str, tmp_path: Path) -> None:
    path, tensors = tmp_path / "checkpoint.safetensors", {"0": torch.ones(2)}
    path.write_bytes(save(tensors, metadata={"skeleton": skeleton, "checksum": checksum(skeleton, tensors)}))
    assert "set aside" in str(set_broken_aside(path))
