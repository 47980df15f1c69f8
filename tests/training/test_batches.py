from dataclasses import replace

import pytest
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.digits import digits
from bench.data.spaces import Identity
from bench.errors import BenchError
from bench.spec import DataSpec
from bench.training.batches import Batches


def numbered(n: int) -> Dataset:
    """Example i is the number i."""
    examples = torch.arange(n, dtype=torch.float32)[:, None]
    return Dataset("numbers", DataSpec((1,)), Identity(), examples, examples[:2], examples[:2])


def epoch(batches: Batches, steps: int) -> list[int]:
    return [int(i) for _ in range(steps) for i in batches.next().flatten()]


def test_an_epoch_shows_every_example_at_most_once() -> None:
    batches = Batches(numbered(103), batch_size=10, seed=0)
    for _ in range(3):
        seen = epoch(batches, 10)
        assert len(seen) == len(set(seen)) == 100


def test_every_example_comes_up() -> None:
    batches = Batches(numbered(103), batch_size=10, seed=0)
    # An epoch leaves out 3 of 103; the chance that some example misses all 8 epochs is below 103 (3/103)^8 < 1e-10.
    assert set(epoch(batches, 80)) == set(range(103))


def test_epochs_differ_in_order_and_seeds_too() -> None:
    batches, other = Batches(numbered(100), 10, seed=0), Batches(numbered(100), 10, seed=1)
    first, second = epoch(batches, 10), epoch(batches, 10)
    assert first != second
    assert first != epoch(other, 10)
    assert sorted(first) == sorted(second) == list(range(100))


def test_all_batches_have_one_size() -> None:
    batches = Batches(numbered(25), 10, seed=0)
    assert {batches.next().shape for _ in range(7)} == {(10, 1)}


def test_the_same_seed_gives_the_same_stream() -> None:
    data = digits("digits")
    one, two = Batches(data, 64, seed=3), Batches(data, 64, seed=3)
    assert all(torch.equal(one.next(), two.next()) for _ in range(20))


def test_the_global_random_state_is_neither_read_nor_moved() -> None:
    data = digits("digits")
    torch.manual_seed(0)
    expected = Batches(data, 64, seed=3).next()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert torch.equal(Batches(data, 64, seed=3).next(), expected)
    assert torch.equal(before, torch.get_rng_state())


def test_noise_is_fresh_each_epoch() -> None:
    data = digits("digits")
    one_batch = replace(data, train=data.train[:64])
    batches = Batches(one_batch, 64, seed=0)

    def sorted_pixels() -> tuple[Tensor, Tensor]:
        x = batches.next()
        return x, torch.floor(data.space.to_data(x) * 17).flatten().sort().values

    (first, raw_first), (second, raw_second) = sorted_pixels(), sorted_pixels()
    assert torch.equal(raw_first, raw_second)
    # Uniform noise on 4,096 pixels repeats a 24-bit value by chance at most a few times.
    assert len(set(first.flatten().tolist()) & set(second.flatten().tolist())) < 10


@pytest.mark.parametrize("taken", [0, 3, 16, 17, 40])
def test_a_stream_goes_on_bit_for_bit(taken: int) -> None:
    """16 batches make an epoch, so that this resumes at an epoch's start, middle and end."""
    data = digits("digits")
    batches = Batches(data, 64, seed=0)
    for _ in range(taken):
        batches.next()
    state = batches.state_dict()
    expected = [batches.next() for _ in range(20)]
    other = Batches(data, 64, seed=0)
    other.load_state_dict(state)
    assert all(torch.equal(other.next(), batch) for batch in expected)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(BenchError, match=r"train\.batch_size=11: numbers has 10 training examples; give .*_size=4"):
        Batches(numbered(10), 11, seed=0)
    assert len(Batches(numbered(10), 10, seed=0).next()) == 10


def with_ten_labels(n: int = 200) -> Dataset:
    """Numbered examples of two classes, odd and even, of which the first ten show their label."""
    data = numbered(n)
    parity = torch.arange(n) % 2
    spec = replace(data.spec, context_size=2, classes=2)
    return replace(data, spec=spec, labels=(parity, parity[:2], parity[:2]), labelled=torch.arange(10))


def test_every_batch_has_as_many_labelled_examples_with_their_own_labels() -> None:
    batches = Batches(with_ten_labels(), 32, seed=0)
    for _ in range(30):
        numbers = batches.next().flatten().long()
        context = batches.context
        assert context is not None
        shown = context.sum(1) == 1
        assert torch.equal(shown, numbers < 10)
        assert shown.sum() == 4
        assert torch.equal(context[shown].argmax(1), numbers[shown] % 2)
        assert not context[~shown].any()


def test_labelled_examples_and_others_come_up_evenly() -> None:
    """60 batches of 4 and 28: each of ten is met 24 times, each of 190 eight or nine times."""
    batches = Batches(with_ten_labels(), 32, seed=0)
    counts = torch.bincount(torch.tensor(epoch(batches, 60)), minlength=200)
    assert set(counts[:10].tolist()) == {24}
    assert set(counts[10:].tolist()) == {8, 9}


def test_labelled_examples_keep_their_share_of_the_data_where_that_is_larger() -> None:
    half = replace(with_ten_labels(), labelled=torch.arange(100))
    every = replace(half, labelled=torch.arange(200))
    for data, size in ((half, 16), (every, 32)):
        batches = Batches(data, 32, seed=0)
        batches.next()
        assert batches.context is not None
        assert batches.context.sum() == size


@pytest.mark.parametrize("taken", [0, 5, 17])
def test_a_labelled_stream_goes_on_bit_for_bit(taken: int) -> None:
    data = digits("digits", labelled=100)
    batches, other = Batches(data, 64, seed=0), Batches(data, 64, seed=0)
    for _ in range(taken):
        batches.next()
    other.load_state_dict(batches.state_dict())
    for _ in range(20):
        assert torch.equal(other.next(), batches.next())
        assert other.context is not None
        assert batches.context is not None
        assert torch.equal(other.context, batches.context)


def test_labels_change_nothing_for_data_that_show_none() -> None:
    batches = Batches(digits("digits"), 64, seed=0)
    batches.next()
    assert batches.context is None


def test_a_batch_of_one_has_no_room_for_both_kinds() -> None:
    with pytest.raises(BenchError, match=r"train\.batch_size=1: .*at least 2"):
        Batches(with_ten_labels(), 1, seed=0)
