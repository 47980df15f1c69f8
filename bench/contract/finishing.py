"""The contract of `finish`: what is fitted after training follows from the seed, and is stored with the weights."""

import copy

import torch

from bench.contract.isolation import methods, seeded, snapshot
from bench.contract.outcome import Absent, Broken, require
from bench.contract.testbed import WIDTH, Subject, Testbed
from bench.contract.training import changed
from bench.models.entry import Entry, HasFinish


def finishes(subject: Subject) -> None:
    """`finish` fits the same for the same seed, and a new entry with the stored weights answers as the fitted one."""
    for testbed in subject.testbeds:
        if not isinstance(testbed.entry, HasFinish):
            require(
                not testbed.entry.fitted, "it is fitted and has no finish", "define finish(x), or leave fitted False"
            )
            raise Absent("no finish")
        first, second = finished(testbed), finished(testbed)
        differ = changed(snapshot(first), snapshot(second))
        require(
            not differ,
            f"{', '.join(differ[:3])} differ between two calls of finish with one seed on the {testbed.name}",
            "draw from torch's global generator alone: no numpy, random or clock",
        )
        loaded, fitted = restored(testbed, first), methods(first)
        for name, method in methods(loaded).items():
            require(
                torch.equal(seeded(method, testbed.test[:16], 26), seeded(fitted[name], testbed.test[:16], 26)),
                f"{name} is another on the {testbed.name} when a new entry loads the weights that finish left",
                "keep what finish fits in parameters or buffers",
            )


def finished(testbed: Testbed) -> Entry:
    """A copy of the trained entry, finished anew."""
    entry = restored(testbed, testbed.entry)
    torch.manual_seed(25)
    entry.finish(testbed.train)  # type: ignore[operator]
    return entry


def restored(testbed: Testbed, source: Entry) -> Entry:
    """A new entry with the weights and buffers of `source`, in evaluation mode.

    Raises:
        Broken: they do not load.
    """
    entry = testbed.build(testbed.spec, WIDTH)
    try:
        entry.load_state_dict(copy.deepcopy(source.state_dict()))
    except RuntimeError as error:
        raise Broken(
            f"a new entry refuses the weights that finish left ({' '.join(str(error).split())[:200]})",
            "give buffers the shape in the constructor that finish leaves them in",
        ) from error
    return entry.eval()
