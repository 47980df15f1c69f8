import pytest
import torch

from bench.errors import BenchError
from bench.metrics.sharpness import laplacian_variance


def test_white_noise_has_twenty_times_the_pixels_variance() -> None:
    """The Laplacian's weights are -4 and four times 1: the sum of their squares is 20."""
    images = torch.randn(400, 900) * 0.1
    # 400 x 784 values, correlated with few neighbours: the relative error of their variance is below 1 %.
    assert laplacian_variance(images, (30, 30)) == pytest.approx(20 * 0.01, rel=0.03)


def test_a_slope_is_not_sharp_and_blur_takes_sharpness_away() -> None:
    ramp = torch.linspace(0, 1, 8).repeat(8, 1)[None]
    assert laplacian_variance(ramp, (8, 8)) == pytest.approx(0, abs=1e-12)
    images = torch.rand(50, 1, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1)
    assert laplacian_variance(blurred, (16, 16)) < 0.1 * laplacian_variance(images, (16, 16))


def test_channels_count_as_images() -> None:
    images = torch.rand(5, 3, 6, 6)
    assert laplacian_variance(images, (3, 6, 6)) == pytest.approx(laplacian_variance(images.flatten(0, 1), (6, 6)))


def test_a_single_stroke_by_hand() -> None:
    """One white pixel in the middle of 5 x 5: of 9 inner values one is -4, four are 1, four are 0; their mean is 0."""
    image = torch.zeros(1, 5, 5)
    image[0, 2, 2] = 1
    assert laplacian_variance(image, (5, 5)) == pytest.approx(20 / 9)


def test_images_too_small_are_refused() -> None:
    with pytest.raises(BenchError, match="3 x 3"):
        laplacian_variance(torch.rand(2, 4), (2, 2))
