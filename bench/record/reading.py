"""Files that a stranger may have written, read within limits: plain files of so many bytes of UTF-8, never a link.

Records, configurations and tables come with a study from wherever it was made. Each is read here alone; what cannot be
read is an `Unreadable` whose message is one line.
"""

import csv
import gzip
import io
import json
import os
import re
import stat
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import yaml  # type: ignore[import-untyped]

from bench.record.csv_cells import original

RECORD_BYTES = 5_000_000
CONFIG_BYTES = 1_000_000
TABLE_BYTES = 200_000_000
ARCHIVE_BYTES = 500_000_000
"""Largest file of each kind; of an archive also the largest content."""
DEPTH = 30
"""Lists and mappings within each other."""
NUMBER_LENGTH = 110
"""Characters of a number."""
SHOWN = 60
"""Characters of a stranger's value that a message repeats."""

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads a thousand configurations ten times faster
NUMBER_START = re.compile(r"[-+.]?[0-9]")
SECTION = re.compile(r"""\w+:(?: (?:\[\]|\{\}|'[^'\n]*'|"[^"\n]*"|[^\n{\["'][^\n]*))?\n(?:[ -][^\n]*\n)*""")
"""A top-level key of a YAML and all that stands under it, as the bench writes it."""


class Unreadable(ValueError):
    """A file or a value that is not what the bench writes; the message says why in one line."""


class CannotRead(Unreadable):
    """A file that cannot be read now: what it holds is not known."""


def opened(path: Path, limit: int) -> BinaryIO:
    """The file, open for reading. A link, a pipe or a device is not opened at all.

    Raises:
        FileNotFoundError: there is none.
        Unreadable: it is no plain file, larger than `limit` bytes, or may not be read.
    """
    try:
        check_plain(os.lstat(path), limit)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CannotRead(f"cannot be opened: {error.strerror}") from error
    file = os.fdopen(descriptor, "rb")
    try:
        check_plain(os.fstat(file.fileno()), limit)
    except Unreadable:
        file.close()
        raise
    return file


def check_plain(status: os.stat_result, limit: int) -> None:
    """Refuses what is no plain file, or a large one.

    Raises:
        Unreadable: it says which.
    """
    if stat.S_ISLNK(status.st_mode):
        raise Unreadable("a link, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("not a plain file")
    if status.st_size > limit:
        raise Unreadable(f"{status.st_size:,} bytes, more than {limit:,}")


def text_of(path: Path, limit: int) -> str:
    """The file's text, in UTF-8 whatever the locale.

    Raises:
        FileNotFoundError: there is none.
        Unreadable: as `opened`, or it is not UTF-8.
    """
    with opened(path, limit) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise CannotRead(f"cannot be read: {error.strerror}") from error
    return decoded(content, limit)


def decoded(content: bytes, limit: int) -> str:
    """The text of what was read of a file.

    Raises:
        Unreadable: it is longer than `limit`, or not UTF-8.
    """
    if len(content) > limit:
        raise Unreadable(f"more than {limit:,} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}") from error


def json_object(text: str) -> dict[str, Any]:
    """The JSON object that a text holds, no key of it twice, as the bench writes it.

    Raises:
        Unreadable: it is no such object.
    """
    try:
        value = json.loads(text, object_pairs_hook=without_repeats, parse_int=whole)
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise Unreadable(str(error)) from error
    check_depth(value)
    if not isinstance(value, dict):
        raise Unreadable("not an object")
    return value


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as a mapping.

    Raises:
        Unreadable: a key stands there twice.
    """
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Unreadable(f"{shown(next(key for key in keys if keys.count(key) > 1))} stands there twice")
    return mapping


def whole(digits: str) -> int:
    """A whole number; reading one of many digits takes the square of their number.

    Raises:
        Unreadable: it is longer than any quantity.
    """
    if len(digits) > NUMBER_LENGTH:
        raise Unreadable(f"a number of {len(digits):,} digits")
    return int(digits)


def check_depth(value: Any) -> None:
    """Refuses lists and mappings within each other at more than `DEPTH` levels.

    Raises:
        Unreadable: there are more.
    """
    level = [value]
    for _ in range(DEPTH):
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))]
        level = [item for items in inner for item in items]
        if not level:
            return
    raise Unreadable(f"nested more than {DEPTH} times")


def yaml_mapping(text: str) -> dict[Any, Any]:
    """The mapping that a YAML holds; aliases, which can stand for any amount of text, and tags are refused.

    Raises:
        Unreadable: it is none, or not one that the bench writes.
    """
    try:
        depth = 0
        for event in yaml.parse(text, Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            check_event(event, depth)
        value = yaml.load(text, Loader)
    except Unreadable:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(f"no YAML ({type(error).__name__})") from error
    if value is not None and not isinstance(value, dict):
        raise Unreadable("not a mapping")
    return value or {}


def yaml_sections(text: str) -> list[str]:
    """The text divided at its top-level keys, each part a YAML; one that the bench would not write stays whole."""
    sections, place = [], 0
    while section := SECTION.match(text, place):  # not findall: it looks again from every letter of a long word
        sections.append(section[0])
        place = section.end()
    return sections if place == len(text) else [text]


def check_event(event: Any, depth: int) -> None:
    """Refuses what the bench never writes into a YAML.

    Raises:
        Unreadable: it names it.
    """
    if depth > DEPTH:
        raise Unreadable(f"nested more than {DEPTH} times")
    if isinstance(event, yaml.AliasEvent):
        raise Unreadable("has an alias")
    if getattr(event, "tag", None) is not None:
        raise Unreadable(f"has the tag {shown(event.tag)}")
    plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
    if plain and len(event.value) > NUMBER_LENGTH and NUMBER_START.match(event.value):
        raise Unreadable(f"has a number of {len(event.value):,} characters")


def packed_name(path: Path) -> Path:
    """Where a table of that name lies when it is large: compressed, as `pandas.read_csv` reads it too."""
    return path.with_name(f"{path.name}.gz")


def as_it_lies(path: Path) -> Path:
    """The file that holds a table: the compressed one where there is no other."""
    return packed_name(path) if not path.exists() and packed_name(path).exists() else path


def table_text(path: Path) -> str:
    """The text of a table, of a compressed one too.

    Raises:
        FileNotFoundError: there is none.
        Unreadable: as `text_of`, or it is not what it was compressed from.
    """
    if path.suffix != ".gz":
        return text_of(path, TABLE_BYTES)
    with opened(path, TABLE_BYTES) as file:
        try:
            with gzip.GzipFile(fileobj=file) as content:
                data = content.read(TABLE_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"cannot be unpacked: {error}") from error
    return decoded(data, TABLE_BYTES)


def csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of its last line; cells are the texts that were written.

    Raises:
        FileNotFoundError: there is none.
        Unreadable: as `text_of`, or it is no CSV.
    """
    text = table_text(as_it_lies(path))
    usual = csv.field_size_limit(TABLE_BYTES)
    try:
        reader = csv.reader(io.StringIO(text, newline=""))
        return [(reader.line_num, list(map(original, row))) for row in reader]
    except csv.Error as error:
        raise Unreadable(f"no CSV ({error})") from error
    finally:
        csv.field_size_limit(usual)


def arrays_of(path: Path) -> dict[str, Any]:
    """The numpy arrays of an .npz by name; nothing is unpickled.

    Raises:
        FileNotFoundError: there is none.
        Unreadable: it is no such archive, or would fill the memory.
    """
    import numpy as np

    with opened(path, ARCHIVE_BYTES) as file:
        try:
            with zipfile.ZipFile(file) as content:
                size = sum(member.file_size for member in content.infolist())
            if size > ARCHIVE_BYTES:
                raise Unreadable(f"{size:,} bytes unpacked, more than {ARCHIVE_BYTES:,}")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                read = dict(arrays)
        except Unreadable:
            raise
        except Exception as error:  # a damaged archive fails in numpy, zipfile or zlib, each in ways of its own
            raise Unreadable(f"no archive of arrays ({type(error).__name__})") from error
    if not all(isinstance(array, np.ndarray) for array in read.values()):
        raise Unreadable("holds something else than arrays")
    return read


def shown(value: Any) -> str:
    """A stranger's value as a message repeats it: its beginning, in one line of printable characters."""
    text = repr(value[:SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN + 2 else f"{text[:SHOWN]}…"
