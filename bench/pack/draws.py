"""The random draws of a loss: recorded once, then drawn anew at each step, for each run from its own random state.

Under `torch.func.vmap` all runs share one trace, and a draw within it could not belong to any of them. So the draws are
made before the step, and handed to it in the order in which the loss asks for them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Unpackable(Exception):
    """These runs cannot be trained as one batched model; the message says why, in one line."""


METHODS: dict[Callable[..., Any], str] = {
    torch.randn: "normal_",
    torch.randn_like: "normal_",
    torch.rand: "uniform_",
    torch.rand_like: "uniform_",
    Tensor.normal_: "normal_",
    Tensor.uniform_: "uniform_",
    Tensor.bernoulli_: "bernoulli_",
    Tensor.exponential_: "exponential_",
}
"""Functions that draw, and the method of an empty tensor that draws the same numbers. All others stop the pack."""

IN_PLACE = frozenset(function for function, method in METHODS.items() if function.__name__ == method)


class Draw(NamedTuple):
    """One draw of a loss: `method` of an empty tensor of that layout, in whose memory order the numbers come."""

    method: str
    arguments: tuple[float, ...]
    options: tuple[tuple[str, float], ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device


class Recording(TorchFunctionMode):
    """Notes every draw that is made while it is entered.

    Attributes:
        draws: in their order.

    Raises:
        Unpackable: from within, at a draw whose numbers depend on others or come from a generator of the entry's own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.draws: list[Draw] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in METHODS:
            self.draws.append(described(func, args, kwargs, result))
        return result


def described(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], result: Tensor) -> Draw:
    """The draw that a call of one of `METHODS` made.

    Raises:
        Unpackable: see `Recording`.
    """
    if kwargs.get("generator") is not None:
        raise Unpackable(f"its loss gives {function.__name__} a generator of its own")
    arguments = args[1:] if function in IN_PLACE else ()
    options = tuple(kwargs.items()) if function in IN_PLACE else ()
    if any(isinstance(value, Tensor) for value in (*arguments, *kwargs.values())):
        raise Unpackable(f"what its loss draws by {function.__name__} depends on other tensors")
    layout = (tuple(result.shape), result.stride(), result.dtype, result.device)
    return Draw(METHODS[function], arguments, options, *layout)


class Replay(TorchFunctionMode):
    """Gives a loss, at every draw, the next of the numbers drawn for it beforehand."""

    def __init__(self, left: list[Tensor]) -> None:
        """Takes them out of `left`, from its beginning on."""
        super().__init__()
        self.left = left

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in METHODS:
            return self.left.pop(0).clone()  # the loss may write into it
        return func(*args, **(kwargs or {}))


class RandomState:
    """One run's copy of torch's global random state, while several runs take turns in one process."""

    def __init__(self, device: torch.device) -> None:
        """The global state as it is now, of the CPU and of `device`."""
        self.device = device
        self.generators = {kind: torch.Generator(kind) for kind in sorted({"cpu", device.type})}
        self.generators["cpu"].set_state(torch.get_rng_state())
        if device.type == "cuda":
            self.generators["cuda"].set_state(torch.cuda.get_rng_state(device))

    def copy(self) -> "RandomState":
        """Another of the same state; the global one is overwritten."""
        self.restore()
        return RandomState(self.device)

    def restore(self) -> None:
        """Makes it the global state."""
        torch.set_rng_state(self.generators["cpu"].get_state())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(self.generators["cuda"].get_state(), self.device)

    def draw(self, draw: Draw) -> Tensor:
        """The numbers that the run alone would draw next."""
        empty = torch.empty_strided(draw.size, draw.stride, dtype=draw.dtype, device=draw.device)
        generator = self.generators[draw.device.type]
        drawn: Tensor = getattr(empty, draw.method)(*draw.arguments, **dict(draw.options), generator=generator)
        return drawn

    def same_as(self, other: "RandomState") -> bool:
        """True when both would draw the same from now on."""
        pairs = zip(self.generators.values(), other.generators.values(), strict=True)
        return all(torch.equal(one.get_state(), another.get_state()) for one, another in pairs)


def drawn_for(states: Sequence[RandomState], draws: Sequence[Draw]) -> list[Tensor]:
    """Every draw of a step, `(runs, *size)`, made in each run's own order."""
    return [torch.stack([state.draw(draw) for state in states]) for draw in draws]
