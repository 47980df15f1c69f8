"""A launcher's options, held against the kinds that its constructor is annotated with."""

import json
import sys
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from bench.errors import BenchError
from bench.record.reading import SHOWN
from bench.record.typed import cut, printable

WANTED = {
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    str: "a text",
    dict: "a mapping such as {name: value}",
    NoneType: "null",
}
"""Kinds that are looked at, in words; a value of any other is taken as it is."""


def fitted(option: str, value: Any, hint: Any) -> Any:
    """The value of an option, where it is of a kind that the hint allows; a number where a text stands becomes one.

    Raises:
        BenchError: it is of another kind, infinite or no number.
    """
    parts = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    kinds = [get_origin(part) or part for part in parts]
    if any(kind not in WANTED or is_of(value, kind) for kind in kinds):
        return value
    if str in kinds and type(value) in {int, float}:  # an account that is called 2024
        return str(value)
    raise BenchError(f"launch.{option}={shown(value)}: give {' or '.join(WANTED[kind] for kind in kinds)}")


def is_of(value: Any, kind: type) -> bool:
    """True where a value is of a kind: a whole number is a number too, a truth value is none."""
    if kind is float:
        return type(value) in {int, float} and abs(value) <= sys.float_info.max
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def shown(value: Any) -> str:
    """A value as a command has it, in one line."""
    text = value if isinstance(value, str) else json.dumps(value)
    return cut(" ".join(printable(text).split()), SHOWN)
