import sys

import pytest
import torch

from bench.match import parameter_count
from bench.models.vae import VAE
from bench.spec import DataSpec
from bench.speed.interleave import Effort
from bench.speed.loops import endless
from bench.speed.vae_pythae import OURS, pixels, samples_per_second

CPU = torch.device("cpu")
SHRUNK = [*OURS, "model.width=16", "train.validate_every=2", "train.batch_size=8"]


@pytest.fixture
def no_mnist(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))


def test_pythae_gets_our_layers_weights_and_loss() -> None:
    pytest.importorskip("pythae.trainers", reason="pythae is an extra: pip install pythae")
    from bench.speed.pythae_vae import same_layers

    ours = VAE(DataSpec((20,), "binary"), width=40, latent_size=3)
    theirs = same_layers(ours)
    assert parameter_count(theirs) == parameter_count(ours)
    x = torch.bernoulli(torch.full((50, 20), 0.3))
    torch.manual_seed(1)
    expected = ours.loss(x).mean()
    torch.manual_seed(1)
    # The same noise and the same function, written with probabilities in place of logits: float32 leaves 1e-5 a factor.
    torch.testing.assert_close(theirs({"data": x}).loss, expected, rtol=1e-4, atol=1e-4)


def test_a_shrunk_comparison_gives_a_figure_and_leaves_no_files(
    no_mnist: None, tmp_path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pythae.trainers", reason="pythae is an extra: pip install pythae")
    monkeypatch.chdir(tmp_path)
    figure = samples_per_second(endless(SHRUNK), CPU, Effort(seconds=0, rounds=2))
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert figure.met in {"yes", "no"}
    assert figure.note.startswith("random pixels (no train-images")
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_without_pythae_the_figure_is_empty_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bench.speed.pythae_vae", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "pythae"] + ["pythae"]:
        monkeypatch.setitem(sys.modules, name, None)
    figure = samples_per_second(endless(SHRUNK), CPU, Effort(seconds=0, rounds=2))
    assert figure.ours is None
    assert figure.met == ""
    assert "pythae" in figure.note
    assert "pip install pythae" in figure.note


def test_random_pixels_have_mnists_shape(no_mnist: None) -> None:
    dataset, source = pixels(endless(SHRUNK), 300)
    assert dataset.train.shape == (300, 784)
    assert dataset.train.dtype == torch.uint8
    assert source.startswith("random")
