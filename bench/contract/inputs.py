"""The contract of inputs: no method changes the tensors that it is given."""

from typing import Any

import torch
from torch import Tensor

from bench.contract.methods import answer, arguments, names
from bench.contract.outcome import require
from bench.contract.stored import restored
from bench.contract.testbed import Testbed, some_labels
from bench.models.entry import HasFinish
from bench.models.parts.conditional import with_context


def inputs(testbed: Testbed) -> None:
    """Every method, the training step and `finish` leave their arguments as they were.

    Examples are the data set's own rows, which other entries get after this one. Both the tensors' version counters and
    their values are compared: a step that changes nothing here may change other data, and `.data` counts no version.
    """
    entry, x = testbed.entry, testbed.test[:16]
    for name in names(entry):
        with torch.no_grad():
            given = tuple(value.clone() if isinstance(value, Tensor) else value for value in arguments(entry, name, x))
            watch = Watched(given)
            torch.manual_seed(testbed.stream(36))
            answer(entry, name, given)
        watch.require_same(name, testbed.name)
    if not entry.fitted:
        _, trainer = testbed.fresh()
        examples, labels = x.clone(), some_labels(x)
        watch = Watched((examples, labels))
        if entry.data.classes:
            with_context(trainer).step(examples, 0.0, labels)
        else:
            trainer.step(examples, 0.0)
        watch.require_same("the trainer's step", testbed.name)
    if isinstance(entry, HasFinish):
        given = (testbed.train.clone(),)
        watch = Watched(given)
        restored(testbed, entry).finish(*given)  # type: ignore[operator]
        watch.require_same("finish", testbed.name)


class Watched:
    """Tensors, and their versions and values when the watch began."""

    def __init__(self, given: tuple[Any, ...]) -> None:
        self.tensors = [value for value in given if isinstance(value, Tensor)]
        self.before = [(value._version, value.detach().clone()) for value in self.tensors]

    def require_same(self, method: str, data: str) -> None:
        """Raises `Broken` where a tensor was written to."""
        for tensor, (version, value) in zip(self.tensors, self.before, strict=True):
            moved = float((tensor.detach() - value).abs().nan_to_num().max())
            require(
                tensor._version == version and moved == 0,
                f"{method} changes its input in place on the {data}, here by {moved:.3g} at most",
                "write x = x - mean and not x -= mean: the rows are the data set's own",
            )
