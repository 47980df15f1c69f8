"""Shapes written in jaxtyping annotations are checked in every test."""

from jaxtyping import install_import_hook

with install_import_hook("bench", "beartype.beartype"):
    import bench  # noqa: F401

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test begins from the same random state, on two threads at most."""
    torch.manual_seed(0)
