"""The contract of `finish`: what is fitted after training follows from the seed. `stored` says that it is stored."""

import torch

from bench.contract.isolation import snapshot
from bench.contract.outcome import Absent, require
from bench.contract.stored import restored
from bench.contract.testbed import Testbed
from bench.contract.training import changed
from bench.models.entry import Entry, HasFinish


def finishes(testbed: Testbed) -> None:
    """`finish` fits the same for the same seed, into buffers of a shape that the constructor knows."""
    if not isinstance(testbed.entry, HasFinish):
        require(not testbed.entry.fitted, "it is fitted and has no finish", "define finish(x), or leave fitted False")
        raise Absent("no finish")
    first, second = finished(testbed), finished(testbed)
    differ = changed(snapshot(first), snapshot(second))
    require(
        not differ,
        f"{', '.join(differ[:3])} differ between two calls of finish with one seed on the {testbed.name}",
        "draw from torch's global generator alone: no numpy, random or clock",
    )
    restored(testbed, first)


def finished(testbed: Testbed) -> Entry:
    """A copy of the trained entry, finished anew."""
    entry = restored(testbed, testbed.entry)
    torch.manual_seed(testbed.stream(25))
    entry.finish(testbed.train.clone())  # type: ignore[operator]
    return entry
