from pathlib import Path

import pytest
import torch

from bench.data.averaged import averaged, averaged_images, overlap
from bench.data.sources import data_root
from bench.setup.build import dataset
from bench.setup.compose import compose

HAS_MNIST = (data_root(None) / "mnist" / "train-images-idx3-ubyte.gz").exists()


def test_a_mean_over_areas_weighs_what_is_shared() -> None:
    assert torch.allclose(overlap(28, 8).sum(1), torch.ones(8))
    # The first coarse pixel covers three fine ones and half of the fourth.
    assert torch.allclose(overlap(28, 8)[0, :5], torch.tensor([1.0, 1.0, 1.0, 0.5, 0.0]) / 3.5)


def test_grey_stays_grey_and_levels_are_seventeen() -> None:
    white, black = (torch.full((1, 784), level, dtype=torch.uint8) for level in (255, 0))
    assert averaged(white).unique().tolist() == [16]
    assert averaged(black).unique().tolist() == [0]
    left_half = torch.zeros(1, 28, 28, dtype=torch.uint8)
    left_half[:, :, :14] = 255
    assert averaged(left_half.flatten(1)).view(8, 8)[:, [3, 4]].unique(dim=0).tolist() == [[16, 0]]


@pytest.mark.skipif(not HAS_MNIST, reason="no MNIST under the data root")
def test_it_has_the_events_of_digits() -> None:
    small, digits = dataset(compose(["data=mnist_8x8"])), dataset(compose(["data=digits"]))
    for told in ("event_shape", "kind", "levels", "image_shape"):
        assert getattr(small.spec, told) == getattr(digits.spec, told)
    assert [len(part) for part in (small.train, small.validation, small.test)] == [50_000, 10_000, 10_000]
    assert small.test.unique().tolist() == list(range(17))
    assert all(Path(path).is_file() for path in small.files)


@pytest.mark.skipif(not HAS_MNIST, reason="no MNIST under the data root")
def test_binary_pixels_come_of_the_same_levels() -> None:
    levels = averaged_images("mnist_8x8", folder="mnist")
    binary = averaged_images("mnist_8x8", folder="mnist", binary=True)
    assert torch.equal(levels.test, binary.test)
    assert binary.spec.kind == "binary"
