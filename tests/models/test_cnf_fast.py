import math
from typing import Any

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError, Diverged
from bench.models.cnf import CNF
from bench.models.cnf_fast import CNFFast, cut
from bench.spec import DataSpec
from tests.models.helpers import perturbed

DATA = DataSpec((2, 3))


def fast(data: DataSpec = DATA, noise: float = 0.4, **options: Any) -> CNFFast:
    return perturbed(CNFFast(data, width=40, **options), noise)


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_weights_and_likelihoods_are_those_of_cnf(activation: str) -> None:
    """1e-4 nats a coordinate, both solvers at their tolerance of 1e-5."""
    ours, theirs = fast(activation=activation), CNF(DATA, width=40, activation=activation)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(32, 2, 3)
    with torch.no_grad():
        assert (ours.log_prob(x).value - theirs.log_prob(x).value).abs().max() < 1e-4 * 6
        torch.testing.assert_close(ours.encode(x), theirs.encode(x), rtol=0, atol=1e-4)
        torch.testing.assert_close(ours.decode(ours.encode(x)), x, rtol=0, atol=1e-4)
    ours.load_state_dict(theirs.state_dict())


def test_a_rough_density_has_the_mean_of_the_exact_one_for_less() -> None:
    """Off by half of what voids a row at most, in a field far wilder than a trained one."""
    model, x = fast(noise=1.0), torch.randn(256, 2, 3)
    with torch.no_grad():
        exact, of_exact = model.log_prob(x).value, model.nfe
        rough, of_rough = model.rough_log_prob(x).value, model.nfe - of_exact
    assert abs(float((rough - exact).mean())) < 5e-3
    assert of_rough < of_exact


def test_a_fresh_entry_begins_where_cnf_does() -> None:
    states = []
    for cls in (CNF, CNFFast):
        torch.manual_seed(3)
        states.append(cls(DATA, width=40).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


@pytest.mark.parametrize("tableau", ["euler", "rk4", "dopri5"])
def test_the_loss_tends_to_the_nll_with_the_steps(tableau: str) -> None:
    x = torch.randn(16, 2, 3)
    gaps = []
    for steps in (2, 64):
        torch.manual_seed(0)
        model = fast(tableau=tableau, steps=steps)
        with torch.no_grad():
            gaps.append(float((model.loss(x) + model.reference_log_prob(x)).abs().max()))
    assert gaps[1] < 0.1 * gaps[0]
    # first order on 64 steps; the others end at rounding
    assert gaps[1] < (0.2 if tableau == "euler" else 1e-4)


def test_cutting_the_grid_brings_the_loss_nearer() -> None:
    model, x = fast(tableau="midpoint", steps=2), torch.randn(16, 2, 3)
    with torch.no_grad():
        reference = model.reference_log_prob(x)
        gaps = [float((model.grid_log_prob(x, refined) - reference).abs().max()) for refined in (1, 2, 8)]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2]
    assert cut([0.0, 0.5, 1.0], 2) == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_grid_follows_the_field_and_is_kept_between() -> None:
    model, x = fast(noise=1.0, regrid_every=3, rtol=1e-4, atol=1e-4), torch.randn(64, 2, 3)
    trainer = model.trainer(Optimiser(learning_rate=0.1))
    grids = []
    for step in range(7):
        trainer.step(x, 0.5)
        grids.append(model.grid)
        with torch.no_grad():
            errors = (model.grid_log_prob(x) - model.reference_log_prob(x)).abs()
        if step == 0:
            # a dozen steps of 1e-4 each at the most, with the weights one update on
            assert errors.max() < 5e-3
    assert grids[0] == grids[1] == grids[2]
    assert grids[3] != grids[2]


@pytest.mark.parametrize(("budget", "apart"), [(200, 10), (80, 4), (20, 4)])
def test_a_short_run_chooses_its_grid_twenty_times_but_no_more_than_every_fourth_step(budget: int, apart: int) -> None:
    model, x = fast(noise=1.0), torch.randn(8, 2, 3)
    trainer = model.trainer(Optimiser())
    chosen = []
    for step in range(budget):
        before = model.grid
        trainer.step(x, step / budget)
        chosen += [step] if model.grid is not before else []
    assert chosen == list(range(0, budget, apart))


def test_evaluations_that_choose_a_grid_count_as_a_third() -> None:
    model, x = fast(noise=1.0), torch.randn(8, 2, 3)
    model.choose_grid(x)
    choosing, model.nfe = model.nfe, 0
    model.trainer(Optimiser()).step(x, 0.0)
    along = (len(model.grid) - 1) * 6
    assert model.nfe == along + -(-choosing // 3)


def test_training_goes_on_from_its_state_on_the_same_grid() -> None:
    torch.manual_seed(5)
    batches, ends = torch.randn(12, 32, 2, 3), []
    for stop in (None, 5, 11):
        torch.manual_seed(6)
        model = fast(noise=1.0, regrid_every=100)
        trainer = model.trainer(Optimiser(learning_rate=0.05))
        for step, x in enumerate(batches):
            if step == stop:
                weights, state = model.state_dict(), trainer.state_dict()
                model = fast(regrid_every=100)
                model.load_state_dict(weights)
                trainer = model.trainer(Optimiser(learning_rate=0.05))
                trainer.load_state_dict(state)
            trainer.step(x, 0.5 + step / 200)  # step 10 begins another part of the budget
        ends.append((model.grid, [p.detach() for p in model.parameters()]))
    for grid, weights in ends[1:]:
        assert grid == ends[0][0]
        assert all(torch.equal(a, b) for a, b in zip(ends[0][1], weights, strict=True))


def test_evaluations_are_counted() -> None:
    model, x = fast(tableau="rk4", steps=3), torch.randn(4, 2, 3)
    model.trainer(Optimiser()).step(x, 0.5)
    assert model.nfe == 12
    model = fast(noise=0.0)
    model.log_prob(x)
    # four steps of dopri5, six evaluations each and the first
    assert model.nfe == 25


def test_a_row_says_why_no_kernel_solves() -> None:
    assert fast().note() == "solved by PyTorch, not Triton: the examples are on the cpu, not on a CUDA device"
    assert fast(kernel="pytorch").note() is None


def test_a_field_too_stiff_for_any_grid_is_a_divergence_with_its_time() -> None:
    model = fast(noise=0.0)
    with torch.no_grad():
        for weight in model.field.weights:
            weight.mul_(300)
    x = torch.randn(16, 2, 3)
    with pytest.raises(Diverged, match=r"no grid of 128 steps or fewer meets rtol=0\.001 and atol=0\.001.*near t=\d"):
        model.trainer(Optimiser()).step(x, 0.5)
    with pytest.raises(Diverged, match=r"examples miss rtol=1e-05 and atol=1e-05 in 512 steps of dopri5.*near t=\d"):
        model.log_prob(x)
    with torch.no_grad():
        model.field.bias.fill_(math.nan)
    with pytest.raises(Diverged, match="no grid"):
        model.trainer(Optimiser()).step(x, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tableau": "rk5", "steps": 4}, "rk5"),
        ({"tableau": "rk4"}, "model.tableau=rk4 has no embedded error to choose a grid by: give model.steps"),
        ({"steps": 0}, "model.steps=0 is not a number of steps"),
        ({"regrid_every": 0}, "model.regrid_every=0 is not a number of steps"),
        ({"rtol": 0.0}, "model.rtol=0.0 is not a tolerance"),
        ({"eval_atol": -1.0}, "model.eval_atol=-1.0 is not a tolerance"),
        ({"eval_rtol": float("inf")}, "model.eval_rtol=inf is not a tolerance"),
        ({"input_gain": float("inf")}, "model.input_gain=inf is not a factor"),
        ({"activation": "relu"}, "relu"),
        ({"kernel": "cuda"}, "cuda"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        CNFFast(DATA, width=40, **options)


@pytest.mark.parametrize("cls", [CNF, CNFFast])
def test_a_tolerance_that_single_precision_cannot_hold_is_refused_before_training(cls: type[CNF]) -> None:
    model = cls(DATA, width=40, eval_rtol=1e-9)
    with pytest.raises(BenchError, match=r"^model.eval_rtol=1e-9 is finer than torch.float32, .*: give 1e-06 or more$"):
        model.check_training(8, 0)
    model.double().check_training(8, 0)
