"""Small files in the format of the official ones, in an archive under a data root."""

import io
import tarfile
from pathlib import Path

import numpy as np

from bench.data.dataset import Dataset
from bench.setup import build
from bench.setup.compose import compose


def archive(root: Path, members: dict[str, bytes]) -> Path:
    """`maf/data.tar.gz` under the data root."""
    path = root / "maf" / "data.tar.gz"
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def npy(rows: np.ndarray) -> bytes:
    """The bytes of a `.npy` file."""
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


def built(name: str, root: Path) -> Dataset:
    """The data set as `data=NAME` builds it."""
    return build.dataset(compose([f"data={name}", f"data_root={root}"]))


def parts(data: Dataset) -> list[np.ndarray]:
    """Its three splits."""
    return [split.numpy() for split in (data.train, data.validation, data.test)]
