"""The driver's cost on a real Ray of this machine."""

import pytest


@pytest.mark.cluster
def test_every_cell_of_nothing_is_driven_to_its_end() -> None:
    pytest.importorskip("ray", reason="Ray is an extra: pip install -e '.[ray]'")
    from bench.speed.cases.driver import driver

    own, clock = driver(cells=5)
    assert own.what == "a cell on Ray, the driver's CPU"
    assert clock.ours is not None
    assert 0 < (own.ours or 0) < clock.ours
