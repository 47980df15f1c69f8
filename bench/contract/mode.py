"""The contract of evaluation mode: dropout is off, and batch normalisation uses its averages."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from torch.overrides import TorchFunctionMode

from bench.contract.methods import methods, seeded
from bench.contract.outcome import require
from bench.contract.testbed import Testbed
from bench.models.entry import HasLogProb, HasLogWeights

DROPOUT = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"}
ARGUMENTS = {
    "dropout": ("input", "p", "training"),
    "scaled_dot_product_attention": ("q", "k", "v", "mask", "dropout_p"),
}
"""Names of the arguments of built-in functions, which have no signature."""


def mode(testbed: Testbed) -> None:
    """After `eval()` no module is left in training mode, and no method that is evaluated drops units or uses batches.

    `sample` may drop units: noise in a generator is part of some models. The loss counts where no likelihood stands in
    for it.
    """
    entry = testbed.entry
    entry.eval()
    left = [name or type(entry).__name__ for name, module in entry.named_modules() if module.training]
    require(
        not left,
        f"{', '.join(left[:3])} stays in training mode after eval() on the {testbed.name}",
        "let eval() and train(False) reach every module",
    )
    likelihood = isinstance(entry, (HasLogProb, HasLogWeights))
    for name, method in methods(entry).items():
        if name == "loss" and likelihood:
            continue
        with TrainingCalls() as calls:
            seeded(method, testbed.test[:8], testbed.stream(38))
        found = calls.names - (DROPOUT if name == "sample" else set())
        require(
            not found,
            f"{name} calls {', '.join(sorted(found))} in training mode on the {testbed.name}, after eval()",
            "pass training=self.training, and keep running statistics",
        )


class TrainingCalls(TorchFunctionMode):
    """Names of the calls, while it is entered, of dropout or batch normalisation in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(
        self, function: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        """Calls the function, and notes its name where its arguments say that it trains."""
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in DROPOUT | {"batch_norm", "scaled_dot_product_attention"}:
            given = named(function, name, args, kwargs)
            drops = name not in DROPOUT or given.get("p", 0.5) > 0
            if (given.get("training") and drops) or given.get("dropout_p"):
                self.names.add(name)
        return function(*args, **kwargs)


def named(function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, defaults among them."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except ValueError:  # a built-in function
        return dict(zip(ARGUMENTS.get(name, ()), args, strict=False)) | kwargs
    bound.apply_defaults()
    return bound.arguments
