"""The tests check the shapes that annotations give, in every room that has some."""

import re

import pytest
import torch

from bench.metrics.samples import sliced_w2
from tests.conftest import ROOMS
from tests.helpers import ROOT


def test_a_wrong_shape_is_an_error_in_tests() -> None:
    with pytest.raises(Exception, match="sliced_w2"):
        sliced_w2("no tensor", torch.zeros(3, 2), 4, torch.Generator())


def test_every_room_with_shapes_is_checked() -> None:
    files = [path for path in (ROOT / "bench").rglob("*.py") if re.search("^from jaxtyping", path.read_text(), re.M)]
    rooms = {path.relative_to(ROOT / "bench").parts[0] for path in files}
    assert rooms - {"speed"} <= set(ROOMS), "timings are taken without checks"
