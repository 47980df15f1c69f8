import torch

from bench.data.digits import digits
from bench.data.permuted import permuted_digits


def test_each_picture_keeps_its_levels_and_loses_its_order() -> None:
    plain, mixed = digits("digits"), permuted_digits("digits_permuted")
    assert mixed.spec == plain.spec
    for name in ("train", "validation", "test"):
        ours, theirs = getattr(mixed, name), getattr(plain, name)
        assert torch.equal(ours.sort(1).values, theirs.sort(1).values)
        assert not torch.equal(ours, theirs)


def test_the_order_is_one_for_all_splits_and_folds_and_hangs_on_the_seed() -> None:
    order = torch.randperm(64, generator=torch.Generator().manual_seed(3))
    mixed = permuted_digits("digits_permuted", seed=3)
    for run_seed in (0, 2):
        assert torch.equal(mixed.of_seed(run_seed).test, digits("digits").of_seed(run_seed).test[:, order])
    assert torch.equal(mixed.of_seed(2).validation, digits("digits", fold=2).validation[:, order])
    assert not torch.equal(mixed.test, permuted_digits("digits_permuted", seed=4).test)


def test_the_space_is_that_of_the_permuted_pixels() -> None:
    mixed = permuted_digits("digits_permuted")
    x = mixed.fixed(mixed.train, seed=1)
    # Standardised with other noise: 1,077 examples leave 0.03 of each coordinate's mean.
    assert x.mean(0).abs().max() < 0.1
