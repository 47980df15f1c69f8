"""The contract of `evaluation_weights`: weights of the entry's own parameters, which its state decides."""

import torch
from torch import Tensor

from bench.contract.outcome import Absent, require
from bench.contract.stored import restored
from bench.contract.testbed import Testbed, train_briefly
from bench.models.entry import Entry, HasEvaluationWeights

STEPS = 20


def evaluated(testbed: Testbed) -> None:
    """Each of `evaluation_weights` has the name and shape of a parameter, is finite, and is kept by the state_dict."""
    entry, trainer = testbed.fresh()
    if not isinstance(entry, HasEvaluationWeights):
        raise Absent("no evaluation_weights")
    if entry.fitted:
        raise Absent("it takes no steps")
    with torch.enable_grad():
        train_briefly(entry, trainer, testbed.train, STEPS)
    weights = named_weights(entry)
    if not weights:
        raise Absent("evaluation_weights names none")
    shapes = {name: parameter.shape for name, parameter in entry.named_parameters()}
    for name, value in weights.items():
        require(
            name in shapes,
            f"evaluation_weights names '{name}', which is no parameter",
            "give each weight the name that named_parameters() gives it",
        )
        require(
            value.shape == shapes[name],
            f"evaluation_weights gives '{name}' the shape {tuple(value.shape)}, the parameter has "
            f"{tuple(shapes[name])}",
            "give weights of the parameters' own shapes",
        )
        require(
            bool(value.isfinite().all()),
            f"evaluation_weights gives '{name}' values that are not finite after {STEPS} steps on the {testbed.name}",
            "begin an average with the first weights",
        )
    again = named_weights(restored(testbed, entry))
    lost = [name for name, value in weights.items() if name not in again or not torch.equal(value, again[name])]
    require(
        not lost,
        f"a new entry that loads the state_dict gives '{lost[0] if lost else ''}' other evaluation_weights",
        "keep what they are made from in buffers",
    )


def named_weights(entry: Entry) -> dict[str, Tensor]:
    """A copy of what `evaluation_weights` gives."""
    assert isinstance(entry, HasEvaluationWeights)
    return {name: value.detach().clone() for name, value in entry.evaluation_weights().items()}
