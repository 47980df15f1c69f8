"""Grey 8x8 patches of the photographs of BSDS300 (Martin et al. 2001), from the official archive of JPEGs.

The patches are drawn here, so that likelihoods do not stand beside those of the published file: that one is `bsds300`.
"""

import tarfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.decode import Form, decoded
from bench.data.official.archive import name_of, one
from bench.data.sources import fetch_command, source
from bench.data.spaces import DequantisedLogit
from bench.data.tar_members import BROKEN, members, opened
from bench.errors import BenchError
from bench.spec import DataSpec

SOURCE = "bsds300_patches"
PHOTOGRAPHS = {"train": 200, "test": 100}
HELD_OUT = 20
"""Photographs of the official training part whose patches validate."""
SIZES = (100_000, 10_000, 25_000)
SIDE, LEVELS = 8, 256
FITTED_ON = 10_000
MOST_MEMBERS, LARGEST, MOST_PIXELS = 1_000, 2**22, 2**18
"""Members, bytes of one, and pixels of a photograph; of the official ones, 481 x 321."""

Photograph = UInt8[np.ndarray, "height width"]


def photograph_patches(name: str, *, root: str | None = None, alpha: float = 0.005, seed: int = 0) -> Dataset:
    """Patches as events `(64,)` of 256 grey levels: 100,000 of 180 photographs, 10,000 of 20, 25,000 of 100.

    No photograph gives patches to two splits; those of the official test part are tested on. Decoders of JPEG differ by
    a level here and there, and the patches with them.

    Args:
        name: the name of the data set's file in conf/data.
        root: the data root; None means $BENCH_DATA or the user's cache.
        alpha: keeps the logit away from 0 and 1, see `DequantisedLogit`.
        seed: of the photographs that validate, and of the places of patches.

    Raises:
        BenchError: the archive is missing, broken or without all photographs, or alpha is out of range.
    """
    archive = source(SOURCE).place(root) / "BSDS300-images.tgz"
    found = photographs(archive, fetch_command(SOURCE, root))
    draws = np.random.default_rng(seed)
    order = draws.permutation(PHOTOGRAPHS["train"])
    seen = [found["train"][place] for place in order]
    parts = (seen[:-HELD_OUT], seen[-HELD_OUT:], found["test"])
    train, validation, test = (drawn(part, n, draws) for part, n in zip(parts, SIZES, strict=True))
    return Dataset(
        name=name,
        spec=DataSpec((SIDE * SIDE,), "discrete", LEVELS),
        space=DequantisedLogit.fitted(train[:FITTED_ON], LEVELS, alpha),
        train=train,
        validation=validation,
        test=test,
        image_shape=(SIDE, SIDE),
        files=(archive,),
    )


def photographs(archive: Path, command: str) -> dict[str, list[Photograph]]:
    """The photographs of the official training and test part in grey, in the order of their names; none is unpacked.

    Args:
        archive: the official file.
        command: that brings it, named where it is missing or broken.

    Raises:
        BenchError: it is missing, broken, or has not the official number of photographs.
    """
    if not archive.is_file():
        raise BenchError(f"{archive} is missing; run `{command}`")
    found: dict[str, dict[str, Photograph]] = {part: {} for part in PHOTOGRAPHS}
    try:
        with opened(archive) as tar:
            for number, member in enumerate(members(tar)):
                if member.size > LARGEST or number >= MOST_MEMBERS:
                    raise tarfile.ReadError(f"member {number} unpacks to {member.size:,} bytes")
                place = Path(name_of(member))
                stream = tar.extractfile(member) if member.isreg() and place.suffix == ".jpg" else None
                if stream is not None and place.parent.name in found:
                    found[place.parent.name][place.name] = grey(stream.read(), f"{archive}: {member.name}")
    except (*BROKEN, OSError) as error:
        raise BenchError(f"{archive} cannot be read ({one(error)}); run `{command}` to replace it") from error
    counts = {part: len(pictures) for part, pictures in found.items()}
    if counts != PHOTOGRAPHS:
        raise BenchError(
            f"{archive} has {counts['train']} training and {counts['test']} test photographs, expected 200 and 100; "
            f"run `{command}` to replace it"
        )
    return {part: [pictures[each] for each in sorted(pictures)] for part, pictures in found.items()}


def grey(content: bytes, where: str) -> Photograph:
    """A JPEG's luma, `(height, width)`.

    Raises:
        BenchError: it is broken, smaller than a patch or larger than any of the photographs.
    """
    picture = decoded(content, where, Form(channels=1))[:, :, 0]
    if min(picture.shape) < SIDE or picture.size > MOST_PIXELS:
        raise BenchError(
            f"{where} has {picture.shape} pixels, which no official photograph has; fetch the archive anew"
        )
    return picture


def drawn(pictures: list[Photograph], n: int, draws: np.random.Generator) -> UInt8[Tensor, "n 64"]:
    """`n` patches at random places, as many of each photograph within one, laid flat and in random order."""
    patches = np.empty((n, SIDE, SIDE), np.uint8)
    owners = np.arange(n) % len(pictures)
    for number, picture in enumerate(pictures):
        windows = np.lib.stride_tricks.sliding_window_view(picture, (SIDE, SIDE))
        mine = np.flatnonzero(owners == number)
        rows, columns = (draws.integers(0, size, len(mine)) for size in windows.shape[:2])
        patches[mine] = windows[rows, columns]
    return torch.from_numpy(patches.reshape(n, SIDE * SIDE)[draws.permutation(n)])
