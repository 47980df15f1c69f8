"""CIFAR-10 on files in the official format, of twenty pictures each."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.official import cifar10 as cifar
from bench.data.sources import data_root
from bench.errors import BenchError
from tests.data.official.files import built

COUNT = 20


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "BATCH", COUNT)


def pictures(number: int, count: int = COUNT) -> np.ndarray:
    """Records of one file: class n mod 10, then noise whose first red value is the picture's number in all files."""
    rows = np.random.default_rng(number).integers(0, 256, (count, cifar.RECORD), dtype=np.uint8)
    rows[:, 0] = np.arange(count) % 10
    rows[:, 1] = number * COUNT + np.arange(count)
    return rows


def write(root: Path, test: int = COUNT) -> Path:
    place = root / "cifar10" / cifar.FOLDER
    place.mkdir(parents=True)
    for number, name in enumerate((*cifar.TRAIN, cifar.TEST)):
        pictures(number, test if name == cifar.TEST else COUNT).tofile(place / name)
    return place


def test_the_configuration_builds_the_data_set(tmp_path: Path) -> None:
    write(tmp_path)
    data = built("cifar10", tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [90, 10, 20]
    assert data.spec.event_shape == (3072,)
    assert data.spec.image_shape == (3, 32, 32)
    assert data.train[:, 0].tolist() == list(range(90)), "the official order"
    assert data.validation[:, 0].tolist() == list(range(90, 100))
    assert data.labels is not None
    assert data.labels[2].tolist() == [*range(10), *range(10)]
    assert (data.class_names[0], data.class_names[9]) == ("airplane", "truck")
    assert not any(cifar.TEST in line for line in data.warnings)
    own = data.shaped().train[3]
    assert torch.equal(own[1].flatten(), torch.from_numpy(pictures(0)[3, 1 + 1024 : 1 + 2048])), "green, row by row"


def test_a_part_of_the_test_file_is_taken_and_said(tmp_path: Path) -> None:
    write(tmp_path, test=12)
    data = built("cifar10", tmp_path)
    assert len(data.test) == 12
    assert "test_batch.bin holds the first 12 of 20 test pictures" in data.warnings


def test_the_archive_is_unpacked_once(tmp_path: Path) -> None:
    place = write(tmp_path)
    archive = place.parent / cifar.ARCHIVE
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(place.iterdir()):
            tar.add(path, f"{cifar.FOLDER}/{path.name}")
        evil = tarfile.TarInfo("../evil")
        tar.addfile(evil, io.BytesIO(b""))
        for path in sorted(place.iterdir()):
            path.unlink()
    data = built("cifar10", tmp_path)
    assert {path.name for path in place.iterdir()} == {*cifar.TRAIN, cifar.TEST}
    archive.unlink()
    assert torch.equal(built("cifar10", tmp_path).train, data.train)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar10"]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (cifar.TRAIN[1], b"", r"has 0 bytes, expected 20 records of 3,073"),
        (cifar.TRAIN[1], bytes(19 * cifar.RECORD), r"expected 20 records"),
        (cifar.TEST, bytes(5 * cifar.RECORD + 1), r"expected 20 records"),
        (cifar.TEST, bytes(21 * cifar.RECORD), r"expected 20 records"),
        (cifar.TRAIN[4], b"\n" * (20 * cifar.RECORD), r"holds the class 10, expected 0 to 9"),
    ],
)
def test_another_file_is_refused_in_one_line(name: str, content: bytes, fault: str, tmp_path: Path) -> None:
    (write(tmp_path) / name).write_bytes(content)
    with pytest.raises(BenchError, match=rf"{name} .*{fault}.*bench data fetch cifar10") as error:
        built("cifar10", tmp_path)
    assert "\n" not in str(error.value)


def test_without_files_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"data_batch_1.bin is missing, and so is .*run `bench data fetch cifar10"):
        built("cifar10", tmp_path)


HERE = data_root(None) / "cifar10" / cifar.FOLDER


@pytest.mark.skipif(not (HERE / cifar.TEST).exists(), reason="CIFAR-10 is not here: bench data fetch cifar10")
def test_the_official_files_are_colour_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first training picture is a frog; mean levels of red, green and blue are 125, 123 and 114."""
    monkeypatch.setattr(cifar, "BATCH", 10_000)
    data = cifar.cifar10("cifar10", root=str(data_root(None)))
    assert data.labels is not None
    assert data.class_names[int(data.labels[0][0])] == "frog"
    means = data.shaped().train[:5_000].float().mean((0, 2, 3))
    assert torch.allclose(means, torch.tensor([125.3, 123.0, 113.9]), atol=2.0)
