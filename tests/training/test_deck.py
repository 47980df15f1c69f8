import torch

from bench.config import Optimiser
from bench.models.optimise import GradientStep
from bench.models.realnvp import RealNVP
from bench.setup import build
from bench.setup.compose import compose
from bench.spec import DataSpec
from bench.training.batches import Batches
from bench.training.deck import Deck


def test_batches_are_gathered_from_where_they_lie_in_any_order() -> None:
    deck = Deck(torch.zeros(3, 2), 4)
    batches = torch.arange(24.0).view(12, 2)
    laid = deck.lay(batches).split(3)
    for index in (0, 1, 2, 3, 1, 2, 0, 3):
        deck.point(laid[index])
        assert torch.equal(deck.gather(), batches[3 * index : 3 * index + 3])


def test_one_from_elsewhere_leaves_those_that_are_laid_out() -> None:
    deck = Deck(torch.zeros(3, 2), 2)
    batches, other = torch.randn(6, 2), torch.randn(3, 2)
    first, second = deck.lay(batches).split(3)
    for x, expected in ((first, batches[:3]), (other, other), (second, batches[3:]), (2 * other, 2 * other)):
        deck.point(x)
        assert torch.equal(deck.gather(), expected)


def test_the_place_is_moved_by_the_step_itself_and_set_only_out_of_turn() -> None:
    deck = Deck(torch.zeros(3, 2), 3)
    laid = deck.lay(torch.randn(9, 2)).split(3)
    deck.point(laid[0])
    deck.gather()
    deck.place.add_(3)  # had `point` set it anew, this would not show
    deck.point(laid[1])
    assert deck.place.tolist() == [6, 7, 8]


def test_batches_on_a_deck_are_the_batches_without() -> None:
    config = compose(["data=digits"])
    dataset = build.dataset(config)
    plain, held = Batches(dataset, 256, 0), Batches(dataset, 256, 0)
    deck = held.deck(plain.next())
    held.next()
    for _ in range(2 * held.together + 1):
        x, other = plain.next(), held.next()
        deck.point(other)
        assert torch.equal(deck.gather(), x)
        assert other.untyped_storage().data_ptr() == deck.block.untyped_storage().data_ptr()


def test_an_update_from_a_deck_is_the_update_of_its_batches() -> None:
    """What a CUDA graph captures, without one."""
    losses = []
    batches = torch.randn(5, 16, 3)
    for gathered in (False, True):
        torch.manual_seed(0)
        trainer = RealNVP(DataSpec((3,)), width=16, layers=2).trainer(Optimiser())
        assert isinstance(trainer, GradientStep)
        deck = Deck(batches[0], 5)
        laid = deck.lay(batches.flatten(0, 1)).split(16)
        for x, same in zip(batches, laid, strict=True):
            deck.point(same)
            losses.append(float(trainer.update(deck.gather() if gathered else x)))
    assert losses[:5] == losses[5:]
