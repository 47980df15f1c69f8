"""Strips and mosaics: every pixel of a sample is one of the PNG."""

import io

import numpy as np
from PIL import Image

from bench.report.strips import GAP, GROUND, INK, SHOWN, SIDE, mosaics, strips
from bench.report.study import Array, Study

RNG = np.random.default_rng(0)
GREY = RNG.integers(256, size=(64, 8, 6), dtype=np.uint8)
COLOURED = RNG.integers(256, size=(16, 4, 4, 3), dtype=np.uint8)


def study(real: Array, fake: Array) -> Study:
    return Study("made", [], {}, {}, {"real/toy": real, "samples/toy/vae": fake})


def pixels(png: bytes) -> Array:
    image = Image.open(io.BytesIO(png))
    return np.asarray(image.convert("RGB") if image.mode == "P" else image)


def test_a_strip_is_the_first_pictures_side_by_side() -> None:
    real, fake = strips(study(GREY, GREY[::-1]), "toy", "vae")
    assert (real.label, fake.label) == ("test data", "samples of vae")
    shown = pixels(real.png)
    assert shown.shape == (real.height, real.width) == (8, SHOWN * real.piece) == (8, 56)
    for n in range(SHOWN):
        assert (shown[:, 7 * n : 7 * n + 6] == GREY[n]).all()
        assert (shown[:, 7 * n + 6] == GAP).all()
    assert (pixels(fake.png)[:, :6] == GREY[-1]).all()
    assert real.scale * real.piece >= 44


def test_a_mosaic_holds_all_of_them() -> None:
    real, fake = mosaics(study(GREY, GREY[::-1]), "toy", ["vae", "absent"])
    assert (real.label, fake.label) == ("test data", "vae")
    shown = pixels(real.png)
    assert shown.shape == (8 * 9, 8 * 7)
    for n in range(64):
        row, column = divmod(n, SHOWN)
        assert (shown[9 * row : 9 * row + 8, 7 * column : 7 * column + 6] == GREY[n]).all()


def test_colours_stay() -> None:
    real, _ = mosaics(study(COLOURED, COLOURED), "toy", ["vae"])
    assert (pixels(real.png)[:4, :4] == COLOURED[0]).all()


def test_points_are_a_plane_with_y_upwards() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 1.0], [0.2, 0.9]], np.float16)
    real, _ = strips(study(corners, corners), "toy", "vae")
    shown = pixels(real.png)
    assert shown.shape == (SIDE, SIDE, 3)
    assert {tuple(colour) for colour in shown.reshape(-1, 3).tolist()} == {GROUND, INK}
    lit = (shown == INK).all(-1)
    assert lit[: SIDE // 4, : SIDE // 3].any()  # (0.2, 0.9): left and high
    assert not lit[SIDE // 2 :, SIDE // 2 :].any()


def test_what_is_no_picture_has_none() -> None:
    assert strips(study(GREY, RNG.normal(size=(5, 2))), "toy", "vae") == []
    assert strips(study(GREY, GREY), "toy", "cnf") == []
    assert mosaics(study(RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))), "toy", ["vae"]) == []
