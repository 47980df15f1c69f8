"""The weights that validated best, kept while training goes on."""

from typing import Any

import torch
from torch import Tensor

from bench.models.entry import Entry, HasGrid


class BestWeights:
    """A copy of an entry's weights, and of the grid of its last solve where it has one."""

    def __init__(self, entry: Entry) -> None:
        """Copies the entry as it is."""
        self.keep(entry)

    def keep(self, entry: Entry) -> None:
        """Copies the entry as it is now, in place of what was kept."""
        self.weights = copied_weights(entry)
        self.grid = list(entry.grid) if isinstance(entry, HasGrid) else None

    def restore(self, entry: Entry) -> None:
        """Gives the entry what was kept."""
        entry.load_state_dict(self.weights)
        if isinstance(entry, HasGrid) and self.grid is not None:
            entry.grid = self.grid

    def state_dict(self) -> dict[str, Any]:
        """Its part of a checkpoint."""
        return {"best_weights": self.weights, "best_grid": self.grid}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Takes its part of a checkpoint, onto `device`."""
        self.weights = {name: value.to(device) for name, value in state["best_weights"].items()}
        self.grid = state.get("best_grid")  # a checkpoint of an earlier commit has none


def copied_weights(entry: Entry) -> dict[str, Tensor]:
    """A copy of the entry's parameters and buffers, each in memory of its own (tied ones too)."""
    compact = torch.contiguous_format
    return {name: value.detach().clone(memory_format=compact) for name, value in entry.state_dict().items()}
