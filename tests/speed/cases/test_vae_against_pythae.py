import sys

import pytest
import torch

from bench.config import Config
from bench.models.iwae import IWAE
from bench.models.svae import SVAE
from bench.models.vae import VAE
from bench.models.vae_conv import VAEConv
from bench.models.vae_iaf import IAFVAE
from bench.models.vampprior import VampPrior
from bench.setup.match import parameter_count
from bench.spec import DataSpec
from bench.speed.cases.vae_against_pythae import PAIRS, Pair, conv_against_pythae, samples_per_second
from bench.speed.interleave import Effort

CPU = torch.device("cpu")
PIXELS = DataSpec((20,), "binary")
PICTURES = DataSpec((1, 4, 4), "binary", image_shape=(1, 4, 4))


@pytest.fixture
def no_mnist(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))


@pytest.fixture
def pythae_vae():
    pytest.importorskip("pythae.trainers", reason="pythae is an extra: pip install pythae")
    from bench.speed.rivals import pythae_vaes

    return pythae_vaes


def shrunk():
    configs = {pair: pair.config() for pair in PAIRS}
    for config in configs.values():
        config.model["width"] = 32
        config.train.validate_every, config.train.batch_size = 2, 8
    return configs


@pytest.mark.parametrize(
    "ours",
    [
        VAE(PIXELS, width=40, latent_size=3),
        VampPrior(PIXELS, width=40, latent_size=3, components=4, pseudo_inputs="free"),
        IWAE(PIXELS, width=40, latent_size=3, samples=1),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_pythae_gets_our_layers_weights_and_loss(pythae_vae, ours) -> None:
    theirs = pythae_vae.same_layers(ours)
    assert parameter_count(theirs) == parameter_count(ours)
    x = torch.bernoulli(torch.full((50, 20), 0.3))
    torch.manual_seed(1)
    expected = ours.loss(x).mean()
    torch.manual_seed(1)
    # The same noise and the same function, written with probabilities in place of logits: float32 leaves 1e-5 a factor.
    torch.testing.assert_close(theirs({"data": x}).loss, expected, rtol=1e-4, atol=1e-4)


def test_a_convolutional_vae_has_the_same_loss_with_weights_laid_plainly(pythae_vae) -> None:
    ours = VAEConv(PICTURES, width=24, latent_size=3)
    theirs = pythae_vae.same_layers(ours)
    assert parameter_count(theirs) == parameter_count(ours)
    assert all(weight.is_contiguous() for weight in theirs.parameters())
    assert not all(weight.is_contiguous() for weight in ours.parameters())
    x = torch.bernoulli(torch.full((50, 1, 4, 4), 0.3))
    torch.manual_seed(1)
    expected = ours.loss(x).mean()
    torch.manual_seed(1)
    torch.testing.assert_close(theirs({"data": x.flatten(1)}).loss, expected, rtol=1e-4, atol=1e-4)


def test_a_shrunk_convolutional_comparison_gives_figures(pythae_vae, no_mnist, monkeypatch: pytest.MonkeyPatch) -> None:
    def shrunk_config(pair: Pair) -> Config:
        config = config_of(pair)
        config.model["width"], config.train.validate_every, config.train.batch_size = 12, 2, 8
        return config

    config_of = Pair.config
    monkeypatch.setattr(Pair, "config", shrunk_config)
    figures = list(conv_against_pythae(CPU, Effort(seconds=0, rounds=2)))
    assert [figure.case for figure in figures] == ["vae-conv-pythae"] * 2
    assert [figure.what for figure in figures] == [
        "vae_conv: training samples",
        "vae_conv, compile=step, batch 128: training samples",
    ]
    assert all(figure.ratio is not None and figure.ratio.low > 0 for figure in figures)


def test_pythaes_iwae_descends_the_gradient_of_ours(pythae_vae) -> None:
    ours = IWAE(PIXELS, width=40, latent_size=3, samples=5)
    theirs = pythae_vae.same_layers(ours)
    # Of one example alone both draw their noise in the same order.
    x = torch.bernoulli(torch.full((1, 20), 0.3))
    for model, loss in ((ours, lambda: ours.loss(x).mean()), (theirs, lambda: theirs({"data": x}).loss)):
        torch.manual_seed(1)
        model.zero_grad()
        loss().backward()
    of_theirs = [*theirs.encoder.parameters(), *theirs.decoder.parameters()]
    of_ours = [*ours.encoder.parameters(), *ours.decoder.parameters()]
    for mine, other in zip(of_ours, of_theirs, strict=True):
        torch.testing.assert_close(other.grad, mine.grad, rtol=1e-3, atol=1e-4)


def test_pythaes_sphere_has_our_layers_and_our_objective(pythae_vae) -> None:
    ours = SVAE(PIXELS, width=40, latent_size=4)
    theirs = pythae_vae.same_layers(ours)
    assert parameter_count(theirs) == parameter_count(ours)
    x = torch.bernoulli(torch.full((1, 20), 0.3)).expand(20_000, 20)
    with torch.no_grad():
        found, losses = theirs({"data": x}), ours.loss(x)
        kl = ours.posterior(x[:1]).kl()
        kl_of_theirs = theirs({"data": x}).reg_loss
    # Bessel functions of float32 arguments.
    torch.testing.assert_close(kl_of_theirs[None], kl, rtol=1e-3, atol=1e-3)
    # Two means of 20,000 draws, each by its own sampler: five standard errors of their difference.
    error = float(losses.std()) * (2 / len(x)) ** 0.5
    assert abs(float(found.loss - losses.mean())) < 5 * error + 1e-3


def test_pythaes_flow_has_the_sizes_of_ours(pythae_vae) -> None:
    ours = IAFVAE(PIXELS, width=80, latent_size=4, steps=3)
    theirs = pythae_vae.same_layers(ours)
    for mine, other in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
        assert parameter_count(other) == parameter_count(mine)
    # All that pythae's lack is the context's weights, and its masked layers have their biases.
    context = sum(step.net.context.weight.numel() for step in ours.flow.steps)
    assert parameter_count(theirs.iaf_flow) == parameter_count(ours.flow) - context


def test_every_hidden_layer_of_the_timed_models_has_256_units(pythae_vae, no_mnist: None) -> None:
    from bench.setup import build

    for pair in PAIRS:
        config = pair.config()
        entry = build.entry_of_width(config, DataSpec((784,), "binary"), None)
        sizes = {layer.out_features for layer in entry.modules() if isinstance(layer, torch.nn.Linear)}
        assert sizes - {784, 1, 16, 17, 32} == {256}
        assert pythae_vae.same_layers(entry) is not None


def test_a_shrunk_comparison_gives_a_figure_for_each_pair_and_leaves_no_files(
    pythae_vae, no_mnist: None, tmp_path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    figures = samples_per_second(shrunk(), CPU, Effort(seconds=0, rounds=2))
    names = ["vae", "iwae", "vampprior", "svae", "vae_iaf"]
    assert [figure.what for figure in figures] == [f"{name}: training samples" for name in names]
    for figure in figures:
        assert figure.ours is not None
        assert figure.theirs is not None
        assert figure.ratio is not None
        assert figure.met in {"yes", "no"}
        assert figure.note.startswith("random pixels (no train-images")
    assert "no context or gate" in figures[-1].note
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_without_pythae_each_figure_is_empty_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bench.speed.rivals.pythae_vaes", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pythae"] + ["pythae"]:
        monkeypatch.setitem(sys.modules, name, None)
    figures = samples_per_second(shrunk(), CPU, Effort(seconds=0, rounds=2))
    assert len(figures) == len(PAIRS)
    for figure in figures:
        assert figure.ours is None
        assert figure.met == ""
        assert "pythae" in figure.note
        assert "pip install pythae" in figure.note
