"""Flow matching of pictures: its loss is the regression's, and its density that of the field."""

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.flow_matching_unet import FlowMatchingUNet
from bench.models.parts.matching import matching_loss
from bench.spec import DataSpec

SHAPE = (1, 4, 4)
DATA = DataSpec(SHAPE, image_shape=SHAPE)


def small(**options: object) -> FlowMatchingUNet:
    torch.manual_seed(0)
    return FlowMatchingUNet(DATA, **{"width": 12, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("coupling", ["independent", "optimal_transport"])
def test_the_loss_is_that_of_the_regression(coupling: str) -> None:
    flow, x = small(coupling=coupling), torch.randn(8, *SHAPE)
    torch.manual_seed(1)
    loss = flow.loss(x)
    torch.manual_seed(1)
    torch.testing.assert_close(loss, matching_loss(flow.field.at_times, x.flatten(1), flow.coupling))


def test_training_comes_near_a_gaussian() -> None:
    """Of N(0, 1/4) a fresh flow is 16 (log 2 - 3/8) nats off; regression takes most of that away."""
    flow = small(width=32, blocks=1, probes=0, eval_rtol=1e-3, eval_atol=1e-3)
    law = torch.distributions.Normal(0, 0.5)
    x = law.sample((100, *SHAPE))

    @torch.no_grad()
    def gap() -> float:
        return float((law.log_prob(x).flatten(1).sum(1) - flow.log_prob(x).value).mean())

    assert gap() == pytest.approx(5.1, abs=0.8)  # a mean of 100 examples has an error of 0.2
    trainer = flow.trainer(Optimiser(learning_rate=0.02))
    for step in range(200):
        trainer.step(law.sample((128, *SHAPE)), step / 200)
    assert 0 < gap() < 1
    assert float(flow.sample(200).std()) == pytest.approx(0.5, abs=0.1)


def test_evaluations_are_counted() -> None:
    flow = small()
    flow.trainer(Optimiser()).step(torch.randn(4, *SHAPE), 0.0)
    assert flow.nfe == 1
    assert flow.log_prob(torch.randn(3, *SHAPE)).estimator == "ode-hutchinson-2(rtol=0.0001)"
    assert flow.nfe > 10


def test_mistakes_are_named() -> None:
    with pytest.raises(BenchError, match="did you mean independent"):
        small(coupling="independant")
