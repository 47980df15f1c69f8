import pytest
import torch

from bench.setup.compose import compose
from bench.speed.pixels import pixels


def test_random_pixels_have_mnists_shape(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    dataset, source = pixels(compose(["model=vae", "data=mnist_binary"]), 300)
    assert dataset.train.shape == (300, 784)
    assert dataset.train.dtype == torch.uint8
    assert source.startswith("random")
