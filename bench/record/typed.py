"""A record's values, held against the kinds of their columns; its texts are cut and can be printed anywhere."""

import math
import re
from functools import cache
from typing import Any

from bench.record.columns import COLUMNS, STATUSES, spreads
from bench.record.reading import Unreadable, shown

LARGEST = 1e100
"""Largest size of a number: its square, over any number of seeds, is still finite."""
WHOLE = 2**63
"""Whole numbers from here on are kept as fractional ones."""
NAMES = ("data", "model")
NAME_LENGTH = 200
VARIANT_LENGTH = 300
PROSE = frozenset({"error", "warning", "note"})
PROSE_LENGTH = 2_000
TEXT_LENGTH = 100_000
"""Characters of a text that is kept: of a name, of what tells a row from others, of a message, of anything else."""
OWN_COLUMNS = 500
"""Columns of a record beside those of `COLUMNS`."""

KNOWN = {name: name for name in COLUMNS}
"""One text for a column's name in all records, each of which has been read with texts of its own."""

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
"""Control characters but for tab and line feed, halves of surrogate pairs, and those that turn a line round."""


def typed(record: dict[str, Any]) -> dict[str, Any]:
    """The record with every value of its column's kind.

    Scalars in text columns become text: a YAML's `name: 2024` is a number and its `name: no` a flag.

    Raises:
        Unreadable: a column holds the wrong kind of value, an infinity or a NaN, a name is none, or the status does
            not exist.
    """
    if len(record) > len(COLUMNS) + OWN_COLUMNS:
        raise Unreadable(f"{len(record):,} columns")
    named = {KNOWN.get(name) or printable(str(name))[:NAME_LENGTH]: value for name, value in record.items()}
    least = least_values()
    kept: dict[str, Any] = {
        name: value
        if value is None or (type(value) is float and least.get(name, math.inf) <= value <= LARGEST)
        else typed_value(name, value)
        for name, value in named.items()
    }
    for name in NAMES:
        if kept.get(name) is not None:
            kept[name] = checked_name(name, kept[name])
    if isinstance(kept.get("variant"), str):  # the report's own column, part of a row's name
        kept["variant"] = cut(" ".join(kept["variant"].split()), VARIANT_LENGTH)
    if kept.get("status") not in STATUSES:
        raise Unreadable(f"status is {shown(record.get('status'))}")
    if kept.get("seed") is not None and not isinstance(kept["seed"], int):
        raise Unreadable(f"seed is {shown(record['seed'])}")
    if kept.get("run_id") is not None and kept["run_id"] != record["run_id"]:
        raise Unreadable(f"run_id is {shown(record['run_id'])}")
    return kept


@cache
def least_values() -> dict[str, float]:
    """Column of numbers -> the least that it may hold: a fractional number from there to `LARGEST` stays as it is."""
    return {name: 0.0 if name in spreads() else -LARGEST for name, column in COLUMNS.items() if column.kind == "number"}


def typed_value(name: str, value: Any) -> Any:
    """One value as its column holds it.

    Raises:
        Unreadable: it is of another kind.
    """
    kind = COLUMNS[name].kind if name in COLUMNS else None
    if kind is None:
        return checked(name, value)
    if kind == "text":
        if not isinstance(value, (str, bool, int, float)):
            raise Unreadable(f"{name} is {shown(value)}")
        return cut(printable(str(value)), PROSE_LENGTH if name in PROSE else TEXT_LENGTH)
    if isinstance(value, bool) != (kind == "flag") or not isinstance(value, (bool, int, float)):
        raise Unreadable(f"{name} is {shown(value)}")
    if name in spreads() and value < 0:
        raise Unreadable(f"{name}, a spread, is {shown(value)}")
    return checked(name, value)


def checked(name: str, value: Any) -> Any:
    """A value of any kind, its texts printable, its numbers finite.

    Raises:
        Unreadable: a number is not.
    """
    if isinstance(value, str):
        return cut(printable(value), TEXT_LENGTH)
    if isinstance(value, list):
        return [checked(name, item) for item in value]
    if isinstance(value, dict):
        return {printable(str(key)): checked(name, item) for key, item in value.items()}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise Unreadable(f"{name} is not finite")
    if abs(value) > LARGEST:
        raise Unreadable(f"{name} is {shown(value)}, beyond {LARGEST:g}")
    return value if abs(value) < WHOLE else float(value)


def checked_name(name: str, text: str) -> str:
    """A name in one line.

    Raises:
        Unreadable: it could not be a name in the bench, such as one with a slash.
    """
    one_line = " ".join(text.split())
    if one_line in {"", ".", ".."} or "/" in one_line or len(one_line) > NAME_LENGTH:
        raise Unreadable(f"{name} is {shown(text)}, which is no name")
    return one_line


def printable(text: str) -> str:
    """The text with a mark in place of each character that no printed line can hold."""
    return text if text.isprintable() else UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def in_one_line(text: str) -> str:
    """The text in one printable line."""
    return printable(text).replace("\n", "\ufffd")


def cut(text: str, length: int) -> str:
    """A longer text's beginning and how many characters it had, together `length` characters."""
    if len(text) <= length:
        return text
    mark = f" … (cut, {len(text):,} characters)"
    return text[: length - len(mark)] + mark
