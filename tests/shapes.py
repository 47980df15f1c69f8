"""The checker of shapes that `tests.shape_run` gives to jaxtyping: arrays alone, every item of a list."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, BeartypeStrategy, beartype
from jaxtyping import AbstractArray

ALL_ITEMS = BeartypeConf(strategy=BeartypeStrategy.On, is_pep484_tower=True)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the arrays among its annotations checked, and nothing else."""
    arrays = {name: hint for name, hint in function.__annotations__.items() if gives_shape(hint)}
    if not arrays:
        return function
    function.__annotations__ = arrays
    return beartype(function, conf=ALL_ITEMS)


def gives_shape(hint: Any) -> bool:
    """True for an annotation of an array, also within another, such as a tuple of arrays or an array or None."""
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(map(gives_shape, getattr(hint, "__args__", ())))
