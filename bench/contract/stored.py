"""Contracts of what is stored: the state is dense tensors, and a new entry that loads it answers as the trained one."""

import copy

import torch
from torch import Tensor

from bench.contract.methods import methods, seeded
from bench.contract.outcome import Broken, require
from bench.contract.testbed import Testbed
from bench.models.entry import Entry


def stored(testbed: Testbed) -> None:
    """`state_dict` holds dense tensors alone, and they decide all answers: a new entry that loads them gives the same.

    The loss is left out: what only training needs may be kept by the trainer.
    """
    entry = testbed.entry
    require_tensors(entry, testbed.name)
    fresh = restored(testbed, entry)
    again = methods(fresh)
    for name, method in methods(entry).items():
        if name == "loss":
            continue
        trained, loaded = (seeded(one, testbed.test[:16], testbed.stream(26)) for one in (method, again[name]))
        require(
            trained.shape == loaded.shape and torch.equal(trained.nan_to_num(), loaded.nan_to_num()),
            f"{name} is another on the {testbed.name} when a new entry loads the state_dict of the trained one",
            "keep all that decides an answer in parameters or buffers: averages, fits, counters and flags too",
        )


def require_tensors(entry: Entry, data: str) -> None:
    """Raises `Broken` for a state that a file of tensors cannot hold."""
    for name, value in entry.state_dict().items():
        what = f"a {type(value).__name__}" if not isinstance(value, Tensor) else f"a tensor of layout {value.layout}"
        require(
            isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized,
            f"state_dict holds {what} at '{name}' on the {data}",
            "register a buffer for what get_extra_state returns, and keep tensors dense",
        )


def restored(testbed: Testbed, source: Entry) -> Entry:
    """A new entry with the weights and buffers of `source`, in evaluation mode.

    Raises:
        Broken: they do not load.
    """
    torch.manual_seed(testbed.stream(37))
    entry = testbed.build(testbed.spec, testbed.width)
    try:
        entry.load_state_dict(copy.deepcopy(source.state_dict()))
    except RuntimeError as error:
        raise Broken(
            f"a new entry refuses the weights of the trained one ({' '.join(str(error).split())[:200]})",
            "give buffers the shape in the constructor that training and finish leave them in",
        ) from error
    return entry.eval()
