"""Files of plots: formats, bytes, colours."""

import io

import numpy as np
from matplotlib import style
from matplotlib.figure import Figure
from PIL import Image

from bench.report.plot import COLUMN, DPI, PAGE
from bench.report.style import RC, Drawing, figure, png, rendered, titled


def drawn() -> Figure:
    fig = figure(COLUMN, 2.0)
    axes = fig.add_axes((0.1, 0.1, 0.8, 0.6))
    axes.fill_between([0, 1], [0, 1], [1, 2], alpha=0.3)
    axes.plot([0, 1], [0, 1])
    titled(fig, "some data", "what is shown")
    return fig


def files(formats: tuple[str, ...]) -> dict[str, bytes]:
    with style.context(["default", RC]):
        return rendered(Drawing("name", "some data", "title", "alt", "caption", drawn()), formats).files


def test_equal_figures_give_equal_bytes_in_every_format() -> None:
    found = files(("svg", "pdf"))
    assert found == files(("svg", "pdf"))
    assert found.keys() == {"png", "svg", "pdf"}
    assert files(()).keys() == {"png"}
    assert found["pdf"].startswith(b"%PDF")
    assert b"CreationDate" not in found["pdf"]
    text = found["svg"].decode()
    assert "<dc:date>" not in text
    assert "some data" in text
    assert "what is shown" in text


def test_pixels_are_of_a_palette_and_as_many_as_a_column_of_a_paper_has() -> None:
    with Image.open(io.BytesIO(files(())["png"])) as image:
        assert image.mode == "P"
        assert image.size == (round(COLUMN * DPI), 2 * DPI)
        assert np.asarray(image.convert("RGB"))[0, 0].tolist() == [255, 255, 255]
    assert 3 < COLUMN < 3.5
    assert 6.5 < PAGE < 7.2


def test_a_file_holds_no_time_and_no_software() -> None:
    pixels = files(())["png"]
    assert b"tIME" not in pixels
    assert b"Software" not in pixels


def test_a_height_that_rounding_leaves_under_a_pixel_is_drawn() -> None:
    """Sums of inches, such as 2.8499999999999996, are rounded by the canvas and not by us."""
    for height in (2.8499999999999996, 2.6374999999999997):
        with style.context(["default", RC]), Image.open(io.BytesIO(png(figure(PAGE, height)))) as picture:
            assert picture.size == (round(PAGE * DPI), round(height * DPI))
