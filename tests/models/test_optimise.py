import copy
import math
from dataclasses import replace

import pytest
import torch

from bench.config import Optimiser
from bench.models.gaussian import Gaussian
from bench.models.optimise import GradientStep, NoStep, Trainer, clip, learning_rate
from bench.models.vae import VAE
from bench.spec import DataSpec

SETTINGS = Optimiser(learning_rate=2e-3, warmup=0.05)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.025, 0.5), (0.05, 1.0), (0.525, 0.5), (1.0, 0.0)])
def test_learning_rate(progress: float, share: float) -> None:
    assert learning_rate(SETTINGS, progress) == pytest.approx(share * 2e-3, abs=1e-9)


def test_learning_rate_rises_then_falls() -> None:
    rates = [learning_rate(SETTINGS, step / 1000) for step in range(1001)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize(("progress", "share"), [(0.05, 1.0), (0.525, 0.6), (1.0, 0.2)])
def test_learning_rate_falls_to_the_share_that_is_to_be_left(progress: float, share: float) -> None:
    assert learning_rate(replace(SETTINGS, final=0.2), progress) == pytest.approx(share * 2e-3)
    assert learning_rate(replace(SETTINGS, final=1.0), progress) == pytest.approx(2e-3)


def test_a_step_returns_the_loss_before_the_update() -> None:
    model = torch.nn.Linear(1, 1)
    model.loss = lambda x: (model(x) - 1).square().flatten()  # type: ignore[assignment]
    x = torch.ones(4, 1)
    expected = model.loss(x).mean().detach()
    step = GradientStep(model, SETTINGS)
    torch.testing.assert_close(step.step(x, 0.05), expected)
    assert model.loss(x).mean() < expected


def test_a_resumed_step_goes_on_to_the_same_parameters() -> None:
    batches = torch.randn(10, 32, 3)
    entry = VAE(DataSpec((3,)), width=20, latent_size=2)
    trainer = GradientStep(entry, SETTINGS)
    for index in range(5):
        trainer.step(batches[index], index / 10)
    saved = copy.deepcopy((entry.state_dict(), trainer.state_dict(), torch.get_rng_state()))
    for index in range(5, 10):
        trainer.step(batches[index], index / 10)

    again = VAE(DataSpec((3,)), width=20, latent_size=2)
    resumed = GradientStep(again, SETTINGS)
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    torch.set_rng_state(saved[2])
    for index in range(5, 10):
        resumed.step(batches[index], index / 10)
    assert all(torch.equal(a, b) for a, b in zip(entry.parameters(), again.parameters(), strict=True))


def test_moments_of_a_checkpoint_are_laid_as_the_weights_are() -> None:
    """Fused Adam pairs weights and moments by their places in memory, which differ where weights lie channels last."""

    def convolution() -> GradientStep:
        torch.manual_seed(0)
        model = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        model.loss = lambda x: model(x).square().flatten(1).sum(1)  # type: ignore[assignment]
        return GradientStep(model, SETTINGS)

    x = torch.randn(4, 2, 3, 6, 6)
    whole, resumed = convolution(), convolution()
    for batch in x[:2]:
        whole.step(batch, 0.3)
    resumed.entry.load_state_dict(whole.entry.state_dict())
    plain = copy.deepcopy(whole.state_dict())
    plain["state"] = {i: {name: value.contiguous() for name, value in m.items()} for i, m in plain["state"].items()}
    resumed.load_state_dict(plain)
    for batch in x[2:]:
        whole.step(batch, 0.3)
        resumed.step(batch, 0.3)
    for one, other in zip(whole.parameters, resumed.parameters, strict=True):
        assert torch.equal(one, other)


def test_no_step_says_the_loss_and_changes_nothing() -> None:
    entry, x = Gaussian(DataSpec((3,)), width=1), torch.randn(8, 3)
    trainer, before = entry.trainer(SETTINGS), copy.deepcopy(entry.state_dict())
    assert isinstance(trainer, NoStep)
    assert isinstance(trainer, Trainer)
    torch.testing.assert_close(trainer.step(x, 0.5), entry.loss(x).mean())
    trainer.load_state_dict(trainer.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in entry.state_dict().items())


@pytest.mark.parametrize("gradient", [1e-3, 0.5, 3.0, math.inf, math.nan])
def test_gradients_are_clipped_bit_for_bit_as_torch_does(gradient: float) -> None:
    torch.manual_seed(0)
    ours, theirs = ([torch.nn.Parameter(torch.ones(3, 2)), torch.nn.Parameter(torch.ones(4))] for _ in range(2))
    for parameters in (ours, theirs):
        parameters[0].grad = torch.linspace(-1, 1, 6).view(3, 2) * gradient
        parameters[1].grad = torch.full((4,), gradient / 3)
    clip(ours, 1.0)
    norm = torch.nn.utils.clip_grad_norm_(theirs, 1.0, foreach=True)
    assert (norm <= 1) == (gradient < 1)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=0, equal_nan=True)


def test_weights_decay_by_the_rate_beside_adams_own_step() -> None:
    """Decoupled: from equal weights and gradients the step with decay d ends rate · d · w below that without."""
    ends = {}
    for decay in (0.0, 3.0):
        model = torch.nn.Linear(3, 1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(2.0)
        model.loss = lambda x, model=model: model(x).square().flatten()  # type: ignore[assignment]
        step = GradientStep(model, replace(SETTINGS, warmup=0.0, weight_decay=decay))
        assert isinstance(step.adam, torch.optim.AdamW) == (decay > 0)
        step.step(torch.ones(4, 3), 0.0)
        ends[decay] = [parameter.detach().clone() for parameter in model.parameters()]
    for without, with_decay in zip(ends[0.0], ends[3.0], strict=True):
        torch.testing.assert_close(without - with_decay, torch.full_like(without, 2e-3 * 3.0 * 2.0), rtol=1e-3, atol=0)


def test_a_step_without_decay_is_adams_bit_for_bit() -> None:
    """The weights of runs without the option are those of before there was one."""
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        model.loss = lambda x, model=model: model(x).square().flatten()  # type: ignore[assignment]
        step = GradientStep(model, SETTINGS)
        if weights:
            step.adam = torch.optim.Adam(step.parameters, lr=SETTINGS.learning_rate, fused=True)
        for progress in (0.0, 0.3, 0.6):
            step.step(torch.ones(4, 3), progress)
        weights.append([parameter.detach() for parameter in model.parameters()])
    assert all(map(torch.equal, *weights))
