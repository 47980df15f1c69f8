import pytest
import torch

from bench.metrics.compute import count_flops
from bench.setup import build
from bench.speed.loops import endless, loop_on
from bench.training.flop_price import COUNT_EVERY
from bench.training.loop import Loop

CPU = torch.device("cpu")
SHRUNK = ["budget.parameters=5000", "train.batch_size=32", "train.validate_every=3"]


def loop_of(model: str) -> Loop:
    config = endless([f"model={model}", "data=8gaussians", *SHRUNK])
    return loop_on(build.dataset(config), config, CPU)


@pytest.mark.parametrize("model", ["vae", "realnvp"])
def test_the_flops_of_a_run_are_those_of_its_steps_though_few_are_counted(model: str) -> None:
    loop = loop_of(model)
    for _ in range(COUNT_EVERY + 1):
        loop.interval()
    one = count_flops(lambda: loop.trainer.step(loop.batches.next(), 0.0))
    assert loop.history.step == 3 * (COUNT_EVERY + 1)
    assert loop.history.flops == one * loop.history.step


def test_the_steps_of_an_ode_are_priced_by_their_field_evaluations() -> None:
    loop = loop_of("cnf")
    loop.interval()
    easy = loop.history.counted_evaluations
    with torch.no_grad():
        for parameter in loop.entry.parameters():
            parameter.mul_(6)
    x = loop.batches.next()
    torch.manual_seed(3)  # of the probe
    before = loop.entry.nfe  # type: ignore[attr-defined]
    expected = count_flops(lambda: loop.trainer.step(x, 0.0))
    evaluations = loop.entry.nfe - before  # type: ignore[attr-defined]
    assert evaluations > easy, "the field was to be made harder"
    # A rejected step is evaluated and not differentiated: with a few of them the price is somewhat too high.
    assert loop.price.of(evaluations) == pytest.approx(expected, rel=0.15)
