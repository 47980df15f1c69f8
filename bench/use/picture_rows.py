"""Pictures of a folder or archive, or one file, as rows of a stored run, in the form that its data had."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.data.decode import Form, decoded
from bench.data.picture_files import TAKEN
from bench.data.picture_folder import pictures_of, sides
from bench.data.pictures import BYTE, flat
from bench.data.stored_space import StoredSpace
from bench.errors import BenchError
from bench.use.units import inner_space

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", *sorted(TAKEN))
"""Of what is read as pictures."""


def holds_pictures(path: Path) -> bool:
    """True for what is read as pictures: a folder, an archive by its name, a .png or .jpg file."""
    return path.is_dir() or path.name.lower().endswith(ENDINGS)


def picture_rows(stored: StoredSpace, options: Mapping[str, Any], path: Path) -> tuple[Any, list[str]]:
    """The levels of pictures, an array `(n, dim)` in the order of their names, and these names.

    Args:
        stored: of the run.
        options: of its data: a folder's pictures are cropped, resized and made grey as they say.
        path: of the folder, archive or file.

    Raises:
        BenchError: the run is of no pictures, or as `bench.data.picture_folder.images` of a picture.
    """
    if stored.image_shape is None:
        raise BenchError(f"{path.name}: pictures, and {stored.name} has none; give a file of rows")
    form = form_of_pictures(stored, options)
    if path.is_file() and path.suffix.lower() in TAKEN:
        pixels, names = [decoded(path.read_bytes(), path.name, form)], [path.name]
    else:
        files = sorted(pictures_of(path, form), key=lambda one: one.name.parts)
        pixels, names = [file.pixels for file in files], [str(file.name) for file in files]
    return flat(np.stack(pixels), getattr(inner_space(stored), "levels", BYTE)).numpy(), names


def form_of_pictures(stored: StoredSpace, options: Mapping[str, Any]) -> Form:
    """The form of the run's own pictures; of data without files, grey or coloured as they are."""
    assert stored.image_shape is not None
    crop = options.get("crop")
    return Form(
        sides(options.get("size"), "size"),
        "square" if crop == "square" else sides(crop, "crop"),
        1 if len(stored.image_shape) == 2 else 3,
    )
