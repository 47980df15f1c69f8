"""Rows of images: every pixel is there, in whole pixels of the file."""

import io

import numpy as np
from matplotlib import style
from PIL import Image

from bench.report.model_summary import ModelSummary
from bench.report.plots_images import LEAST, Strip, decoder_means, in_rows, mosaic, reconstructions, samples
from bench.report.study import Array, Study
from bench.report.style import RC, png

RNG = np.random.default_rng(0)


def images(n: int = 16, side: int = 8) -> Array:
    return RNG.integers(0, 256, (n, side, side)).astype(np.uint8)


def test_a_mosaic_keeps_every_pixel_in_reading_order() -> None:
    found = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    picture = mosaic(found)
    assert picture.shape == (2 * 3 + 1, 2 * 4 + 1)
    np.testing.assert_array_equal(picture[1:3, 5:8], found[1])
    np.testing.assert_array_equal(picture[4:6, 1:4], found[2])
    wide = mosaic(np.arange(6 * 6, dtype=np.uint8).reshape(6, 2, 3), 3)
    assert wide.shape == (2 * 3 + 1, 3 * 4 + 1)
    np.testing.assert_array_equal(wide[4:6, 1:4], np.arange(18, 24).reshape(2, 3))
    coloured = RNG.integers(0, 256, (4, 2, 3, 3)).astype(np.uint8)
    for channel in range(3):
        np.testing.assert_array_equal(mosaic(coloured)[..., channel], mosaic(coloured[..., channel]))


def test_a_pixel_is_a_square_of_the_file() -> None:
    for side in (8, 28):
        picture = np.zeros((8, side, side), np.uint8)
        picture[:, ::2, ::2] = picture[:, 1::2, 1::2] = 255
        with style.context(["default", RC]):
            file = png(in_rows([Strip("test data", picture), Strip("vae", picture)], 1))
        with Image.open(io.BytesIO(file)) as image:
            grey = np.asarray(image.convert("L"))
        row = grey[grey.shape[0] // 3, grey.shape[1] // 3 :]  # right of the names
        dark = row == 0
        runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], dark, [0]]).astype(int))))[::2]
        usual = np.bincount(runs).argmax()
        assert usual >= LEAST
        assert (runs == usual).mean() > 0.9


def study(**kinds: Array) -> Study:
    pictures = {"real/digits": images()} | {
        f"{kind.replace('_', '-')}/digits/vae": each for kind, each in kinds.items()
    }
    return Study("made", [], {}, {}, pictures)


CELLS = [ModelSummary("digits", "vae", [], {}), ModelSummary("digits", "gan", [], {})]


def test_samples_reconstructions_and_means_have_a_plot_where_runs_stored_them() -> None:
    whole = study(
        samples=images(), reconstructed=images(), reconstructed_noisy=images(), means=images(), draws=images()
    )
    drawn = [samples(whole, CELLS), reconstructions(whole, CELLS), decoder_means(whole, CELLS)]
    assert [plot.name for plot in drawn if plot is not None] == [
        f"{kind}-digits" for kind in ("samples", "reconstructed", "means")
    ]
    assert "0.5 standard deviations" in drawn[1].caption  # type: ignore[union-attr]
    lacking = study(means=images())
    assert [samples(lacking, CELLS), reconstructions(lacking, CELLS), decoder_means(lacking, CELLS)] == [None] * 3
