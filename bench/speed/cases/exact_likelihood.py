"""Test likelihoods of one trained field: `cnf_fast`'s, and by the brute-force trace that FFJORD's code evaluates with.

Brute force differentiates each coordinate of the field by itself (`divergence_bf` of Grathwohl et al. 2019), a backward
pass for every coordinate and evaluation, and torchdiffeq's dopri5 steps all examples together.
"""

import statistics

import torch
from jaxtyping import Float
from torch import Tensor
from torchdiffeq import odeint

from bench.laws.gaussian import standard_normal_log_prob
from bench.machine.onednn_products import linear
from bench.metrics.compute import count_flops
from bench.models.cnf_fast import CNFFast
from bench.ode.field import ConcatSquashField
from bench.spec import DataSpec
from bench.speed.cnf_problem import Problem, Setting
from bench.speed.figure import Figure, Target
from bench.speed.interleave import Effort, interleave, ratios
from bench.speed.ladder.ladder import warm
from bench.speed.ladder.parity import reference
from bench.speed.rivals.ffjord import LinearFunction, layers

CASE = "exact-likelihood"
TARGET = Target(1 / 20)


def exact_likelihood(device: torch.device, effort: Effort, setting: Setting | None = None) -> list[Figure]:
    """One figure: milliseconds for a batch of test examples, both to the same tolerance."""
    setting = setting or Setting()
    problem = Problem(setting, device)
    entry = CNFFast(
        DataSpec((problem.dim,)), width=setting.width, eval_rtol=setting.tolerance, eval_atol=setting.tolerance
    )
    entry.to(device).field.load_state_dict(warm(problem))
    field = entry.field
    assert isinstance(field, ConcatSquashField)
    x = problem.dataset.fixed(problem.dataset.test, seed=0).flatten(1)[: setting.batch_size]

    def ours() -> Tensor:
        with torch.inference_mode():
            return entry.log_prob(x).value

    def with_torch() -> Tensor:
        return brute_force(field, x, setting.tolerance, torch.nn.functional.linear)

    def with_onednn() -> Tensor:
        return brute_force(field, x, setting.tolerance, linear)

    expected = -reference(problem.field(field.state_dict()), x, None)
    errors = [abs(float(way().mean()) - expected) for way in (ours, with_torch, with_onednn)]
    mine, *theirs = interleave([ours, with_torch, with_onednn], device, effort)
    best = min(theirs, key=statistics.median)
    other = next(seconds for seconds in theirs if seconds is not best)
    products = "torch's" if best is theirs[0] else "oneDNN's"
    return [
        Figure(
            CASE,
            f"cnf_fast: log-likelihood of {len(x)} test examples, and by the brute-force trace",
            "ms",
            1e3 * statistics.median(mine),
            1e3 * statistics.median(best),
            ratios(mine, best),
            TARGET,
            f"{' '.join(setting.data)}, dopri5 at {setting.tolerance:g}, {len(mine)} rounds; brute force with "
            f"{products} products, the faster, with the others {1e3 * statistics.median(other):.0f} ms; means within "
            f"{errors[0]:.1e} and {max(errors[1:]):.1e} nats of the reference",
            flops=count_flops(ours),
        )
    ]


def brute_force(
    field: ConcatSquashField, x: Float[Tensor, "batch dim"], tolerance: float, product: LinearFunction
) -> Float[Tensor, " batch"]:
    """log p(x) in nats by torchdiffeq's dopri5 and one backward pass for every coordinate of every evaluation."""

    def rate(t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            at = state[0].detach().requires_grad_(True)
            value = layers(field, t, at, product)
            trace = sum(
                torch.autograd.grad(value[:, i].sum(), at, retain_graph=True)[0][:, i] for i in range(at.shape[1])
            )
        assert isinstance(trace, Tensor)
        return value.detach(), trace

    with torch.no_grad():
        times = torch.tensor([0.0, 1.0], device=x.device)
        state = (x, x.new_zeros(len(x)))
        path: tuple[Tensor, Tensor] = odeint(rate, state, times, rtol=tolerance, atol=tolerance, method="dopri5")
    return standard_normal_log_prob(path[0][-1]) + path[1][-1]
