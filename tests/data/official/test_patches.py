import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data.official import patches
from bench.errors import BenchError
from tests.data.official.files import built
from tests.data.test_picture_folder import bomb


def jpeg(level: int, size: tuple[int, int] = (24, 16)) -> bytes:
    """A photograph of one grey level, which JPEG keeps."""
    stream = io.BytesIO()
    Image.new("RGB", size, (level, level, level)).save(stream, "JPEG", quality=100)
    return stream.getvalue()


def archive(root: Path, train: list[bytes], test: list[bytes]) -> Path:
    path = root / "bsds300_patches" / "BSDS300-images.tgz"
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as tar:
        for part, pictures in (("train", train), ("test", test)):
            for number, content in enumerate(pictures):
                info = tarfile.TarInfo(f"BSDS300/images/{part}/{number:04}.jpg")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        tar.addfile(tarfile.TarInfo("BSDS300/iids_train.txt"))
    return path


def test_patches_are_of_photographs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photograph k of the training part is of level k, of the test part of level 100 + k."""
    monkeypatch.setattr(patches, "PHOTOGRAPHS", {"train": 50, "test": 10})
    monkeypatch.setattr(patches, "SIZES", (600, 100, 50))
    path = archive(tmp_path, [jpeg(level) for level in range(50)], [jpeg(100 + level) for level in range(10)])
    data = built("bsds300_patches", tmp_path)
    train, validation, test = ({*split.flatten().tolist()} for split in (data.train, data.validation, data.test))
    assert (len(train), len(validation)) == (30, 20)
    assert train | validation == set(range(50))
    assert test == set(range(100, 110))
    assert [len(split) for split in (data.train, data.validation, data.test)] == [600, 100, 50]
    assert np.bincount(data.train[:, 0].numpy())[sorted(train)].tolist() == [20] * 30
    assert (data.spec.kind, data.spec.levels, data.image_shape) == ("discrete", 256, (8, 8))
    assert data.files == (path,)


def test_a_patch_is_a_window_of_its_photograph() -> None:
    picture = np.arange(12 * 15, dtype=np.uint8).reshape(12, 15)
    found = patches.drawn([picture], 300, np.random.default_rng(0)).reshape(-1, 8, 8)
    starts = np.unique(found[:, 0, 0].numpy())
    assert len(starts) == 5 * 8
    for patch in found:
        row, column = divmod(int(patch[0, 0]), 15)
        assert np.array_equal(patch, picture[row : row + 8, column : column + 8])


def test_all_photographs_are_wanted(tmp_path: Path) -> None:
    archive(tmp_path, [jpeg(1)] * 3, [jpeg(2)])
    with pytest.raises(BenchError, match="has 3 training and 1 test photographs, expected 200 and 100; run `bench"):
        built("bsds300_patches", tmp_path)


@pytest.mark.parametrize("content", [b"", b"<html>", jpeg(3)[:-100], jpeg(3, (7, 20)), jpeg(3, (600, 500)), bomb()])
def test_a_broken_photograph_is_named(content: bytes, tmp_path: Path) -> None:
    archive(tmp_path, [content], [jpeg(2)])
    with pytest.raises(BenchError, match=r"BSDS300/images/train/0000.jpg") as error:
        built("bsds300_patches", tmp_path)
    assert "\n" not in str(error.value)


def test_a_broken_archive_names_the_command(tmp_path: Path) -> None:
    path = archive(tmp_path, [np.random.default_rng(0).bytes(5000)] * 3, [jpeg(2)])
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(BenchError, match=r"run `bench data fetch bsds300_patches") as error:
        built("bsds300_patches", tmp_path)
    assert "\n" not in str(error.value)


def test_without_the_archive_the_command_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=f"is missing; run `bench data fetch bsds300_patches --data-root {tmp_path}`"):
        built("bsds300_patches", tmp_path)


@pytest.mark.parametrize(("limit", "most"), [("LARGEST", 100), ("MOST_MEMBERS", 2)])
def test_an_archive_of_other_sizes_is_not_read(
    limit: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patches, limit, most)
    archive(tmp_path, [jpeg(1)] * 3, [jpeg(2)])
    with pytest.raises(BenchError, match=r"cannot be read \(member \d unpacks to .* bytes\); run `bench data fetch"):
        built("bsds300_patches", tmp_path)
