import pytest
import torch
from torch import Tensor
from torchdiffeq import odeint

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.cnf import CNF
from bench.spec import DataSpec
from tests.models.helpers import perturbed

TOY = DataSpec((3,))
TIGHT = {"rtol": 1e-9, "atol": 1e-9}
WEIGHTS = {"kinetic": 0.3, "jacobian": 0.7}


def cnf(**options: object) -> CNF:
    torch.manual_seed(3)
    return perturbed(CNF(TOY, width=24, **options), 0.3)  # type: ignore[arg-type]


def seeded_loss(model: CNF, x: Tensor) -> Tensor:
    torch.manual_seed(5)
    return model.loss(x)


def gradient(model: CNF, x: Tensor) -> Tensor:
    seeded_loss(model, x).mean().backward()
    return torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("kind", [{}, {"field": "plain", "layers": 3}], ids=str)
@pytest.mark.parametrize("weights", [WEIGHTS, {"kinetic": 1.0}, {"jacobian": 1.0}], ids=str)
def test_the_penalty_is_its_integral_along_the_path(weights: dict[str, float], kind: dict[str, object]) -> None:
    """Simpson's rule on 200 steps of the path, with the Jacobian by autograd, in float64."""
    model, x = cnf(**weights, **kind, **TIGHT).double(), torch.randn(4, 3).double()
    with torch.no_grad():
        penalty = seeded_loss(model, x) - seeded_loss(cnf(**kind, **TIGHT).double(), x)
    torch.manual_seed(5)
    probe = torch.empty_like(x).bernoulli_(0.5) * 2 - 1
    times = torch.linspace(0, 1, 201, dtype=torch.double)
    path = odeint(model.field, x, times, rtol=1e-10, atol=1e-10)
    values = []
    for t, y in zip(times, path, strict=True):
        jacobian = torch.func.vmap(torch.func.jacrev(lambda v, t=t: model.field(t, v[None])[0]))(y)
        kinetic = 0.5 * model.field(t, y).square().sum(1)
        smooth = torch.einsum("bi,bij->bj", probe, jacobian).square().sum(1)
        values.append(weights.get("kinetic", 0.0) * kinetic + weights.get("jacobian", 0.0) * smooth)
    simpson = torch.ones(201, dtype=torch.double)
    simpson[1:-1:2], simpson[2:-1:2] = 4, 2
    expected = (simpson @ torch.stack(values)) / 600
    # Both solves meet 1e-9; Simpson's rule errs by h⁴ = 6e-10 times a fourth derivative.
    torch.testing.assert_close(penalty, expected, rtol=1e-6, atol=1e-7)
    assert penalty.min() > 1e-3


@pytest.mark.parametrize(
    "options", [{}, {"adjoint": True}, {"solver": "rk4", "step_size": 0.1}], ids=["dopri5", "adjoint", "rk4"]
)
def test_gradients_reach_the_penalty(options: dict[str, object]) -> None:
    x, tolerance = torch.randn(16, 3), {} if "solver" in options else {"rtol": 1e-6, "atol": 1e-6}
    ours = gradient(cnf(**WEIGHTS, **options, **tolerance), x)
    reference = gradient(cnf(**WEIGHTS, **TIGHT).double(), x.double())
    without = gradient(cnf(**TIGHT).double(), x.double())
    assert (ours - reference).norm() < 1e-3 * reference.norm()
    assert (without - reference).norm() > 0.1 * reference.norm()


def test_the_likelihood_has_no_penalty() -> None:
    plain, penalised, x = cnf(), cnf(kinetic=10.0, jacobian=10.0), torch.randn(8, 3)
    with torch.no_grad():
        assert torch.equal(plain.log_prob(x).value, penalised.log_prob(x).value)
        assert (seeded_loss(penalised, x) > seeded_loss(plain, x) + 0.1).all()


def test_without_weights_nothing_of_it_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = cnf(), torch.randn(8, 3)
    evaluations, widths = model.nfe, []
    rate = model.field.forward_and_probe

    def watched(t: Tensor, x: Tensor, probe: Tensor) -> tuple[Tensor, Tensor]:
        widths.append(x.shape[1])
        return rate(t, x, probe)

    monkeypatch.setattr(model.field, "forward_and_probe", watched)
    monkeypatch.setattr(model.field, "forward_and_vjp", lambda *_: pytest.fail("a penalty was computed"))
    model.loss(x)
    assert set(widths) == {3}
    assert len(widths) == model.nfe - evaluations


def test_the_kinetic_weight_slows_the_flow() -> None:
    """Trained on the same batches with a weight and without: the likelihood leaves the speed of a path open."""
    torch.manual_seed(0)
    batches, lengths = 0.5 * torch.randn(60, 128, 2) + torch.tensor([1.0, -1.0]), []
    for kinetic in (0.0, 0.3):
        torch.manual_seed(1)
        model = CNF(DataSpec((2,)), width=32, kinetic=kinetic, solver="rk4", step_size=0.25)
        trainer = model.trainer(Optimiser(learning_rate=1e-2))
        for step, x in enumerate(batches):
            trainer.step(x, step / len(batches))
        with torch.no_grad():
            path = odeint(model.field, batches[0], torch.linspace(0, 1, 21), method="rk4")
            lengths.append(float(path.diff(dim=0).square().sum() * 20 / 128))
    assert lengths[1] < 0.8 * lengths[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinetic": -0.1}, r"model\.kinetic=-0\.1 is not a weight"),
        ({"jacobian": float("nan")}, r"model\.jacobian=nan is not a weight"),
        ({"jacobian": float("inf")}, r"model\.jacobian=inf is not a weight"),
        ({"jacobian": 0.1, "divergence": "exact"}, r"model\.jacobian=0\.1 needs the probe"),
    ],
)
def test_bad_weights_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        CNF(TOY, width=8, **options)  # type: ignore[arg-type]
