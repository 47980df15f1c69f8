import pytest
import torch

from bench.errors import BenchError
from bench.models.parts.coders import (
    BernoulliDecoder,
    DiagonalEncoder,
    Encoder,
    FullEncoder,
    GaussianDecoder,
    hidden_sizes,
)
from bench.models.parts.networks import ACTIVATIONS
from bench.spec import DataSpec, Kind
from tests.models.helpers import perturbed


@pytest.mark.parametrize("encoder", [DiagonalEncoder, FullEncoder])
def test_an_encoder_gives_a_law_of_each_example_by_itself(encoder: type[DiagonalEncoder | FullEncoder]) -> None:
    net, x = perturbed(encoder(Encoder(5, [7, 6]), 3)), torch.randn(4, 5)
    z = torch.randn(2, 4, 3)
    together, apart = net(x).log_prob(z), [net(x[i : i + 1]).log_prob(z[:, i : i + 1]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(apart, 1))


def test_a_full_encoder_fills_the_triangle() -> None:
    triangle = perturbed(FullEncoder(Encoder(5, [7, 6]), 4))(torch.randn(3, 5)).triangle
    assert (triangle.triu(1) == 0).all()
    assert (triangle.diagonal(dim1=1, dim2=2) > 0).all()
    assert (triangle.tril(-1) != 0).sum() == 3 * 6


def test_the_decoder_mirrors_the_encoder() -> None:
    assert hidden_sizes(DataSpec((9,), kind="binary"), 768, [2, 1]) == ([256, 128], [128, 256])
    assert hidden_sizes(DataSpec((9,)), 1024, [2, 1]) == ([256, 128], [128, 256, 256])


@pytest.mark.parametrize("shape", [[], [0, 1]])
@pytest.mark.parametrize("kind", ["continuous", "binary"])
def test_a_shape_of_no_layers_is_named_as_it_was_given(shape: list[int], kind: Kind) -> None:
    with pytest.raises(BenchError) as raised:
        hidden_sizes(DataSpec((9,), kind=kind), 64, shape)
    assert str(raised.value).startswith(f"model.shape={shape} is")


def test_the_activation_is_the_one_asked_for() -> None:
    for name, kind in ACTIVATIONS.items():
        nets = [DiagonalEncoder(Encoder(2, [3, 3], name), 2), GaussianDecoder(2, [3, 3, 3], 2, name)]
        nets.append(BernoulliDecoder(2, [3, 3], 2, name))
        for net in nets:
            used = {type(module) for module in net.modules()} & set(ACTIVATIONS.values())
            assert used == {kind}


def test_gaussian_decoder_scores_x_under_what_it_predicts() -> None:
    decoder = perturbed(GaussianDecoder(2, [8, 6, 5], 3))
    x, z = torch.randn(4, 3), torch.randn(10, 4, 2)
    mean, log_scale = decoder(z)
    law = torch.distributions.Independent(torch.distributions.Normal(mean, log_scale.exp()), 1)
    torch.testing.assert_close(decoder.log_prob(x, z), law.log_prob(x))


def test_gaussian_decoder_draws_what_it_predicts() -> None:
    decoder = perturbed(GaussianDecoder(2, [8, 6, 5], 3))
    z = torch.randn(1, 2)
    mean, log_scale = decoder(z)
    x = decoder.sample(z.expand(40_000, 2))
    # Five standard errors of a mean and of a standard deviation over 40,000 draws.
    assert ((x.mean(0) - mean[0]).abs() < 5 * log_scale[0].exp() / 200).all()
    assert ((x.std(0).log() - log_scale[0]).abs() < 5 / 280).all()


def test_bernoulli_decoder_is_a_bernoulli_law() -> None:
    decoder = perturbed(BernoulliDecoder(2, [8, 6], 3))
    x, z = torch.randint(0, 2, (4, 3)).float(), torch.randn(10, 4, 2)
    law = torch.distributions.Independent(torch.distributions.Bernoulli(probs=decoder.mean(z)), 1)
    torch.testing.assert_close(decoder.log_prob(x, z), law.log_prob(x.expand(10, 4, 3)), rtol=1e-4, atol=1e-5)
