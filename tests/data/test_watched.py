"""Changes of the data are seen: in place, undone, and past torch."""

import pytest
import torch

from bench.data.watched import Watched
from bench.errors import ChangedData


def test_reading_changes_nothing() -> None:
    x = torch.randn(4, 3)
    watched = Watched({"x": x}, hashed=True)
    assert (x[:2] * 2).sum() == 2 * x[:2].sum()
    watched.check_content("a call")


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.mul_(0.5),
        lambda x: x[1:2].zero_(),
        lambda x: x.view(-1)[3:5].fill_(1.0),
        lambda x: x.mul_(2.0).div_(2.0),
    ],
)
def test_a_change_in_place_is_named_also_one_of_a_view_and_one_undone(change) -> None:
    x = torch.ones(4, 3)
    watched = Watched({"the test examples": x})
    change(x)
    with pytest.raises(ChangedData, match="changed its data: the test examples in place, in log_prob"):
        watched.check("log_prob")


@pytest.mark.parametrize("change", [lambda x: x.data.mul_(2), lambda x: x.numpy().fill(0)])
def test_a_write_past_torch_is_seen_by_the_content(change) -> None:
    x = torch.ones(4, 3)
    watched = Watched({"x": x, "y": torch.ones(2)}, hashed=True)
    change(x)
    with pytest.raises(ChangedData, match="changed its data: x in place, in the run"):
        watched.check_content("the run")
