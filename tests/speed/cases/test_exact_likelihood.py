import torch

from bench.laws.gaussian import standard_normal_log_prob
from bench.machine.onednn_products import linear
from bench.ode.per_example import solve_per_example
from bench.ode.runge_kutta import Tolerance
from bench.ode.tableau import DOPRI5
from bench.speed.cases.exact_likelihood import brute_force, exact_likelihood
from bench.speed.cnf_problem import Setting
from bench.speed.interleave import Effort
from tests.speed.ladder.helpers import CPU, TINY_DATA, strong_weights, tiny


def test_brute_force_gives_the_density_that_the_closed_form_gives() -> None:
    field = tiny().field(strong_weights())
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = solve_per_example(
            lambda t, x: field.forward_and_divergence(torch.tensor(t), x), x, DOPRI5, Tolerance(1e-7, 1e-7)
        )
    expected = standard_normal_log_prob(found.x) + found.log_det
    # Both solve to 1e-6 or better in single precision.
    for product in (torch.nn.functional.linear, linear):
        torch.testing.assert_close(brute_force(field, x, 1e-6, product), expected, rtol=1e-4, atol=1e-4)


def test_a_shrunk_comparison_gives_a_figure_and_both_errors() -> None:
    setting = Setting(TINY_DATA, width=16, batch_size=16, warm_steps=5)
    (figure,) = exact_likelihood(CPU, Effort(seconds=0, rounds=2), setting)
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert "16 test examples" in figure.what
    assert figure.note.count("nats of the reference") == 1
