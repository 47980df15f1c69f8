"""Small pictures in folders and archives, sound and broken."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from bench.data.dataset import Dataset
from bench.data.picture_folder import images


def pixels(row: int, height: int = 4, width: int = 6, channels: int = 1) -> np.ndarray:
    """`(height, width)` or `(height, width, 3)` random bytes that `row` decides."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(row).integers(0, 256, shape, dtype=np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """A file's bytes."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def content(rows: int = 80, channels: int = 1, kind: str = "PNG") -> dict[str, bytes]:
    """Pictures in two classes' folders by name."""
    return {
        f"{'cats' if row % 2 else 'dogs'}/{row:03}.{kind.lower()}": encoded(pixels(row, channels=channels), kind)
        for row in range(rows)
    }


def in_folder(place: Path, files: Mapping[str, bytes]) -> Path:
    """The files below a new folder."""
    for name, bytes_of in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(bytes_of)
    return place


def in_zip(place: Path, files: Mapping[str, bytes]) -> Path:
    """The files in a zip archive."""
    with zipfile.ZipFile(place, "w") as archive:
        for name, bytes_of in files.items():
            archive.writestr(name, bytes_of)
    return place


def in_tar(place: Path, files: Mapping[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None) -> Path:
    """The files in a gzipped tar archive; `change` may change what its header says of each."""
    with tarfile.open(place, "w:gz") as archive:
        for name, bytes_of in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(bytes_of)
            if change is not None:
                change(member)
            archive.addfile(member, io.BytesIO(bytes_of))
    return place


def read(path: Path, **options) -> Dataset:
    """The data set of a path."""
    return images("images", path=str(path), **options)
