"""Pictures of one's own, a folder, an archive or an array of bytes: bench run data=images data.path=photos"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from PIL import Image

from bench.data.dataset import Dataset
from bench.data.decode import Form, decoded, formed
from bench.data.from_arrays import Came, Cutting
from bench.data.named_arrays import NUMPY, SPLIT_WORDS, WHOLE, NamedArrays, first_bytes, read, sorted_by_name
from bench.data.picture_files import PictureFile, picture_files
from bench.data.pictures import as_pictures, pictures
from bench.errors import BenchError

FOLDERS = "folders"
"""The split by folders called train, validation and test."""


def images(
    name: str,
    *,
    path: str,
    size: Any = None,
    crop: Any = None,
    channels: Literal[1, 3] | None = None,
    levels: int = 256,
    alpha: float = 0.005,
    binary: bool = False,
    labels: bool = True,
    split: Any = None,
    seed: int = 0,
    labelled: int | None = None,
) -> Dataset:
    """PNG or JPEG files of a folder or of a zip or tar archive, or an array of bytes in a .npy or .npz file.

    Files are taken in the order of their names. The folder that a file lies in, below the one that all share, is its
    label; with files in one folder alone there are no labels.

    Args:
        name: the name of the data set's file in conf/data.
        path: of the folder, archive or array.
        size: height and width to resize to, or one number for both; null leaves pictures as they are.
        crop: height and width to cut from the centre before, one number for both, or square; null cuts nothing.
        channels: 1 makes grey pictures, 3 coloured ones; null takes them as they are, if all are alike.
        levels: 2 to 256 grey levels of each channel.
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`; without effect on binary data.
        binary: draws 0/1 pixels anew each time, in place of dequantised levels.
        labels: whether folders, or arrays called y or labels, are labels.
        split: null for 70, 15 and 15 % at random, three shares, time for pictures in the order of their names, or
            folders for folders called train, validation and test.
        seed: of the random split; a run's own seed does not touch it.
        labelled: training examples whose labels an entry may see, see `with_labels`; null shows none.

    Raises:
        BenchError: a picture that is broken or of another form than the others, or options out of range.
    """
    place = Path(path).expanduser()
    form = Form(sides(size, "size"), "square" if crop == "square" else sides(crop, "crop"), channels)
    by_folder = split == FOLDERS
    if place.is_file() and is_array(place):
        if by_folder:
            raise BenchError(
                f"{place}: data.split=folders is for files of pictures; an array goes by names such as train"
            )
        named = of_array(place, form)
        came = Came(str(place), (place,))
    else:
        files = picture_files(place)
        named = of_files(files, place, form, by_folder=by_folder, labelled=labels)
        came = Came(str(place), (place,)) if place.is_file() else Came(str(place), content=content_of(files))
    if not labels:
        named = replace(named, labels={})
    cutting = Cutting(None if by_folder else split, seed, labelled)
    return pictures(name, named, came, cutting, levels, alpha, binary)


def sides(option: Any, name: str) -> tuple[int, int] | None:
    """Height and width of an option that is one number, two, or null.

    Raises:
        BenchError: it is anything else.
    """
    if option is None:
        return None
    both = option if isinstance(option, list | tuple) else (option, option)
    if len(both) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in both):
        words = ", or square" if name == "crop" else ""
        raise BenchError(f"data.{name}={option}: give height and width, such as [32,32], or one number for both{words}")
    return both[0], both[1]


def is_array(path: Path) -> bool:
    """True for a .npy file, and for a zip archive whose name ends in .npz."""
    return first_bytes(path).startswith(NUMPY) or path.suffix == ".npz"


def of_array(path: Path, form: Form) -> NamedArrays:
    """The pictures of an array file, each in its form."""
    named = as_pictures(sorted_by_name(read(path), str(path)), str(path))
    if form == Form():
        return named
    events = {split: np.stack(list(each_formed(array, path, form))) for split, array in named.events.items()}
    return NamedArrays(events, named.labels)


def each_formed(images: np.ndarray, path: Path, form: Form) -> Iterator[np.ndarray]:
    """Pictures `(height, width, channels)`, each in its form."""
    for row, image in enumerate(images):
        plain = image[:, :, 0] if image.shape[2] == 1 else image
        yield formed(Image.fromarray(np.ascontiguousarray(plain)), f"{path}, picture {row}", form)


def of_files(files: list[PictureFile], path: Path, form: Form, *, by_folder: bool, labelled: bool) -> NamedArrays:
    """The pictures of files and the labels by their folders.

    Args:
        files: at least one.
        path: of the folder or archive, which an error begins with.
        form: of every picture.
        by_folder: whether folders called train, validation and test say which pictures are for what.
        labelled: whether the other folders are labels.

    Raises:
        BenchError: as `decoded`; pictures of several sizes, grey among coloured ones, or some outside the folders.
    """
    folders = below_common([file.name.parent for file in files])
    splits = [WHOLE] * len(files)
    if by_folder:
        splits = [split_of(folder, file, path) for folder, file in zip(folders, files, strict=True)]
        folders = [PurePosixPath(*folder.parts[1:]) for folder in folders]
    first: np.ndarray | None = None
    images: dict[str, list[np.ndarray]] = {split: [] for split in splits}
    for split, file in zip(splits, files, strict=True):
        pixels = decoded(file.content, str(path / file.name), form)
        first = pixels if first is None else first
        if pixels.shape != first.shape:
            raise unlike(path, files[0], first, file, pixels)
        images[split].append(pixels)
    events = {split: np.stack(part) for split, part in images.items()}
    distinct = sorted({str(folder) for folder in folders})
    if not labelled or len(distinct) == 1:
        return NamedArrays(events)
    if "." in distinct:
        stray = files[folders.index(PurePosixPath())]
        raise BenchError(
            f"{path / stray.name}: lies in no class's folder as others do; move it, or set data.labels=false"
        )
    labels = {
        split: [str(folder) for folder, own in zip(folders, splits, strict=True) if own == split] for split in events
    }
    return NamedArrays(events, {split: np.array(part) for split, part in labels.items()})


def unlike(path: Path, file: PictureFile, first: np.ndarray, other: PictureFile, pixels: np.ndarray) -> BenchError:
    """The error for a picture of another shape than the first one."""
    one, two = ("x".join(map(str, image.shape[:2])) for image in (first, pixels))
    if one == two:
        one, two = ("grey" if image.shape[2] == 1 else "coloured" for image in (first, pixels))
        remedy = "set data.channels=1 or 3"
    else:
        remedy = "set data.size= and, where ratios differ, data.crop=square"
    return BenchError(f"{path / other.name}: is {two}, and {file.name} is {one}; {remedy}")


def below_common(folders: list[PurePosixPath]) -> list[PurePosixPath]:
    """Folders relative to the deepest one that all lie in."""
    shared = list(folders[0].parts)
    for folder in folders:
        same = [mine == its for mine, its in zip(shared, folder.parts, strict=False)]
        shared = shared[: same.index(False) if False in same else len(same)]
    return [PurePosixPath(*folder.parts[len(shared) :]) for folder in folders]


def split_of(folder: PurePosixPath, file: PictureFile, path: Path) -> str:
    """The split that a folder's first name stands for.

    Raises:
        BenchError: it stands for none.
    """
    split = SPLIT_WORDS.get(folder.parts[0].lower()) if folder.parts else None
    if split is None:
        raise BenchError(
            f"{path / file.name}: lies in no folder called train, validation or test; move it, or leave out "
            "data.split=folders"
        )
    return split


def content_of(files: list[PictureFile]) -> str:
    """A hash of the names and bytes of a folder's pictures: names make labels and splits."""
    lines = (f"{hashlib.sha256(file.content).hexdigest()} {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
