"""The first NaN or infinity of a diverged training: its last steps are taken again, every operation watched."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import Diverged, TimedOut
from bench.machine.deadline import Deadline
from bench.models.entry import Entry
from bench.models.parts.evaluation_weights import evaluation_weights
from bench.training.history import History
from bench.training.loop import Loop

WATCHED = 2
"""Steps watched: a loss is NaN in one step where the gradient of the step before was."""

TORCH = str(Path(torch.__file__).parent)


def with_first_nan(
    reason: Diverged, entry: Entry, dataset: Dataset, config: Config, checkpoint: Path, deadline: Deadline
) -> Diverged:
    """`reason` with the term that broke behind it, such as `: NaN first in VAE.loss > DiagonalGaussian.kl (log)`.

    Training goes on from `checkpoint` as it did then, and so to the same end. Where it does not, as under a budget in
    seconds, the term is left out.

    Args:
        reason: what `train` raised.
        entry, dataset, config, checkpoint: as in `train`; the entry is left with broken weights.
        deadline: looked at before each step; when it passes, the term is left out.
    """
    if reason.step is None or not checkpoint.exists():
        return reason
    watch, history = Watch(), History()
    with contextlib.suppress(Diverged, TimedOut):  # it diverges again, as it should
        loop = Loop(entry, dataset, config, history, deadline)
        loop.resume_or_begin(checkpoint)
        entry.train()
        while history.step < reason.step - WATCHED:
            loop.step(loop.progress(history.seconds))
        with watch:
            while history.step < reason.step:
                loop.step(loop.progress(history.seconds))
            with evaluation_weights(entry):
                loop.validation.value(entry, deadline)
    return Diverged(f"{reason}: {watch.place}", reason.step) if watch.place else reason


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the first operation that makes a NaN of what has none, and the first infinity before it.

    Attributes:
        places: by `infinity` and `NaN`, the functions that called the operation, and its own name.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.places: dict[str, str] = {}

    @property
    def place(self) -> str:
        """Both in one line, the earlier first; an infinity may be meant, a NaN never is."""
        return ", ".join(f"{what} first in {where}" for what, where in self.places.items())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        sound = {
            "NaN": not any(x.isnan().any() for x in floats((args, kwargs))),
            "infinity": all(x.isfinite().all() for x in floats((args, kwargs))),
        }
        result = func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if "NaN" in self.places or not has_tensors(args) or name.startswith(("empty", "new_empty")):
            return result
        after = [*floats((result, args))]  # an operation in place writes into its arguments
        if sound["NaN"] and any(x.isnan().any() for x in after):
            self.places["NaN"] = f"{callers()} ({name})"
        elif sound["infinity"] and "infinity" not in self.places and any(x.isinf().any() for x in after):
            self.places["infinity"] = f"{callers()} ({name})"
        return result


def has_tensors(arguments: Any) -> bool:
    """True for an operation that computes from tensors."""
    return any(isinstance(leaf, Tensor) for leaf in tree_leaves(arguments))


def floats(arguments: Any) -> Iterator[Tensor]:
    """The floating-point tensors among an operation's arguments or results."""
    for leaf in tree_leaves(arguments):
        if isinstance(leaf, Tensor) and leaf.is_floating_point():
            yield leaf


def callers() -> str:
    """The functions on the stack from the entry's first on, torch's own left out; in a backward pass, its node."""
    node = torch._C._current_autograd_node()
    if node is not None:
        return f"the gradient, {node.name()}"
    frame: FrameType | None = sys._getframe(2)
    names: list[str] = []
    up_to_entry: int | None = None
    while frame is not None and frame.f_code.co_filename != __file__:
        if not frame.f_code.co_filename.startswith(TORCH):
            names.append(frame.f_code.co_qualname)
        if isinstance(frame.f_locals.get("self"), Entry):
            up_to_entry = len(names)
        frame = frame.f_back
    return " > ".join(reversed(names[:up_to_entry]))
