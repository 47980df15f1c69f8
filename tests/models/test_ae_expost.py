import copy
import itertools
from typing import Any, get_args, get_type_hints

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.ae import AE
from bench.models.ae_expost import DENSITIES, AEExPost
from bench.spec import DataSpec

DATA = DataSpec((4,))
X = torch.randn(300, 4, generator=torch.Generator().manual_seed(5)) * torch.tensor([2.0, 1.0, 1.0, 0.3]) + 1
every_density = pytest.mark.parametrize("density", DENSITIES)


def expost(density: str, **options: Any) -> AEExPost:
    torch.manual_seed(3)
    return AEExPost(DATA, **{"width": 64, "latent_size": 2, "density": density, **options})


def trained(model: AE, steps: int = 20) -> AE:
    trainer = model.trainer(Optimiser(learning_rate=1e-2))
    torch.manual_seed(4)
    for step in range(steps):
        trainer.step(X[torch.randint(300, (64,))], step / steps)
    return model


def test_the_options_are_those_of_the_signature() -> None:
    assert get_args(get_type_hints(AEExPost.__init__)["density"]) == tuple(DENSITIES)


@every_density
def test_finish_follows_from_the_seed_and_survives_a_load(density: str) -> None:
    first, second = trained(expost(density)), trained(expost(density))
    for model in (first, second):
        torch.manual_seed(1)
        model.finish(X)
    fresh = expost(density)
    fresh.load_state_dict(copy.deepcopy(first.state_dict()))
    for other in (second, fresh):
        for name, value in first.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name
        torch.manual_seed(2)
        drawn = first.sample(50)
        torch.manual_seed(2)
        assert torch.equal(drawn, other.sample(50))
    assert first.decoder.scale != 1


@every_density
def test_the_prior_is_the_fitted_density_of_the_codes(density: str) -> None:
    model = trained(expost(density), steps=150)
    model.finish(X)
    with torch.no_grad():
        z = model.encode(X)
        own, standard = model.log_prior(z), AE.log_prior(model, z)
        draws = model.prior_sample(4000)
    assert own.mean() > standard.mean()
    torch.testing.assert_close(model.log_prior(z.view(3, 100, 2)), own.view(3, 100), rtol=1e-5, atol=1e-5)
    # The flow was trained for a moment only, and kernels widen the law by a bandwidth: the place, and the size roughly.
    assert ((draws.mean(0) - z.mean(0)).abs() < 0.3 * z.std(0)).all()
    assert ((draws.std(0) / z.std(0)).log().abs() < 0.35).all()


@every_density
def test_the_density_does_not_touch_the_autoencoder(density: str) -> None:
    model = expost(density)
    plain = AE(DATA, width=64 - 16 * (density == "flow"), latent_size=2)
    weights = {name: value for name, value in model.state_dict().items() if not name.startswith("density.")}
    plain.load_state_dict(copy.deepcopy(weights))
    trained(model), trained(plain)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_every_parameter_of_the_flow_learns_and_counts() -> None:
    model = expost("flow")
    before = copy.deepcopy(dict(model.named_parameters()))
    assert any(name.startswith("density.flow.") for name in before)
    trained(model)
    for name, parameter in model.named_parameters():
        assert not torch.equal(parameter, before[name]), name


def test_the_flows_training_resumes() -> None:
    straight, resumed = expost("flow"), expost("flow")
    first, second = straight.trainer(Optimiser()), resumed.trainer(Optimiser())
    first.step(X, 0.1)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for trainer in (first, second):
        trainer.step(X, 0.2)
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in straight.state_dict().items())


def test_a_mixture_has_ten_components_unless_told() -> None:
    assert len(expost("mixture").state_dict()["density.weights"]) == 10
    assert len(expost("mixture", components=3).state_dict()["density.weights"]) == 3
    assert len(expost("gaussian").state_dict()["density.weights"]) == 1


def test_a_mixture_of_more_components_than_codes_is_refused_before_training() -> None:
    model = expost("mixture", components=30)
    model.check_training(batch_size=1, finish_examples=30)
    with pytest.raises(BenchError, match=r"model\.components=30: there are 29 codes to fit"):
        model.check_training(batch_size=64, finish_examples=29)


def test_a_flow_takes_a_fourth_of_the_width() -> None:
    counts = [sum(p.numel() for p in expost("flow", width=width).parameters()) for width in range(200, 240)]
    assert all(0 <= after - before < 0.04 * before for before, after in itertools.pairwise(counts))
    assert counts[0] < counts[-1]


BAD: list[tuple[str, dict[str, Any]]] = [
    ("density", {"density": "gausian"}),
    (r"model\.components=0", {"components": 0}),
    (r"model\.components=-3", {"components": -3}),
    (r"model\.components=-3 has no meaning with model\.density=kde", {"density": "kde", "components": -3}),
    (r"model\.components=10 has no meaning with model\.density=flow", {"density": "flow", "components": 10}),
    (r"model\.components=1 has no meaning with model\.density=gaussian", {"density": "gaussian", "components": 1}),
    ("layers", {"density": "flow", "flow_layers": 0}),
    ("latent_size", {"density": "flow", "latent_size": 1}),
    ("latent_size", {"latent_size": 0}),
]


@pytest.mark.parametrize(("named", "options"), BAD, ids=str)
def test_bad_options_are_named(named: str, options: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match=named):
        expost(**{"density": "mixture", **options})
