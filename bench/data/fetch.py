"""Downloads data sets from their official addresses and checks them: `bench data list`, `fetch` and `verify`.

A download goes to `FILE.part` and takes the file's name only after its checksum matched, so that a file that is there
is whole. The next fetch goes on from what an interrupted download left behind.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from bench.data.sources import SOURCES, RemoteFile, Source, data_root, fetch_command, source
from bench.errors import BenchError

TIMEOUT_SECONDS = 30.0
CHUNK_BYTES = 1 << 18


def source_table(root: str | None) -> str:
    """The text of `bench data list`: every set, how many of its files are there, its origin, terms and checksums."""
    folder = data_root(root)
    rows = [("name", "files there", "from", "terms")]
    rows += [(_title(row), _presence(row, root), row.origin, row.terms) for row in SOURCES]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    checksums = [f"{row.folder or row.name}/{file.name}  {file.checksum}" for row in SOURCES for file in row.files]
    return "\n".join([*lines, "", *checksums, "", f"data root: {folder}"])


def fetch(name: str, root: str | None, *, base_url: str | None = None, report: Callable[[str], None] = print) -> Path:
    """Brings every file of a data set into its folder under the data root; what is there and right stays.

    Args:
        name: a name of `bench data list`.
        root: the data root; None means $BENCH_DATA or the user's cache.
        base_url: an http(s) address that holds the same files, in place of the official one.
        report: takes a line about each file. On a terminal a progress bar is shown besides.

    Returns:
        The folder of the files (the data root for a set that needs no download).

    Raises:
        BenchError: the name is unknown, the folder cannot be written, the transfer failed or broke off (fetching again
            goes on from there), or the bytes are not the official ones (they are thrown away).
    """
    wanted = source(name)
    if not wanted.files:
        report(f"{name}: nothing to download")
        return data_root(root)
    base = (base_url or wanted.origin).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise BenchError(f"cannot fetch {name} from '{base}': the address must start with http:// or https://")
    folder = wanted.place(root)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in wanted.files:
            _bring(file, f"{base}/{file.there or file.name}", folder, report)
    except OSError as error:
        raise BenchError(f"cannot write {name} to {folder}: {error}; set BENCH_DATA to a folder of your own") from error
    return folder


def verify(name: str, root: str | None) -> list[str]:
    """Holds the official checksum against every file of a data set.

    Returns:
        A line for each file, all of them right.

    Raises:
        BenchError: the name is unknown, or files are missing, unreadable or wrong; the message names each of them.
    """
    wanted = source(name)
    if not wanted.files:
        return [f"{name}: nothing to verify, it is not downloaded"]
    folder = wanted.place(root)
    faults = [fault for file in wanted.files if (fault := _fault(folder / file.name, file))]
    if faults:
        raise BenchError(f"{name} in {folder}: {'; '.join(faults)}; run `{fetch_command(name, root)}`")
    return [f"{folder / file.name}: {file.checksum} right" for file in wanted.files]


def _title(row: Source) -> str:
    return f"{row.name} ({', '.join(row.holds)})" if row.holds else row.name


def _presence(row: Source, root: str | None) -> str:
    if not row.files:
        return "no need"
    return f"{sum((row.place(root) / file.name).is_file() for file in row.files)} of {len(row.files)}"


def _fault(path: Path, file: RemoteFile) -> str | None:
    """The fault of the file at `path` in words, or None."""
    if not path.exists():
        return f"{file.name} is missing"
    try:
        obtained = file.checksum_of(path)
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"
    return None if obtained == file.checksum else f"{file.name} has {obtained}, expected {file.checksum}"


def _bring(file: RemoteFile, url: str, folder: Path, report: Callable[[str], None]) -> None:
    """Puts `file` in its place, downloading what is not there yet."""
    target, part = folder / file.name, folder / f"{file.name}.part"
    if _fault(target, file) is None:
        report(f"{target}: already there, checksum right")
        return
    with _alone(part) as out:
        if _fault(part, file) is not None:
            report(f"{target}: fetching {url}")
            _transfer(url, out)
            os.fsync(out.fileno())
        obtained = file.checksum_of(part)
        if obtained != file.checksum:
            part.unlink()
            raise BenchError(
                f"{url} is not the official file: expected {file.checksum}, obtained {obtained}; "
                "nothing was kept, fetch again or name another address with --url"
            )
        part.replace(target)
    report(f"{target}: fetched, checksum right")


@contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """The file at `part`, to append to, which no other process appends to meanwhile.

    Raises:
        BenchError: another process has it, or has just put it in its place.
    """
    with part.open("ab") as out:
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours = os.path.samestat(os.fstat(out.fileno()), part.stat())
        except (BlockingIOError, FileNotFoundError):
            ours = False
        if not ours:
            raise BenchError(f"{part}: another process is fetching it; wait for that one, then fetch again")
        yield out


def _transfer(url: str, out: BinaryIO) -> None:
    """Appends to `out` what it lacks of `url`, or starts it again where the server cannot go on from there."""
    try:
        response, start = _request(url, out.tell())
        with response:
            out.seek(start)
            out.truncate()
            length = response.headers.get("Content-Length")
            total = None if length is None else start + int(length)
            with _bar() as bar:
                task = bar.add_task(url.rpartition("/")[2], total=total, completed=start)
                while chunk := response.read(CHUNK_BYTES):
                    bar.advance(task, out.write(chunk))
        out.flush()
        if total is not None and out.tell() != total:
            raise ConnectionError(f"the transfer broke off after {out.tell():,} of {total:,} bytes")
    except (OSError, HTTPException, ValueError) as error:
        raise BenchError(
            f"cannot fetch {url}: {error}; fetch again to go on with what arrived, or name another address with --url"
        ) from error


def _bar() -> Progress:
    """A bar of bytes, shown on a terminal only."""
    shown = sys.stderr is not None and sys.stderr.isatty()
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown)


def _request(url: str, start: int) -> tuple[HTTPResponse, int]:
    """The answer to a request for `url` from byte `start` on, and the byte that the answer really starts at."""
    if start:
        try:
            response = urlopen(Request(url, headers={"Range": f"bytes={start}-"}), timeout=TIMEOUT_SECONDS)
        except HTTPError as error:
            if error.code != 416:  # 416: the file has no byte `start`, so what is here is not a part of it
                raise
            error.close()
        else:
            if response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                return response, start
            if response.status == 200:
                return response, 0
            response.close()
    return urlopen(url, timeout=TIMEOUT_SECONDS), 0
