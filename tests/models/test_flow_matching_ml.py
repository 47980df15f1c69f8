import copy

import pytest
import torch
from torch import Tensor

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.flow_matching import FlowMatching
from bench.models.flow_matching_ml import FlowMatchingML
from bench.spec import DataSpec
from tests.models.helpers import perturbed

TOY = DataSpec((3,))


def test_the_loss_is_the_likelihood_and_matching_is_that_of_flow_matching() -> None:
    model, other, x = perturbed(FlowMatchingML(TOY, width=24)), FlowMatching(TOY, width=24), torch.randn(64, 3)
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        # The grid that stands before one is chosen is fine; a chosen one errs by at most 1e-3 in a step.
        torch.testing.assert_close(model.loss(x), -model.log_prob(x).value, rtol=0, atol=1e-3)
        model.choose_grid(x)
        torch.testing.assert_close(model.loss(x), -model.log_prob(x).value, rtol=0, atol=5e-3)
        torch.manual_seed(1)
        matching = model.matching(x)
        torch.manual_seed(1)
        torch.testing.assert_close(matching, other.loss(x))


def test_each_phase_descends_its_own_loss_on_its_own_schedule() -> None:
    model, calls = FlowMatchingML(TOY, width=24, matched=0.5), []
    matching, loss = model.matching, model.loss

    def matched(x: Tensor) -> Tensor:
        calls.append("matching")
        return matching(x)

    def finished(x: Tensor, context: Tensor | None = None) -> Tensor:
        calls.append("loss")
        return loss(x)

    model.matching, model.loss = matched, finished  # type: ignore[method-assign]
    trainer = model.trainer(Optimiser(warmup=0.1))
    moved = []
    for progress in (0.0, 0.3, 0.49, 0.5, 0.8):
        before = torch.cat([p.detach().flatten() for p in model.parameters()])
        trainer.step(torch.randn(16, 3), progress)
        moved.append(float((torch.cat([p.detach().flatten() for p in model.parameters()]) - before).norm()))
    assert calls == ["matching"] * 3 + ["loss"] * 2
    # Both schedules begin with a rate of 0.
    assert [distance > 0 for distance in moved] == [False, True, True, False, True]


@pytest.mark.parametrize("kept_at", [2, 5], ids=["matching", "finish"])
def test_training_goes_on_from_either_phase(kept_at: int) -> None:
    x, steps = torch.randn(64, 3), 8

    def go_on(model: FlowMatchingML, trainer: object, first: int, last: int) -> None:
        for step in range(first, last):
            torch.manual_seed(step)
            trainer.step(x, step / steps)  # type: ignore[attr-defined]

    torch.manual_seed(0)
    straight = FlowMatchingML(TOY, width=24, matched=0.5)
    trainer = straight.trainer(Optimiser(learning_rate=1e-2))
    go_on(straight, trainer, 0, kept_at)
    resumed = FlowMatchingML(TOY, width=24, matched=0.5)
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    second = resumed.trainer(Optimiser(learning_rate=1e-2))
    second.load_state_dict(copy.deepcopy(trainer.state_dict()))
    go_on(straight, trainer, kept_at, steps)
    go_on(resumed, second, kept_at, steps)
    for name, parameter in straight.state_dict().items():
        assert torch.equal(parameter, resumed.state_dict()[name]), name


def test_the_finish_lowers_what_matching_left() -> None:
    """Eight narrow Gaussians, matched too briefly."""
    torch.manual_seed(0)
    angle = torch.randint(8, (4_000,)) * torch.pi / 4
    x = 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.2 * torch.randn(4_000, 2)
    model = FlowMatchingML(DataSpec((2,)), width=64, matched=0.8)
    trainer, steps, values = model.trainer(Optimiser(learning_rate=5e-3)), 200, []
    for step in range(steps):
        if step == 160:
            values.append(-model.log_prob(x).value.mean().item())
        trainer.step(x[torch.randint(len(x), (256,))], step / steps)
    values.append(-model.log_prob(x).value.mean().item())
    # With five seeds it was 0.08 to 0.10 nats.
    assert values[1] < values[0] - 0.04


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matched": 0.0}, r"model\.matched=0\.0 leaves out a phase"),
        ({"matched": 1.0}, r"model\.matched=1\.0 leaves out a phase"),
        ({"coupling": "sinkhorn"}, "unknown coupling 'sinkhorn'"),
        ({"rtol": -1e-3}, "rtol=-0.001"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        FlowMatchingML(TOY, **{"width": 8, **options})  # type: ignore[arg-type]
