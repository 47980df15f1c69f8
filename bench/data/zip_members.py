"""The content of a member of a zip archive that a stranger may have written."""

import lzma
import zipfile
import zlib

BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    OverflowError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,
    NotImplementedError,
)
"""What zipfile raises of an archive that is damaged, encrypted or packed in a way it does not know."""
PIECE = 2**20
SMALL_PIECE = 2**12
"""Bytes that are asked for at once of LZMA, of which zipfile unpacks all that it reads, to 30 megabytes at most."""


def content_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content, of as many bytes as the archive says; the caller has looked at that number.

    `ZipFile.read` unpacks up to two gigabytes before it looks.

    Raises:
        zipfile.BadZipFile: it is damaged, of another size, or packed by bzip2, of which zipfile unpacks kilobytes to
            gigabytes at once.
    """
    if member.compress_type == zipfile.ZIP_BZIP2:
        raise zipfile.BadZipFile(f"{member.filename} is packed by bzip2, which may hide gigabytes; pack it by deflate")
    piece = SMALL_PIECE if member.compress_type == zipfile.ZIP_LZMA else PIECE
    pieces: list[bytes] = []
    with archive.open(member) as stream:
        while part := stream.read(piece):
            pieces.append(part)
    content = b"".join(pieces)
    if len(content) != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename} is not of the size that the archive says")
    return content
