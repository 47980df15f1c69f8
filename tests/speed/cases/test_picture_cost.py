import pytest
import torch

from bench.speed.cases import picture_cost
from bench.speed.interleave import Effort

CPU = torch.device("cpu")


def test_the_exponent_is_the_slope_of_the_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = {
        10: picture_cost.loop_of("vae_conv", 40_000, 8, CPU),
        1_000: picture_cost.loop_of("vae_conv", 40_000, 8, CPU),
    }
    monkeypatch.setattr(picture_cost, "interleave", lambda *_: [[1.0, 1.0, 1.0], [10.0, 10.0, 10.0]])
    figure = picture_cost.exponent("vae_conv", "pixels", loops, CPU, Effort(seconds=0, rounds=3))
    assert figure.ours == pytest.approx(0.5)
    assert figure.what == "vae_conv: exponent of pixels"
    assert "10: 333, 1,000: 3.33e+03" in figure.note


def test_a_real_step_of_more_pixels_takes_longer() -> None:
    loops = {side**2: picture_cost.loop_of("vae_conv", 40_000, side, CPU) for side in (8, 32)}
    figure = picture_cost.exponent("vae_conv", "pixels", loops, CPU, Effort(seconds=0, rounds=3))
    assert figure.ours is not None
    assert 0 < figure.ours < 2
