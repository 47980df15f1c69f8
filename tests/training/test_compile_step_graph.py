"""What surrounds a captured update, where nothing can be captured: replaying is taking the update again, on the CPU.

Held against eager training: batches gathered from the buffer, weights and moments as they were before the warm-ups, a
capture for each number of steps that a grid comes to. Whether a graph replays what it captured is for a GPU to tell.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.machine.deadline import Deadline
from bench.models.optimise import GradientStep
from bench.setup import build
from bench.setup.compose import compose
from bench.training import compile_step
from bench.training import loop as training_loop
from bench.training.batch_buffer import BatchBuffer
from bench.training.history import History
from bench.training.loop import Loop

SMALL = ["budget.parameters=null", "model.width=16", "budget.steps=40", "train.validate_every=10"]


class TakenAgain:
    """In place of `Replayed`."""

    def __init__(self, update: Callable[[Tensor], Tensor], buffer: BatchBuffer) -> None:
        self.update, self.buffer = update, buffer

    def __call__(self, x: Tensor) -> Tensor:
        self.buffer.point(x)
        return self.update(self.buffer.gather())


def rate_in_a_tensor(trainer: GradientStep) -> None:
    """`hold_rate_on_device` without `capturable`, which the CPU has not."""
    for group in trainer.adam.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]))


def trained(mode: str, overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Loop, list[float]]:
    monkeypatch.setattr(training_loop, "chosen_mode", lambda *_: mode)
    config = compose([*SMALL, *overrides])
    dataset = build.dataset(config).as_asked(*build.entry_class(config).picture_form(config.model))
    torch.manual_seed(0)
    entry = build.entry_of_width(config, dataset.spec, None)
    torch.manual_seed(1)
    loop = Loop(entry, dataset, config, History(), Deadline(None))
    loop.compile()
    while not loop.history.ended:
        loop.interval()
        loop.validate()
    return loop, [loss for _, _, loss, *_ in loop.history.rows]


@pytest.mark.parametrize(
    ("overrides", "sizes"),
    [
        (["model=realnvp", "data=digits", "model.layers=2"], 1),
        (["model=vae", "data=8gaussians"], 1),
        (["model=tarflow", "data=digits", "model.blocks=2", "model.layers=1", "model.average=0.1"], 1),
        (["model=cnf_fast", "data=digits", "model.regrid_every=7", "train.optimiser.learning_rate=0.02"], 2),
    ],
)
def test_training_around_a_graph_is_eager_training(
    overrides: list[str], sizes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, expected = trained("off", overrides, monkeypatch)
    monkeypatch.setattr(compile_step, "Replayed", TakenAgain)
    monkeypatch.setattr(compile_step, "warm_up", lambda update: [update() for _ in range(compile_step.WARM_UPS)])
    monkeypatch.setattr(GradientStep, "hold_rate_on_device", rate_in_a_tensor)
    captured, losses = trained("graph", overrides, monkeypatch)
    assert losses == pytest.approx(expected, rel=1e-5)
    for name, value in eager.entry.state_dict().items():
        torch.testing.assert_close(captured.entry.state_dict()[name], value, rtol=1e-2, atol=1e-3)
    assert len(set(losses)) == 4
    assert captured.compiled is not None
    assert len(captured.compiled.variants) >= sizes
    assert captured.history.compile_seconds == captured.compiled.seconds > 0
    assert captured.history.flops == eager.history.flops
    assert captured.history.field_evaluations == eager.history.field_evaluations


def test_the_buffer_is_the_loops_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were batches copied to the graph one by one, this would not be seen in any loss."""
    monkeypatch.setattr(compile_step, "Replayed", TakenAgain)
    monkeypatch.setattr(compile_step, "warm_up", lambda update: update())
    monkeypatch.setattr(GradientStep, "hold_rate_on_device", rate_in_a_tensor)
    loop, _ = trained("graph", ["model=realnvp", "data=digits", "model.layers=2"], monkeypatch)
    assert loop.compiled is not None
    (replayed,) = loop.compiled.variants.values()
    assert isinstance(replayed, TakenAgain)
    assert replayed.buffer is loop.batches.buffer
    x = loop.batches.next()
    assert x.untyped_storage().data_ptr() == replayed.buffer.block.untyped_storage().data_ptr()
