"""Arrays that a function of one's own returns: bench run data=python data.function=my.module:load"""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from bench.data.cutting import Cutting
from bench.data.dataset import Dataset
from bench.data.from_arrays import ALPHA, Came, Values, dataset_of
from bench.data.named_arrays import sorted_by_name
from bench.data.pictures import BYTE, as_pictures, pictures
from bench.errors import BenchError, one_line, unknown
from bench.spec import Kind
from bench.trusted import check_trusted


def python(
    name: str,
    *,
    function: str,
    picture: bool = False,
    kind: Kind | None = None,
    levels: int | None = None,
    alpha: float = ALPHA,
    split: Any = None,
    seed: int = 0,
    labelled: int | None = None,
    **own: Any,
) -> Dataset:
    """The arrays that a function returns: examples alone, examples and labels, or a dictionary of names as in a .npz.

    The arrays count in a run's key, and the source of the function's module beside them.

    Args:
        name: the name of the data set's file in conf/data.
        function: `module:name`, where the module can be imported from the folder of the command.
        picture: whether examples are pictures of bytes, `(n, height, width)`, with 1 or 3 channels behind or before.
        kind: as for array; pictures are discrete.
        levels: as for array; of pictures 2 to 256, and 256 where it is null.
        alpha: as for array.
        split: as for array.
        seed: as for array.
        labelled: as for array.
        own: further options `data.NAME=` are handed to the function.

    Raises:
        BenchError: the function cannot be imported or called, or returns no arrays, or as `array`.
    """
    where = f"data.function={function}"
    arrays = named(called(imported(function, where), where, own), where)
    came = Came(where, content=hash_of(arrays))
    cutting, sorted_arrays = Cutting(split, seed, labelled), sorted_by_name(arrays, where)
    if not picture:
        return dataset_of(name, sorted_arrays, came, cutting, Values(kind, levels, alpha))
    if kind not in (None, "discrete"):
        raise BenchError(
            f"{where}: data.kind={kind} with data.picture=true; pictures are discrete, leave data.kind out"
        )
    levels = BYTE if levels is None else levels
    return pictures(name, as_pictures(sorted_arrays, where), came, cutting, levels, alpha, binary=False)


def imported(function: str, where: str) -> Callable[..., Any]:
    """The function of `module:name`.

    Raises:
        BenchError: it may not be named, or cannot be imported or called, with the nearest name that can.
    """
    module_name, colon, attribute = function.partition(":")
    if not (module_name and colon and attribute):
        raise BenchError(f"{where}: write module:name, such as data.function=my.module:load")
    check_trusted(module_name, where)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's module may raise anything while it is imported
        raise BenchError(f"{where}: cannot import {module_name} ({one_line(error)}); mend it, or its name") from error
    named = getattr(module, attribute, None)
    if named is None:
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module_name]
        raise unknown("function", attribute, own, where=module_name)
    if not callable(named):
        raise BenchError(f"{where}: is no function; name one that returns arrays")
    found: Callable[..., Any] = named
    return found


def called(function: Callable[..., Any], where: str, options: dict[str, Any]) -> Any:
    """What the function returns.

    Raises:
        BenchError: options that it does not take, or whatever it raises.
    """
    try:
        inspect.signature(function).bind(**options)
    except TypeError as error:
        raise BenchError(f"{where}: {error}; set data.NAME= for arguments of the function alone") from error
    try:
        return function(**options)
    except BenchError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise BenchError(f"{where}: fails ({one_line(error)}); mend it or its options") from error


def named(returned: Any, where: str) -> dict[str, np.ndarray]:
    """The returned arrays by name: `x` for one, `x` and `y` for two.

    Raises:
        BenchError: something else was returned.
    """
    if isinstance(returned, Mapping):
        arrays = {str(name): value for name, value in returned.items()}
    elif isinstance(returned, tuple) and len(returned) == 2:
        arrays = {"x": returned[0], "y": returned[1]}
    elif hasattr(returned, "__array__"):
        arrays = {"x": returned}
    else:
        kind = type(returned).__name__
        raise BenchError(f"{where}: returned a {kind}; let it return an array, examples and labels, or a dictionary")
    return {name: as_array(value, f"{where}, {name}") for name, value in arrays.items()}


def as_array(value: Any, where: str) -> np.ndarray:
    """A value as a numpy array.

    Raises:
        BenchError: it is none.
    """
    try:
        return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    except (ValueError, TypeError) as error:
        raise BenchError(f"{where}: is no array ({one_line(error)}); return numbers in rows of one length") from error


def hash_of(arrays: Mapping[str, np.ndarray]) -> str:
    """A hash of names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, str(array.dtype), list(array.shape)]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
