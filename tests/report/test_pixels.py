"""A PNG of a palette has the colours that it was given, or near ones."""

import io

import numpy as np
import pytest
from PIL import Image

from bench.report.pixels import COLOURS, EXACT, palette_png


def pixels_of(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "P"
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("count", [1, 2, COLOURS])
def test_colours_that_a_palette_holds_are_exact(count: int) -> None:
    rng = np.random.default_rng(count)
    colours = rng.integers(0, 256, (count, 3), np.uint8)
    rgb = colours[rng.integers(0, count, (40, 70))]
    assert np.array_equal(pixels_of(palette_png(rgb, 240)), rgb)


def test_of_more_the_most_frequent_are_exact_and_the_rest_near() -> None:
    """A white page with a line of the brand's blue and a ramp of 10,000 shades."""
    rgb = np.full((300, 400, 3), 255, np.uint8)
    rgb[:2] = (0, 114, 178)
    ramp = np.stack(np.meshgrid(np.arange(100), np.arange(100)), -1).astype(np.uint8)
    rgb[100:200, 100:200, :2], rgb[100:200, 100:200, 2] = ramp, 50
    found = pixels_of(palette_png(rgb, 240))
    outside = np.ones(rgb.shape[:2], bool)
    outside[100:200, 100:200] = False
    assert np.array_equal(found[outside], rgb[outside])
    assert len(np.unique(found.reshape(-1, 3), axis=0)) <= COLOURS
    gap = np.abs(found.astype(int) - rgb)
    assert gap.max() <= 100 / (COLOURS - EXACT) ** 0.5 * 2, "boxes of the median cut, each a tenth of the ramp wide"


def test_equal_pixels_give_equal_bytes() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    assert palette_png(rgb, 240) == palette_png(rgb.copy(), 240)
