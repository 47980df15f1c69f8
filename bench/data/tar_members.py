"""The members of a tar archive that a stranger may have written, one after another and within limits.

Python's `tarfile` believes what headers say of sizes. So a header that leads backwards is refused, before it is read
for ever, and one that wants a name or a map of holes of many megabytes, before they are in memory. What is no header is
an error, where `tarfile` takes it for the end of the archive.
"""

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn, Self

BROKEN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError, RecursionError)
"""What tarfile raises of an archive that is damaged, beside OSError."""
MOST = 2_000_000
"""Members of an archive; ImageNet has 1.3 million."""
WHOLE = 2**36
"""Bytes of all members together: those that are passed over are decompressed, too."""
LARGEST_HEADER = 2**20
"""Bytes of a name, or of other words about a member."""
WORDS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Types of headers whose content is read into memory."""


class Header(tarfile.TarInfo):
    """A member's header; a damaged one is an error."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The header of 512 bytes.

        Raises:
            tarfile.HeaderError: it is damaged, or the archive ends here.
            tarfile.ReadError: it asks for what no archive of plain files has.
        """
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.ReadError(f"a member of {header.size} bytes")
        if header.type in WORDS and header.size > LARGEST_HEADER:
            raise tarfile.ReadError(f"a name of {header.size} bytes")
        if header.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a file with holes")
        return header

    def with_holes(self, *_: object) -> NoReturn:
        """What `tarfile` calls for each map of holes among words about a member: none is read, as it may not end.

        Raises:
            tarfile.ReadError: always.
        """
        raise tarfile.ReadError("a file with holes")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = with_holes

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """The next header.

        Raises:
            tarfile.EOFHeaderError: the archive ends here.
            tarfile.ReadError: it is damaged.
        """
        start = tarfile_.offset
        try:
            header = super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.size < 0 or tarfile_.offset <= start:
            raise tarfile.ReadError(f"a member of {header.size} bytes")
        return header


def opened(path: Path) -> tarfile.TarFile:
    """The archive, compressed or not, for `members`.

    Raises:
        OSError: it cannot be read.
        tarfile.TarError: it is none.
    """
    return tarfile.open(path, tarinfo=Header)


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in their order; the archive remembers none of them.

    Raises:
        tarfile.ReadError: there are too many, or they are too large.
    """
    count = size = 0
    while (member := archive.next()) is not None:
        count, size = count + 1, size + member.size
        if count > MOST or size > WHOLE:
            raise tarfile.ReadError(f"{count:,} members of {size:,} bytes, more than {MOST:,} of {WHOLE:,}")
        yield member
        archive.members = []  # type: ignore[attr-defined, unused-ignore]  # else a kilobyte for each
