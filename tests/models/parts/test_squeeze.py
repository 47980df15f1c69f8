"""Squeezed pictures: every pixel once, colours of the checkerboard apart, and back."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.parts.squeeze import sides_halved, squeezed, unsqueezed
from bench.spec import DataSpec


def test_a_cell_becomes_four_channels_one_colour_of_a_checkerboard_first() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    y = squeezed(x)
    assert y.shape == (1, 4, 2, 2)
    assert y[0, :, 0, 1].tolist() == [2, 7, 3, 6]  # the cell 2 3 / 6 7
    colour = (torch.arange(4)[:, None] + torch.arange(4)) % 2
    black = squeezed(colour.float()[None, None])[0]
    assert (black[:2] == 0).all()
    assert (black[2:] == 1).all()


@pytest.mark.parametrize("shape", [(2, 1, 4, 6), (3, 3, 2, 2), (1, 5, 8, 4)])
def test_it_goes_back(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    assert torch.equal(unsqueezed(squeezed(x)), x)


def test_channels_of_colour_pictures_stay_together() -> None:
    x = torch.stack([torch.full((2, 2), float(channel)) for channel in range(3)])[None]
    assert squeezed(x).flatten().tolist() == [0, 1, 2] * 4


@pytest.mark.parametrize(
    ("shape", "levels", "fault"),
    [
        ((1, 28, 28), 3, "28x28 go 2 times: use model.levels=2"),
        ((3, 8, 6), 2, "8x6 go 1 times: use model.levels=1"),
        ((1, 7, 8), 1, "even sides"),
    ],
)
def test_sides_that_cannot_be_halved_so_often_name_the_fix(shape, levels: int, fault: str) -> None:
    with pytest.raises(NotApplicable, match=fault):
        sides_halved(DataSpec(shape, image_shape=shape), levels, "Flow")


def test_what_is_no_picture_in_its_own_shape_is_not_applicable() -> None:
    for spec in (DataSpec((4,)), DataSpec((16,), image_shape=(1, 4, 4))):
        with pytest.raises(NotApplicable, match="models pictures"):
            sides_halved(spec, 1, "Flow")
    with pytest.raises(BenchError, match=r"model\.levels=0"):
        sides_halved(DataSpec((1, 4, 4), image_shape=(1, 4, 4)), 0, "Flow")
