import copy
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.metrics.ais import Annealing
from bench.metrics.likelihood import estimate
from bench.models.entry import HasDecoder, HasLatent, HasLogProb, HasLogWeights
from bench.models.gan import CRITIC_STEPS, GAN, PENALTY, AdversarialSteps
from bench.models.parts.importance import iwae
from bench.spec import DataSpec
from bench.training.checkpoint import load_state, save_state

PLANE = DataSpec((2,))
every_objective = pytest.mark.parametrize("objective", CRITIC_STEPS)


def gan(data: DataSpec = PLANE, **options) -> GAN:
    return GAN(data, **{"width": 48, "latent_size": 2, **options})


def linear(net: nn.Sequential) -> nn.Linear:
    last = net[-1]
    assert isinstance(last, nn.Linear)
    return last


def steered(discriminator: nn.Sequential, slope: Tensor) -> nn.Module:
    """D(x) = slope · x, whatever the net was."""
    layer = nn.Linear(len(slope), 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(slope[None])
    return layer


def test_the_loss_is_the_surprise_that_x_is_real() -> None:
    entry, x = gan(), torch.randn(6, 2)
    expected = nn.functional.binary_cross_entropy_with_logits(entry.score(x), torch.ones(6), reduction="none")
    torch.testing.assert_close(entry.loss(x), expected)
    critic = gan(objective="wgan_gp")
    assert torch.equal(critic.loss(x), -critic.score(x))


def test_the_discriminator_pays_as_a_classifier_of_real_and_generated() -> None:
    entry, score = gan(), torch.randn(6)
    fakes = nn.functional.binary_cross_entropy_with_logits(score, torch.zeros(6), reduction="none")
    torch.testing.assert_close(entry.cost(-score), fakes)


def test_the_penalty_is_that_of_a_known_slope() -> None:
    entry, x = gan(objective="wgan_gp"), torch.randn(5, 2)
    for slope, expected in ((torch.tensor([0.6, 0.8]), 0.0), (torch.tensor([3.0, 0.0]), PENALTY * 4)):
        entry.discriminator = steered(entry.discriminator, slope)
        # Float32: a square of 1e-7.
        torch.testing.assert_close(entry.penalty(x, x + 1), torch.tensor(expected), rtol=1e-5, atol=1e-6)


@every_objective
def test_the_players_take_turns_and_every_parameter_moves(objective: str) -> None:
    entry = gan(objective=objective)
    trainer, turn = entry.trainer(Optimiser()), CRITIC_STEPS[objective]
    fresh = {name: value.detach().clone() for name, value in entry.named_parameters()}
    for step in range(1, turn + 1):
        trainer.step(torch.randn(64, 2), 0.5)
        moved = {name for name, value in entry.named_parameters() if not torch.equal(value, fresh[name])}
        expected = ("discriminator", "generator") if step == turn else ("discriminator",)
        assert moved == {name for name in fresh if name.startswith(expected)}


@every_objective
def test_a_step_leaves_no_gradient_in_the_other_player(objective: str) -> None:
    entry = gan(objective=objective)
    trainer = entry.trainer(Optimiser())
    assert isinstance(trainer, AdversarialSteps)
    trainer.update(trainer.discriminator, entry.loss(entry.sample(8)).mean(), 0.5)
    assert all(parameter.grad is None for parameter in entry.generator.parameters())
    trainer.discriminator.zero_grad()
    trainer.update(trainer.generator, entry.loss(entry.sample(8)).mean(), 0.5)
    assert all(parameter.grad is None for parameter in entry.discriminator.parameters())


@every_objective
def test_a_killed_game_goes_on_bit_for_bit(objective: str, tmp_path: Path) -> None:
    """Stopped in the middle of the critic's turns, through the file that a checkpoint is."""
    x = torch.randn(12, 32, 2)
    straight = gan(objective=objective)
    trainer = straight.trainer(Optimiser())
    for batch in x[:7]:
        trainer.step(batch, 0.3)
    save_state(tmp_path / "game", {"entry": dict(straight.state_dict()), "trainer": trainer.state_dict()})
    state = load_state(tmp_path / "game")
    assert state is not None
    resumed = gan(objective=objective)
    second = resumed.trainer(Optimiser())
    resumed.load_state_dict(state["entry"])
    second.load_state_dict(state["trainer"])
    for player, owner in ((straight, trainer), (resumed, second)):
        torch.manual_seed(7)
        losses = [owner.step(batch, 0.6) for batch in x[7:]]
        assert all(loss.isfinite() for loss in losses), player
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize(("objective", "rate"), [("non_saturating", 5e-3), ("wgan_gp", 2e-2)])
def test_samples_move_to_the_data(objective: str, rate: float) -> None:
    """The data lie 2 and more away from where a fresh generator's samples do."""
    entry = gan(objective=objective)
    assert (entry.sample(500).mean(0) - torch.tensor([3.0, 0.0])).norm() > 2
    trainer = entry.trainer(Optimiser(learning_rate=rate))
    for step in range(500):
        trainer.step(0.5 * torch.randn(64, 2) + torch.tensor([3.0, 0.0]), step / 500)
    x = entry.sample(2000)
    # A game circles around its end: a quarter of the distance is allowed, and half or double the spread of 0.5.
    assert (x.mean(0) - torch.tensor([3.0, 0.0])).norm() < 0.75
    assert 0.25 < x.std(0).mean() < 1.0


def test_it_has_a_decoder_but_no_likelihood_and_no_encoder() -> None:
    entry = gan()
    assert isinstance(entry, HasDecoder)
    assert not isinstance(entry, (HasLogProb, HasLogWeights, HasLatent))
    assert estimate(entry, torch.randn(4, 2), importance_samples=3, batch_rows=10) is None


def test_the_noise_model_is_gaussian_around_what_is_sampled() -> None:
    entry, x = gan(DataSpec((2, 3)), noise_scale=0.3), torch.randn(5, 2, 3)
    torch.manual_seed(2)
    z = entry.prior_sample(5)
    torch.manual_seed(2)
    expected = Normal(entry.sample(5), 0.3).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(entry.log_likelihood(x, z), expected)
    torch.testing.assert_close(entry.log_prior(z), Normal(0, 1).log_prob(z).sum(1))


def test_annealing_gives_the_likelihood_of_noisy_samples() -> None:
    entry = gan(noise_scale=0.5)
    with torch.no_grad():
        x = entry.sample(30) + 0.5 * torch.randn(30, 2)
        z = entry.prior_sample(20_000)[:, None].expand(-1, 30, -1)
        drawn = iwae(entry.log_likelihood(x, z).double())
    found = estimate(entry, x, importance_samples=1, batch_rows=2_000, annealing=Annealing(16, 60))
    assert found is not None
    variance = found.standard_error.square() + drawn.standard_error.square()
    # 4.5 standard errors of the mean of 30, and the bias, half a variance, of the logarithms.
    gap = (found.log_prob - drawn.value).mean().abs()
    assert gap < 4.5 * (variance.mean() / 30).sqrt() + variance.mean() / 2


def test_the_noise_scale_is_fitted_to_what_samples_leave() -> None:
    entry = gan(DataSpec((5,)))
    with torch.no_grad():
        linear(entry.generator.net).weight.zero_()
    x = linear(entry.generator.net).bias.detach() + 0.37 * torch.randn(2_000, 5)
    entry.finish(x)
    # All samples are one point: the scale is the root mean square of 10,000 residuals, known to 0.7 %.
    torch.testing.assert_close(entry.generator.scale, torch.tensor(0.37), rtol=0.03, atol=0)
    fixed = gan(DataSpec((5,)), noise_scale=0.2)
    fixed.finish(x)
    torch.testing.assert_close(fixed.generator.scale, torch.tensor(0.2))


def test_the_fitted_scale_is_that_of_the_mixture_and_not_of_the_nearest_sample() -> None:
    """Samples of two far points and data that spread around both."""
    entry = gan(DataSpec((1,)))
    entry.prior_sample = lambda n: (torch.arange(n)[:, None] % 2).float().expand(n, 2)
    entry.generator.net = nn.Linear(2, 1, bias=False)
    nn.init.constant_(entry.generator.net.weight, 5.0)
    centres = 10.0 * (torch.rand(2_000, 1) < 0.5)
    entry.finish(centres + 1.5 * torch.randn(2_000, 1))
    # 2,000 residuals give the scale to 1.6 %; 4.5 of that.
    torch.testing.assert_close(entry.generator.scale, torch.tensor(1.5), rtol=0.07, atol=0)


def test_samples_that_are_not_numbers_have_no_noise_scale() -> None:
    entry = gan()
    with torch.no_grad():
        linear(entry.generator.net).bias.fill_(math.nan)
    with pytest.raises(Diverged, match="noise scale"):
        entry.finish(torch.randn(20, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "wgan"}, "unknown objective 'wgan' in model.objective; did you mean wgan_gp?"),
        ({"noise_scale": 0.0}, "model.noise_scale=0.0 is not a standard deviation: give more than 0, or null"),
        ({"latent_size": 0}, "model.latent_size=0 is not a size: give 1 to 1000000"),
        ({"activation": "sine"}, "unknown activation 'sine'"),
    ],
)
def test_bad_options_are_refused_on_one_line(options: dict, message: str) -> None:
    with pytest.raises(BenchError) as raised:
        gan(**options)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_sampling_and_loss_change_no_state() -> None:
    entry = gan().eval()
    before = copy.deepcopy(entry.state_dict())
    with torch.inference_mode():
        entry.sample(4), entry.loss(torch.randn(3, 2))
    assert all(torch.equal(before[name], value) for name, value in entry.state_dict().items())
