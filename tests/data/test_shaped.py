"""A data set in its own shape is the flat one, number for number."""

import math
from dataclasses import replace

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.digits import digits
from bench.data.spaces import Binary, DequantisedLogit, Identity, Space
from bench.data.toy import toy
from bench.spec import DataSpec

CHANNELS, HEIGHT, WIDTH = 3, 2, 4
DIM = CHANNELS * HEIGHT * WIDTH
LEVELS = 17

SPACES = {
    "identity": Identity(),
    "binary": Binary(LEVELS),
    "dequantised": DequantisedLogit(LEVELS, 0.05, torch.linspace(-1, 1, DIM), torch.linspace(0.5, 2, DIM)),
}


class Normal:
    """N(0, I) on flat events."""

    def log_prob(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        return -(x.square().sum(1) + DIM * math.log(2 * math.pi)) / 2

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n dim"]:
        return torch.randn(n, DIM, generator=generator)


def pictures(space: Space) -> Dataset:
    """Small pictures of three channels, laid flat."""
    if isinstance(space, Identity):
        splits, spec = [torch.randn(n, DIM) for n in (6, 4, 5)], DataSpec((DIM,))
    else:
        splits = [torch.randint(0, LEVELS, (n, DIM), dtype=torch.uint8) for n in (6, 4, 5)]
        spec = DataSpec((DIM,), "discrete", LEVELS)
    return Dataset("pictures", spec, space, *splits, image_shape=(CHANNELS, HEIGHT, WIDTH))


@pytest.mark.parametrize("name", SPACES)
def test_noise_and_pictures_are_those_of_the_flat_data_set(name: str) -> None:
    flat = pictures(SPACES[name])
    shaped = flat.shaped()
    for split in ("train", "validation", "test"):
        raw, own = getattr(flat, split), getattr(shaped, split)
        assert own.shape == (len(raw), CHANNELS, HEIGHT, WIDTH)
        x, y = flat.fixed(raw, 3), shaped.fixed(own, 3)
        assert y.shape == own.shape
        assert torch.equal(y.flatten(1), x)
        assert torch.equal(shaped.space.to_data(y).flatten(1), flat.space.to_data(x))


@pytest.mark.parametrize("name", SPACES)
def test_one_map_written_for_flat_and_for_shaped_events_reports_the_same_nats(name: str) -> None:
    flat = pictures(SPACES[name])
    shaped = flat.shaped()
    x, y = flat.fixed(flat.test, 3), shaped.fixed(shaped.test, 3)
    log_density = -(x.square() / 2).sum(1)  # log p(x) of one and the same model, up to its constant
    log_density_shaped = -(y.square() / 2).sum((1, 2, 3))
    reported = log_density + flat.space.log_det(x)
    reported_shaped = log_density_shaped + shaped.space.log_det(y)
    assert reported_shaped.shape == (len(y),)
    # A sum over three axes may add in another order than one over a flat axis: a few roundings of 24 terms.
    torch.testing.assert_close(reported_shaped, reported, rtol=1e-6, atol=0)
    assert torch.equal(shaped.space.log_det(y), flat.space.log_det(x))


def test_a_known_density_follows_the_shape() -> None:
    flat = replace(pictures(Identity()), truth=Normal())
    shaped = flat.shaped()
    assert flat.truth is not None
    assert shaped.truth is not None
    assert torch.equal(shaped.truth.log_prob(shaped.test), flat.truth.log_prob(flat.test))
    draws = shaped.truth.sample(7, torch.Generator().manual_seed(1))
    assert draws.shape == (7, CHANNELS, HEIGHT, WIDTH)
    assert torch.equal(draws.flatten(1), flat.truth.sample(7, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("binary", [False, True])
def test_grey_pictures_have_one_channel_and_keep_everything_else(binary: bool) -> None:
    flat = digits("digits", binary=binary, labelled=100)
    shaped = flat.shaped()
    assert shaped.spec == replace(flat.spec, event_shape=(1, 8, 8))
    assert shaped.truth is None
    assert shaped.labelled is flat.labelled
    assert torch.equal(shaped.train[:, 0].flatten(1), flat.train)
    assert shaped.shaped() is shaped


def test_a_shaped_data_set_moves_with_its_space() -> None:
    moved = pictures(SPACES["dequantised"]).shaped().to(torch.device("meta"))
    assert moved.train.device.type == "meta"
    assert moved.space.to_data(torch.zeros(2, CHANNELS, HEIGHT, WIDTH, device="meta")).device.type == "meta"


def test_data_that_are_no_pictures_stay_flat() -> None:
    data = toy("moons", train=4, validation=4, test=4)
    assert data.shaped() is data
