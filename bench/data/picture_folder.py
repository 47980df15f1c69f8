"""Pictures of one's own, a folder, an archive or an array of bytes: bench run data=images data.path=photos"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from bench.data.cutting import Cutting
from bench.data.dataset import Dataset
from bench.data.decode import Form, decoded, formed
from bench.data.from_arrays import ALPHA, Came
from bench.data.named_arrays import NUMPY, SPLIT_WORDS, WHOLE, NamedArrays, first_bytes, read, sorted_by_name
from bench.data.picture_files import picture_files
from bench.data.pictures import as_pictures, pictures
from bench.data.stream import SHARE
from bench.errors import BenchError
from bench.machine.memory import memory

LARGEST_EVENT = 2**20
"""Values of a picture: no entry models a photograph of a camera's own size, and a few thousand fill the memory."""

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
    alpha: float = ALPHA,
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
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`; left out where `binary` is true.
        binary: draws 0/1 pixels anew each time, in place of dequantised levels.
        labels: whether folders, or arrays called y or labels, are labels.
        split: null for 70, 15 and 15 % at random, three shares, time for pictures in the order of their names, a file
            of their numbers in it, or folders for folders called train, validation and test.
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
        files = sorted(pictures_of(place, form), key=lambda one: one.name.parts)
        named = of_files(files, place, by_folder=by_folder, labelled=labels)
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


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        name: its file's place, relative to the folder or archive.
        pixels: `(height, width, channels)` bytes.
        digest: the SHA-256 of its file.
    """

    name: PurePosixPath
    pixels: UInt8[np.ndarray, "height width channels"]
    digest: str


def pictures_of(path: Path, form: Form) -> Iterator[Picture]:
    """The pictures of a folder or archive, decoded one by one.

    Raises:
        BenchError: as `decoded`; pictures of several sizes, grey among coloured ones, or larger than can be modelled
            or, all together, than can be held.
    """
    first: Picture | None = None
    most, size = SHARE * memory(), 0
    for file in picture_files(path):
        where = str(path / file.name)
        pixels = decoded(file.content, where, form)
        if pixels.size > LARGEST_EVENT:
            raise BenchError(
                f"{where}: has {pixels.size} values, more than {LARGEST_EVENT}; set data.size=, such as [32,32]"
            )
        picture = Picture(file.name, pixels, hashlib.sha256(file.content).hexdigest())
        first = first or picture
        if pixels.shape != first.pixels.shape:
            raise unlike(path, first, picture)
        size += pixels.nbytes
        if size > most:
            raise BenchError(
                f"{path}: its pictures of {pixels.nbytes:,} bytes each take more than a quarter of the memory, and "
                "up to four copies are made; set data.size= smaller, or data.channels=1"
            )
        yield picture


def of_files(files: list[Picture], path: Path, *, by_folder: bool, labelled: bool) -> NamedArrays:
    """The pictures of files and the labels by their folders.

    Args:
        files: at least one, all of one shape.
        path: of the folder or archive, which an error begins with.
        by_folder: whether folders called train, validation and test say which pictures are for what.
        labelled: whether the other folders are labels.

    Raises:
        BenchError: a picture lies outside of the folders, or alone in one.
    """
    folders = below_common([file.name.parent for file in files])
    splits = [WHOLE] * len(files)
    if by_folder:
        splits = [split_of(folder, file, path) for folder, file in zip(folders, files, strict=True)]
        folders = [PurePosixPath(*folder.parts[1:]) for folder in folders]
    images: dict[str, list[np.ndarray]] = {split: [] for split in splits}
    for split, file in zip(splits, files, strict=True):
        images[split].append(file.pixels)
    events = {split: np.stack(part) for split, part in images.items()}
    distinct = sorted({str(folder) for folder in folders})
    if not labelled or len(distinct) == 1:
        return NamedArrays(events)
    if "." in distinct:
        stray = files[folders.index(PurePosixPath())]
        raise BenchError(
            f"{path / stray.name}: lies in no class's folder as others do; move it, or set data.labels=false"
        )
    sizes = Counter(folders)
    lone = [file for folder, file in zip(folders, files, strict=True) if sizes[folder] == 1]
    if lone:
        more = f" (as {len(lone) - 1} more)" if len(lone) > 1 else ""
        raise BenchError(
            f"{path / lone[0].name}: stands alone in its class's folder{more}; move it to another's, leave it out, or "
            "set data.labels=false"
        )
    labels = {
        split: [str(folder) for folder, own in zip(folders, splits, strict=True) if own == split] for split in events
    }
    return NamedArrays(events, {split: np.array(part) for split, part in labels.items()})


def unlike(path: Path, file: Picture, other: Picture) -> BenchError:
    """The error for a picture of another shape than the first one."""
    one, two = ("x".join(map(str, each.pixels.shape[:2])) for each in (file, other))
    if one == two:
        one, two = ("grey" if each.pixels.shape[2] == 1 else "coloured" for each in (file, other))
        remedy = "for a run set data.channels=1 or 3"
    else:
        remedy = "for a run set data.size= and, where ratios differ, data.crop=square"
    return BenchError(f"{path / other.name}: is {two}, and {file.name} is {one}; {remedy}")


def below_common(folders: list[PurePosixPath]) -> list[PurePosixPath]:
    """Folders relative to the deepest one that all lie in."""
    shared = list(folders[0].parts)
    for folder in folders:
        same = [mine == its for mine, its in zip(shared, folder.parts, strict=False)]
        shared = shared[: same.index(False) if False in same else len(same)]
    return [PurePosixPath(*folder.parts[len(shared) :]) for folder in folders]


def split_of(folder: PurePosixPath, file: Picture, path: Path) -> str:
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


def content_of(files: list[Picture]) -> str:
    """A hash of the names and bytes of a folder's pictures: names make labels and splits."""
    lines = (f"{file.digest} {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
