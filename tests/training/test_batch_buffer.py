import torch

from bench.config import Optimiser
from bench.models.optimise import GradientStep
from bench.models.realnvp import RealNVP
from bench.setup import build
from bench.setup.compose import compose
from bench.spec import DataSpec
from bench.training.batch_buffer import BatchBuffer
from bench.training.batches import Batches


def test_batches_are_gathered_from_where_they_lie_in_any_order() -> None:
    buffer = BatchBuffer(torch.zeros(3, 2), 4)
    batches = torch.arange(24.0).view(12, 2)
    laid = buffer.lay(batches).split(3)
    for index in (0, 1, 2, 3, 1, 2, 0, 3):
        buffer.point(laid[index])
        assert torch.equal(buffer.gather(), batches[3 * index : 3 * index + 3])


def test_one_from_elsewhere_leaves_those_that_are_laid_out() -> None:
    buffer = BatchBuffer(torch.zeros(3, 2), 2)
    batches, other = torch.randn(6, 2), torch.randn(3, 2)
    first, second = buffer.lay(batches).split(3)
    for x, expected in ((first, batches[:3]), (other, other), (second, batches[3:]), (2 * other, 2 * other)):
        buffer.point(x)
        assert torch.equal(buffer.gather(), expected)


def test_the_place_is_moved_by_the_step_itself_and_set_only_out_of_turn() -> None:
    buffer = BatchBuffer(torch.zeros(3, 2), 3)
    laid = buffer.lay(torch.randn(9, 2)).split(3)
    buffer.point(laid[0])
    buffer.gather()
    buffer.rows.add_(3)  # had `point` set it anew, this would not show
    buffer.point(laid[1])
    assert buffer.rows.tolist() == [6, 7, 8]


def test_batches_in_a_buffer_are_the_batches_without() -> None:
    config = compose(["data=digits"])
    dataset = build.dataset(config)
    plain, held = Batches(dataset, 256, 0), Batches(dataset, 256, 0)
    buffer = held.buffer_for(plain.next())
    held.next()
    for _ in range(2 * held.together + 1):
        x, other = plain.next(), held.next()
        buffer.point(other)
        assert torch.equal(buffer.gather(), x)
        assert other.untyped_storage().data_ptr() == buffer.block.untyped_storage().data_ptr()


def test_an_update_from_a_buffer_is_the_update_of_its_batches() -> None:
    """What a CUDA graph captures, without one."""
    losses = []
    batches = torch.randn(5, 16, 3)
    for gathered in (False, True):
        torch.manual_seed(0)
        trainer = RealNVP(DataSpec((3,)), width=16, layers=2).trainer(Optimiser())
        assert isinstance(trainer, GradientStep)
        buffer = BatchBuffer(batches[0], 5)
        laid = buffer.lay(batches.flatten(0, 1)).split(16)
        for x, same in zip(batches, laid, strict=True):
            buffer.point(same)
            losses.append(float(trainer.update(buffer.gather() if gathered else x)))
    assert losses[:5] == losses[5:]
