"""A space's way back is looked at in some rows; no split is ever in memory as a whole."""

import torch
from torch.overrides import TorchFunctionMode

from bench.contract.inverse import inverse
from bench.data.chunks import AT_ONCE
from bench.data.dataset import Dataset
from bench.data.spaces import Identity
from bench.spec import DataSpec


class Doubled(TorchFunctionMode):
    """Remembers the largest tensor that is converted to float64."""

    most = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.double:
            self.most = max(self.most, args[0].numel())
        return func(*args, **(kwargs or {}))


class Shifted(Identity):
    """Ends up elsewhere."""

    def to_data(self, x):
        return x + 1


def data_set(space: Identity) -> Dataset:
    rows = torch.arange(AT_ONCE // 2, dtype=torch.float32)[:, None].expand(-1, 3)
    return Dataset("rows", DataSpec((3,)), space, rows, rows[:10], rows[:10], streamed=True)


def test_a_streamed_split_is_never_converted_as_a_whole() -> None:
    with Doubled() as doubled:
        assert list(inverse(data_set(Identity()))) == []
    assert 0 < doubled.most <= AT_ONCE


def test_a_way_back_that_ends_elsewhere_is_still_found() -> None:
    rows = torch.randn(50, 3)
    (line,) = inverse(Dataset("rows", DataSpec((3,)), Shifted(), rows, rows, rows))
    assert "let it undo to_model" in line
