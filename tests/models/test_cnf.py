import math

import pytest
import torch
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.models.cnf import CNF
from bench.models.parts import ode_solver
from bench.models.parts.ode_solver import ADAPTIVE, FIXED_GRID
from bench.spec import DataSpec
from tests.models.helpers import perturbed

TOY = DataSpec((3,))


def cnf(**options: object) -> CNF:
    torch.manual_seed(3)
    return perturbed(CNF(TOY, width=24, **options), 0.3)  # type: ignore[arg-type]


def gradient(model: CNF, x: Tensor) -> Tensor:
    torch.manual_seed(5)
    model.loss(x).mean().backward()
    return torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])


TIGHT = {"rtol": 1e-9, "atol": 1e-9}
FIELDS = [{"field": "plain"}, {"layers": 3}, {"field": "plain", "layers": 1}]


@pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({}, 1e-2),
        ({"rtol": 1e-6, "atol": 1e-6}, 1e-4),
        ({"rtol": 1e-6, "atol": 1e-6, "adjoint": True}, 1e-4),
        ({"solver": "rk4", "step_size": 0.1}, 1e-3),
        ({"solver": "rk4", "step_size": 0.1, "adjoint": True}, 1e-3),
        *[({"rtol": 1e-6, "atol": 1e-6, **kind}, 1e-4) for kind in FIELDS],
    ],
    ids=["default", "tight", "adjoint", "rk4", "rk4-adjoint", "plain", "deep", "shallow"],
)
def test_gradients_of_training(options: dict[str, object], tolerance: float, divergence: str) -> None:
    """Relative distance of the whole gradient to that of a far tighter float64 solve with the same probe."""
    x = torch.randn(16, 3)
    ours = gradient(cnf(divergence=divergence, **options), x)
    kind = {name: options[name] for name in ("field", "layers") if name in options}
    reference = gradient(cnf(divergence=divergence, **kind, **TIGHT).double(), x.double())
    assert (ours - reference).norm() < tolerance * reference.norm()


@pytest.mark.parametrize("options", [{}, *FIELDS], ids=str)
def test_hutchinson_loss_is_unbiased(options: dict[str, object]) -> None:
    model, x, probes = cnf(rtol=1e-6, atol=1e-6, **options), torch.randn(1, 3), 20_000
    with torch.no_grad():
        losses = model.loss(x.expand(probes, 3))
        exact = -model.log_prob(x).value
    assert losses.std() > 1e-3
    # Five standard errors, and the evaluation's tolerance.
    assert (losses.mean() - exact).abs() < 5 * losses.std() / math.sqrt(probes) + 1e-4


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_log_density_at_evaluation_tolerance_against_a_tight_solve(scale: float) -> None:
    x = scale * torch.randn(500, 3)
    with torch.inference_mode():
        ours = cnf().log_prob(x).value
        reference = cnf(eval_rtol=1e-10, eval_atol=1e-10).double().log_prob(x.double()).value
    torch.testing.assert_close(ours.double(), reference, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("dim", "scale"), [(3, 0.3), (3, 1.0), (64, 0.5)])
def test_the_reference_is_off_by_less_than_the_rounding_of_what_it_is_held_against(dim: int, scale: float) -> None:
    model, x = perturbed(CNF(DataSpec((dim,)), width=24), scale), torch.randn(128, dim)
    with torch.no_grad():
        reference = float(model.reference_log_prob(x).mean())
        tighter = CNF(DataSpec((dim,)), width=24, eval_rtol=1e-11, eval_atol=1e-11).double()
        tighter.load_state_dict(model.state_dict())
        gap = abs(reference - float(tighter.log_prob(x.double()).value.mean()))
    assert gap < 2**-24 * abs(reference)


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_a_rough_density_has_the_mean_of_the_exact_one_for_less(scale: float) -> None:
    """Off by a tenth of what voids a row at most."""
    model, x = perturbed(CNF(TOY, width=24), scale), torch.randn(256, 3)
    with torch.no_grad():
        exact, of_exact = model.log_prob(x), model.nfe
        rough, of_rough = model.rough_log_prob(x), model.nfe - of_exact
    assert abs(float((rough.value - exact.value).mean())) < 1e-3
    assert of_rough < of_exact
    assert rough.estimator == "ode-exact(rtol=0.001)"
    coarse = CNF(TOY, width=24, eval_rtol=1e-2, eval_atol=1e-2)
    assert coarse.rough_log_prob(x).estimator == "ode-exact(rtol=0.01)"


def test_a_linear_field_gives_the_gaussian_of_its_matrix_exponential() -> None:
    """With small weights tanh is linear: dx/dt = A x takes x to exp(A) x and adds trace(A)."""
    model = CNF(TOY, width=6, eval_rtol=1e-9, eval_atol=1e-9).double()
    field, matrix = model.field, torch.randn(3, 3, dtype=torch.double)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.zero_()
        small = 1e-5 * torch.eye(3, dtype=torch.double)
        # Gates are sigmoid(0) = 1/2 in each of the three layers.
        for weight, value in zip(field.weights, (small, small / 1e-5, matrix * 8 / 1e-5), strict=True):
            weight.copy_(value)
    x = torch.randn(5, 3, dtype=torch.double)
    z = x @ torch.linalg.matrix_exp(matrix).T
    torch.testing.assert_close(model.encode(x), z, rtol=1e-6, atol=1e-6)
    expected = torch.distributions.Normal(0, 1).log_prob(z).sum(1) + matrix.trace()
    torch.testing.assert_close(model.log_prob(x).value, expected, rtol=1e-6, atol=1e-6)


def test_new_fields_left_the_first_as_it_was() -> None:
    """Names and shapes of its weights, its first random draws and its loss, as they were when it was the only one."""
    torch.manual_seed(0)
    model = CNF(DataSpec((5,)), width=24)
    assert {name: tuple(weight.shape) for name, weight in model.state_dict().items()} == {
        "field.bias": (29,),
        "field.gate_slope": (29,),
        "field.gate_offset": (29,),
        "field.shift_slope": (29,),
        "field.weights.0": (12, 5),
        "field.weights.1": (12, 12),
        "field.weights.2": (5, 12),
    }
    trainer, x = model.trainer(Optimiser()), torch.randn(16, 5)
    losses = [float(trainer.step(x, i / 10)) for i in range(5)]
    # float32 after five steps, each of which moves the loss by 1e-3; other draws move it by more.
    assert losses == pytest.approx([6.8356848, 6.8354383, 6.8322859, 6.8293452, 6.8272347], abs=1e-5)


@pytest.mark.parametrize("options", [{}, *FIELDS], ids=str)
def test_width_is_spread_over_the_layers(options: dict[str, object]) -> None:
    model = CNF(TOY, width=24, **options)  # type: ignore[arg-type]
    layers = options.get("layers", 2)
    assert [len(weight) for weight in model.field.weights] == [24 // layers] * layers + [3]


def test_nfe_counts_evaluations_of_the_field() -> None:
    calls = 0

    def counted(*_: object) -> None:
        nonlocal calls
        calls += 1

    model = cnf(solver="rk4", step_size=0.25)
    model.field.register_forward_hook(counted)
    model.loss(torch.randn(4, 3))
    assert model.nfe == 16
    model.sample(4)
    assert calls == model.nfe - 16 > 0


def test_the_estimator_names_its_tolerance() -> None:
    assert CNF(TOY, width=4).log_prob(torch.zeros(1, 3)).estimator == "ode-exact(rtol=1e-5)"
    assert cnf(eval_rtol=1e-3).log_prob(torch.zeros(1, 3)).estimator == "ode-exact(rtol=0.001)"


@pytest.mark.parametrize("solver", ADAPTIVE + FIXED_GRID)
def test_every_solver_trains(solver: str) -> None:
    model = cnf(solver=solver, step_size=0.5 if solver in FIXED_GRID else None)
    loss = model.trainer(Optimiser()).step(torch.randn(8, 3), 0.1)
    assert torch.isfinite(loss)


@pytest.mark.parametrize("adjoint", [False, True])
def test_a_field_that_blows_up_is_divergence(adjoint: bool) -> None:
    model = CNF(TOY, width=8, activation="softplus", adjoint=adjoint)
    with torch.no_grad():
        for weight in model.field.weights:
            weight.fill_(1e4)
    with pytest.raises(Diverged, match="solver stopped near t="):
        model.log_prob(torch.ones(2, 3))
    with pytest.raises(Diverged, match="solver stopped near t="):
        model.trainer(Optimiser()).step(torch.ones(2, 3), 0.1)


def test_a_stiff_backward_solve_is_divergence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steep gates and a steep field: about 20 steps forward and 45 back, with a limit between them."""
    monkeypatch.setattr(ode_solver, "MAX_STEPS", 30)
    torch.manual_seed(3)
    model, x = perturbed(CNF(TOY, width=24, adjoint=True), 8.0), torch.ones(2, 3)
    assert torch.isfinite(model.loss(x)).all()
    with pytest.raises(Diverged, match=r"max_num_steps exceeded$"):
        model.trainer(Optimiser()).step(x, 0.1)


def test_a_nan_is_divergence() -> None:
    with pytest.raises(Diverged):
        cnf().log_prob(torch.full((2, 3), math.nan))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "dopri55"}, "did you mean dopri5"),
        ({"divergence": "hutch"}, "did you mean hutchinson"),
        ({"activation": "tahn"}, "did you mean tanh"),
        ({"field": "plane"}, r"unknown field 'plane' in model\.field; did you mean plain"),
        ({"layers": 0}, r"model\.layers=0 is not a number of hidden layers: give at least 1"),
        ({"rtol": 0.0}, "rtol=0.0"),
        ({"eval_atol": math.nan}, "eval_atol=nan"),
        ({"solver": "rk4"}, "give model.step_size"),
        ({"step_size": 0.1}, "no meaning for the adaptive solver dopri5"),
        ({"solver": "rk4", "step_size": 2.0}, "step_size=2.0"),
        ({"width": 0}, "width=0"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        CNF(TOY, **{"width": 8, **options})  # type: ignore[arg-type]
