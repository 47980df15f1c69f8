"""The content of a data set: bytes of files, arrays of a user's, options of a generator; nothing computed."""

import os
from dataclasses import dataclass, replace

import pytest
import torch

from bench.data.content import arrays_of, content_of, file_hash, rows_hash, words_of
from bench.data.dataset import Dataset
from bench.data.spaces import DequantisedLogit, Identity, Reshaped
from bench.spec import DataSpec


def made(scale: float = 1.0, space=None) -> Dataset:
    x = scale * torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    return Dataset("made", DataSpec((3,)), space or Identity(), x[:10], x[10:20], x[20:])


def test_other_arrays_are_another_content() -> None:
    assert content_of(made(), "mine.made", {}) == content_of(made(), "mine.other_name", {"n": 3})
    assert content_of(made(), "mine.made", {}) != content_of(made(10.0), "mine.made", {})


@pytest.mark.parametrize(
    "change",
    [
        lambda data: replace(data, train=data.validation, validation=data.train),
        lambda data: replace(data, train=data.train.double()),
        lambda data: replace(data, labels=(torch.zeros(10),) * 3),
        lambda data: replace(data, labelled=torch.arange(3)),
        lambda data: replace(data, spec=replace(data.spec, kind="discrete", levels=3)),
        lambda data: replace(data, test=data.test.flip(0)),
    ],
)
def test_splits_labels_rows_types_and_words_count(change) -> None:
    assert arrays_of(change(made())) != arrays_of(made())


def test_numbers_that_the_bench_fits_do_not_count_and_words_do() -> None:
    space = DequantisedLogit(16, 0.01, torch.zeros(3), torch.ones(3))
    assert words_of(space) == words_of(replace(space, shift=torch.ones(3)))
    assert words_of(space) != words_of(replace(space, alpha=0.02))
    assert words_of(Reshaped(space, (3,), (1, 3))) != words_of(Reshaped(space, (3,), (3, 1)))


def test_numbers_of_a_users_own_space_count() -> None:
    @dataclass(frozen=True)
    class Scaled(Identity):
        scale: torch.Tensor = None

    assert words_of(Scaled(torch.ones(3))) != words_of(Scaled(torch.zeros(3)))


def test_a_generator_of_the_projects_counts_by_options_and_version() -> None:
    function = "bench.data.toy.toy"
    assert content_of(made(), function, {"n": 3}) == content_of(made(2.0), function, {"n": 3})
    assert content_of(made(), function, {"n": 3}) != content_of(made(), function, {"n": 4})
    assert content_of(made(), function, {}) != content_of(replace(made(), version=2), function, {})


def test_files_count_by_their_bytes(tmp_path) -> None:
    path = tmp_path / "pictures.gz"
    path.write_bytes(b"one")
    data = replace(made(), files=(path,))
    first = content_of(data, "bench.data.images.idx_images", {})
    path.write_bytes(b"two two")
    assert content_of(data, "bench.data.images.idx_images", {}) != first


def test_hashes_are_remembered_until_the_file_changes(tmp_path, monkeypatch) -> None:
    path, memory = tmp_path / "file", tmp_path / "hashes.json"
    path.write_bytes(b"one")
    first = file_hash(path, memory)
    monkeypatch.setattr("bench.data.content.hashlib.file_digest", None)
    assert file_hash(path, memory) == first
    monkeypatch.undo()
    path.write_bytes(b"two")
    os.utime(path, ns=(0, 0))
    assert file_hash(path, memory) != first


@pytest.mark.parametrize("broken", ["", "[", "[1]", '{"a": 1}'])
def test_a_broken_memory_is_computed_anew(broken: str, tmp_path) -> None:
    path, memory = tmp_path / "file", tmp_path / "hashes.json"
    path.write_bytes(b"one")
    memory.write_text(broken)
    assert file_hash(path, memory) == file_hash(path, tmp_path / "other.json")


def test_a_memory_that_cannot_be_written_costs_nothing(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert len(file_hash(path, path / "hashes.json")) == 64


def test_the_hash_of_rows_tells_them_their_order_and_their_number_apart_and_not_their_shape() -> None:
    rows = made().train
    known = {rows_hash(each) for each in (rows, rows.flip(0), rows[:9], rows + 1e-7, made(2.0).train)}
    assert len(known) == 5
    assert {len(each) for each in known} == {8}
    assert rows_hash(rows.reshape(10, 1, 3)) == rows_hash(rows)
