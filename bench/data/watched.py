"""Tensors that a user's code is given to read: torch has no read-only ones, so that changes are looked for."""

from collections.abc import Mapping

from torch import Tensor

from bench.data.content import tensor_hash
from bench.data.dataset import Dataset
from bench.errors import ChangedData


class Watched:
    """Tensors that should stay as they are.

    A version counter tells a change in place after any call, also one that was undone. A write past torch, through a
    numpy view or `.data`, leaves the counter as it is: the content's hash tells it at the end.
    """

    def __init__(self, tensors: Mapping[str, Tensor], hashed: bool = False) -> None:
        """`tensors` by the names that an error gives them; with `hashed` their content is remembered as well."""
        self.tensors = dict(tensors)
        self.versions = {name: tensor._version for name, tensor in tensors.items()}
        self.hashes = {name: tensor_hash(tensor) for name, tensor in tensors.items()} if hashed else {}

    def check(self, call: str) -> None:
        """Looks at the version counters.

        Args:
            call: what the entry was asked for, such as `training`.

        Raises:
            ChangedData: a tensor was changed in place.
        """
        self.refuse([name for name, tensor in self.tensors.items() if tensor._version != self.versions[name]], call)

    def check_content(self, call: str) -> None:
        """Looks at the version counters and at the content.

        Raises:
            ChangedData: a tensor was changed, in whatever way.
        """
        self.check(call)
        self.refuse([name for name, value in self.hashes.items() if tensor_hash(self.tensors[name]) != value], call)

    def refuse(self, changed: list[str], call: str) -> None:
        """Raises where a tensor was changed."""
        if changed:
            raise ChangedData(f"changed its data: {' and '.join(changed)} in place, in {call}; work on a copy")


def splits(dataset: Dataset) -> Watched:
    """The splits of a data set and their labels, with the hashes of their content."""
    tensors = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    labels = zip(("train labels", "validation labels", "test labels"), dataset.labels or (), strict=False)
    return Watched(tensors | dict(labels), hashed=True)
