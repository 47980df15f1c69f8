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
"""Bytes that are asked for at once where zipfile unpacks all of them, to whatever they become: bzip2 and LZMA."""


def content_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content, of as many bytes as the archive says; the caller has looked at that number.

    `ZipFile.read` unpacks up to two gigabytes before it looks.

    Raises:
        zipfile.BadZipFile: it is damaged, or of another size.
    """
    piece = PIECE if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else SMALL_PIECE
    pieces: list[bytes] = []
    with archive.open(member) as stream:
        while part := stream.read(piece):
            pieces.append(part)
    content = b"".join(pieces)
    if len(content) != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename} is not of the size that the archive says")
    return content
