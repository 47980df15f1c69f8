import pytest
import torch

from bench.data.digits import digits
from bench.data.labelled import stratified
from bench.errors import BenchError
from bench.setup import build
from bench.setup.compose import compose


@pytest.mark.parametrize("labelled", [10, 100, 105, 1000, 1077])
def test_classes_are_as_even_as_possible(labelled: int) -> None:
    data = digits("digits", labelled=labelled)
    assert data.labelled is not None
    assert data.labels is not None
    assert len(data.labelled.unique()) == labelled
    chosen = data.labels[0][data.labelled].bincount(minlength=10)
    there = data.labels[0].bincount(minlength=10)
    assert chosen.sum() == labelled
    # A class that does not give all it has gives at most one example less than any other.
    assert (chosen >= torch.minimum(there, chosen.max() - 1)).all()


def test_a_scarce_class_gives_all_it_has() -> None:
    labels = torch.tensor([0] * 2 + [1] * 50 + [2] * 50)
    assert labels[stratified(labels, 20)].bincount().tolist() == [2, 9, 9]


def test_more_labels_contain_fewer_and_the_choice_is_no_matter_of_luck() -> None:
    torch.manual_seed(1)
    few = digits("digits", labelled=100).labelled
    torch.manual_seed(2)
    again, more = digits("digits", labelled=100).labelled, digits("digits", labelled=300).labelled
    assert few is not None
    assert again is not None
    assert more is not None
    assert torch.equal(few, again)
    assert torch.isin(few, more).all()
    # Not the first of each class in the file: half of all training examples lie behind the middle.
    assert (few > 538).float().mean() > 0.3


def test_entries_are_told_of_labels() -> None:
    spec = digits("digits", labelled=100).spec
    assert (spec.event_shape, spec.kind, spec.levels) == ((64,), "discrete", 17)
    assert (spec.context_size, spec.classes) == (10, 10)
    assert digits("digits").spec.classes == 0
    assert digits("digits").labelled is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=digits", "data.labelled=2000"], "data.labelled=2000: digits has 1077 training examples; ask for less"),
        (["data=digits", "data.labelled=5"], "data.labelled=5: digits has 10 classes; ask for at least 10"),
        (["data=moons", "data.labelled=100"], "data=moons has no labels to show; take data.labelled away"),
    ],
)
def test_what_cannot_be_shown_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        build.dataset(compose(words))


def test_the_number_of_labels_is_an_option_of_every_set_that_has_them() -> None:
    assert build.dataset(compose(["data=digits_binary", "data.labelled=100"])).spec.classes == 10
