import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from bench.data.images import idx_images, read_idx
from bench.data.sources import data_root
from bench.errors import BenchError
from bench.spec import DataSpec

CONF = Path(__file__).parents[2] / "conf" / "data"


def idx(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=1))
    return path


def write_part(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    write(folder / f"{part}-images-idx3-ubyte.gz", idx(images))
    write(folder / f"{part}-labels-idx1-ubyte.gz", idx(labels))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a set of the official size: picture i is filled with level i mod 251, its label is i mod 10."""
    root = tmp_path_factory.mktemp("root")
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        order = np.arange(count)
        images = np.broadcast_to((order % 251)[:, None, None], (count, 28, 28))
        write_part(root / "mnist", part, images, order % 10)
    (root / "fashion_mnist").symlink_to(root / "mnist")
    return root


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "mnist_binary"])
def test_the_configuration_builds_the_data_set(name: str, root: Path) -> None:
    config = OmegaConf.merge({"data_root": str(root)}, {"data": OmegaConf.load(CONF / f"{name}.yaml")})
    options = OmegaConf.to_container(config, resolve=True)["data"]  # type: ignore[index, call-overload]
    assert options.pop("_target_") == "bench.data.images.idx_images"
    data = idx_images(**options)
    assert data.name == name
    binary = name == "mnist_binary"
    told = {"image_shape": (1, 28, 28), "examples": len(data.train)}
    kind = ("binary", None) if binary else ("discrete", 256)
    assert data.spec == DataSpec((784,), kind[0], levels=kind[1], **told)
    x = data.fixed(data.test[:100], seed=0)
    assert x.shape == (100, 784)
    assert x.isfinite().all()
    assert set(x.unique().tolist()) == {0.0, 1.0} or not binary


def test_the_splits_are_the_first_50000_the_last_10000_and_the_test_file_shuffled(root: Path) -> None:
    data = idx_images("mnist", folder="mnist", root=str(root), binary=True)
    assert data.image_shape == (28, 28)
    assert data.labels is not None
    shuffled = torch.randperm(10_000, generator=torch.Generator().manual_seed(0))
    parts = (data.train, data.validation, data.test)
    orders = (torch.arange(50_000), torch.arange(50_000, 60_000), shuffled)
    for images, labels, order in zip(parts, data.labels, orders, strict=True):
        assert images.dtype == torch.uint8
        assert images.shape == (len(order), 784)
        assert torch.equal(images[:, 0].long(), order % 251)
        assert torch.equal(images[:, 783], images[:, 0])
        assert torch.equal(labels.long(), order % 10)


def test_an_idx_file_keeps_its_axes(tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    assert torch.equal(read_idx(write(tmp_path / "a.gz", idx(array))).long(), torch.from_numpy(array))


def test_a_missing_file_names_the_command_and_the_folder(tmp_path: Path) -> None:
    with pytest.raises(BenchError) as error:
        idx_images("mnist", folder="mnist", root=str(tmp_path))
    assert f"`bench data fetch mnist --data-root {tmp_path}`" in str(error.value)
    assert str(tmp_path / "mnist") in str(error.value)


def test_the_command_for_a_missing_file_names_no_root_that_was_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    with pytest.raises(BenchError, match=r"run `bench data fetch mnist`$"):
        idx_images("mnist", folder="mnist")


def test_the_command_for_a_corrupt_file_survives_a_root_with_a_space(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    write(root / "mnist" / "train-images-idx3-ubyte.gz", b"<html>")
    with pytest.raises(BenchError, match=f"run `bench data fetch mnist --data-root '{root}'` to replace it"):
        idx_images("mnist", folder="mnist", root=str(root))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def bad_crc(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def bad_deflate(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[10:20] = b"\xff" * 10
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncated, bad_crc, bad_deflate, lambda path: path.write_bytes(b"<html>")])
def test_a_corrupt_gzip_is_named(damage: Callable[[Path], None], tmp_path: Path) -> None:
    path = write(tmp_path / "mnist" / "file.gz", idx(np.random.default_rng(0).integers(0, 256, (4, 28, 28))))
    read_idx(path)
    damage(path)
    with pytest.raises(BenchError, match=f"{path} cannot be read .*bench data fetch mnist") as error:
        read_idx(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "does not start like an IDX file"),
        (b"\x00\x00\x08", "does not start like an IDX file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00\x00\x00\x00", "0x0000080?.* 0x00000d01"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x01", "ends within its header of 16 bytes"),
        (idx(np.ones((2, 3)))[:-1], "says that it holds 2x3 bytes and holds 5"),
        (idx(np.ones((2, 3))) + b"\x00", "says that it holds 2x3 bytes and holds 7"),
        (idx(np.ones((0, 3))), "says that it holds 0x3 bytes and holds 0"),
    ],
)
def test_what_is_not_idx_is_named(content: bytes, fault: str, tmp_path: Path) -> None:
    path = write(tmp_path / "mnist" / "file.gz", content)
    with pytest.raises(BenchError, match=f"{path} .*{fault}.*bench data fetch mnist"):
        read_idx(path)


@pytest.mark.parametrize(
    ("images", "labels", "fault"),
    [
        ((5, 27, 28), (5,), r"images-.* has the shape \(5, 27, 28\), expected \(60000, 28, 28\)"),
        ((5, 784), (5,), r"images-.* has the shape \(5, 784\)"),
        ((5, 28, 28), (4,), r"labels-.* has labels of shape \(4,\) for 5 pictures"),
        ((5, 28, 28), (5, 1), r"labels-.* has labels of shape \(5, 1\) for 5 pictures"),
        ((5, 28, 28), (5,), "images-.* holds 5 examples, expected 60000"),
    ],
)
def test_files_that_do_not_fit_are_named(
    images: tuple[int, ...], labels: tuple[int, ...], fault: str, tmp_path: Path
) -> None:
    write_part(tmp_path / "mnist", "train", np.ones(images), np.ones(labels))
    with pytest.raises(BenchError, match=fault):
        idx_images("mnist", folder="mnist", root=str(tmp_path))


@pytest.mark.skipif(not (data_root(None) / "mnist").is_dir(), reason="MNIST is not here: bench data fetch mnist")
def test_mnist_is_mnist() -> None:
    data = idx_images("mnist", folder="mnist")
    assert data.labels is not None
    assert data.labels[2].bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    both = torch.cat([data.train, data.validation]).double() / 255
    # The mean and standard deviation of MNIST's training pixels as everyone quotes them, to their four decimals.
    assert both.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert both.std().item() == pytest.approx(0.3081, abs=5e-5)
    assert data.fixed(data.test, seed=0).abs().max() <= 20
