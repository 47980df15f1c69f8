from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from sklearn.datasets import load_digits

from bench.data.digits import digits, splits
from bench.errors import BenchError
from bench.seeds import FOLDS
from bench.spec import DataSpec

CONF = Path(__file__).parents[2] / "conf" / "data"


def test_the_splits_are_the_whole_set_each_example_once() -> None:
    data = digits("digits")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1_077, 360, 360]
    pixels, classes = load_digits(return_X_y=True)
    assert data.labels is not None
    ours = torch.cat([torch.cat([data.train, data.validation, data.test]), torch.cat(data.labels)[:, None]], 1)
    theirs = torch.cat([torch.from_numpy(pixels), torch.from_numpy(classes)[:, None]], 1)
    assert sorted(ours.tolist()) == sorted(theirs.int().tolist())


def test_the_split_is_the_same_every_time_and_ignores_the_global_seed() -> None:
    first = digits("digits")
    torch.manual_seed(99)
    again = digits("digits")
    assert torch.equal(first.test, again.test)
    assert torch.equal(first.fixed(first.test, seed=5), again.fixed(again.test, seed=5))


def test_every_class_is_in_every_split() -> None:
    labels = digits("digits").labels
    assert labels is not None
    for part in labels:
        # A tenth of 360 is 36, with a standard deviation of 5: fewer than 15 would be no random split.
        assert part.bincount(minlength=10).min() >= 15


def test_entries_see_standardised_discrete_events() -> None:
    data = digits("digits")
    assert data.spec == DataSpec((64,), "discrete", levels=17, image_shape=(1, 8, 8), examples=1077)
    assert data.image_shape == (8, 8)
    x = data.fixed(data.test, seed=0)
    assert x.shape == (360, 64)
    # The test split's mean over all pixels: between examples the standard error is about 0.3 / sqrt(360) = 0.02.
    assert abs(x.mean()) < 0.1
    assert x.std() < 1.3


@pytest.mark.parametrize("name", ["digits", "digits_binary"])
def test_the_configuration_builds_the_data_set(name: str) -> None:
    options = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(options, dict)
    assert options.pop("_target_") == "bench.data.digits.digits"
    data = digits(**options)
    assert data.name == name
    x = data.fixed(data.validation, seed=0)
    if name == "digits_binary":
        assert data.spec == DataSpec((64,), "binary", image_shape=(1, 8, 8), examples=1077)
        assert set(x.unique().tolist()) == {0.0, 1.0}
    else:
        assert data.spec.kind == "discrete"


def test_an_alpha_out_of_range_is_refused() -> None:
    with pytest.raises(BenchError, match=r"alpha=0\.7"):
        digits("digits", alpha=0.7)


def test_the_folds_test_on_every_example_once_and_share_none_with_training() -> None:
    n = 1_797
    parts = [splits(fold, n) for fold in range(FOLDS)]
    assert sorted(torch.cat([test for _, _, test in parts]).tolist()) == list(range(n))
    for train, validation, test in parts:
        assert len(train) == 1_077
        assert {len(validation), len(test)} <= {359, 360, 361}
        assert sorted(torch.cat([train, validation, test]).tolist()) == list(range(n))


def test_the_seed_chooses_the_fold_unless_one_is_given() -> None:
    data = digits("digits")
    assert data.varies == "fold"
    assert torch.equal(data.of_seed(8).test, digits("digits", fold=3).test)
    assert not torch.equal(data.of_seed(8).test, data.of_seed(9).test)
    given = digits("digits", fold=3)
    assert given.varies == ""
    assert [data.of_seed(8).fold, data.shaped().of_seed(9).fold, given.fold] == [3, 4, 3]
    assert given.of_seed(1) is given


def test_a_fold_beyond_the_last_is_refused() -> None:
    with pytest.raises(BenchError, match=r"data\.fold=5: there are the folds 0 to 4"):
        digits("digits", fold=5)


def test_a_fold_keeps_shape_and_labels_in_sight() -> None:
    data = digits("digits", labelled=100).shaped().of_seed(2)
    assert data.test.shape == (len(splits(2, 1_797)[2]), 1, 8, 8)
    assert data.labelled is not None
    assert len(data.labelled) == 100
