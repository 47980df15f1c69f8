"""Pictures cut into patches and put together again."""

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.parts.patches import patched, settled_patch, unpatched
from bench.spec import DataSpec


def told(shape: tuple[int, int, int]) -> DataSpec:
    return DataSpec(shape, "discrete", 17, image_shape=shape)


def test_a_patch_is_a_square_of_all_channels() -> None:
    x = torch.arange(2 * 3 * 4 * 8).reshape(2, 3, 4, 8)
    tokens = patched(x, 2)
    assert tokens.shape == (2, 8, 12)
    assert torch.equal(tokens[:, 0].reshape(2, 3, 2, 2), x[:, :, :2, :2])
    assert torch.equal(tokens[:, 5].reshape(2, 3, 2, 2), x[:, :, 2:, 2:4])
    assert torch.equal(unpatched(tokens, 2, (3, 4, 8)), x)


@pytest.mark.parametrize(
    ("shape", "side"), [((1, 28, 28), 4), ((3, 32, 32), 4), ((1, 8, 8), 2), ((3, 4, 8), 1), ((1, 7, 7), 1)]
)
def test_an_unset_patch_leaves_four_across(shape: tuple[int, int, int], side: int) -> None:
    assert settled_patch(told(shape), None, "Mine", 4) == (shape, side)


def test_mistakes_are_named() -> None:
    assert settled_patch(told((1, 28, 28)), 7, "Mine", 4) == ((1, 28, 28), 7)
    with pytest.raises(NotApplicable, match=r"Mine: model.patch=5 does not divide 28x28 pixels: use 4"):
        settled_patch(told((1, 28, 28)), 5, "Mine", 4)
    with pytest.raises(BenchError, match=r"model.patch=0"):
        settled_patch(told((1, 28, 28)), 0, "Mine", 4)
    with pytest.raises(NotApplicable, match="models pictures"):
        settled_patch(DataSpec((64,)), None, "Mine", 4)
