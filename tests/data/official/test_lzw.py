"""LZW of `compress`, held against an encoder that writes the format from its description, and against gzip."""

import random
import shutil
import subprocess

import pytest

from bench.data.official.lzw import decompressed


def compressed(content: bytes, widest: int = 16, clear_at: int | None = None) -> bytes:
    """A .Z file; the table is cleared once `clear_at` bytes are coded."""
    groups: list[tuple[int, list[int]]] = []  # width, codes; a group begins anew with each width or cleared table
    table = {bytes([byte]): byte for byte in range(256)}
    width, following, prefix = 9, 257, b""

    def put(code: int) -> None:
        if not groups or groups[-1][0] != width or len(groups[-1][1]) == 8:
            groups.append((width, []))
        groups[-1][1].append(code)

    for place in range(len(content)):
        byte = content[place : place + 1]
        if prefix + byte in table:
            prefix += byte
            continue
        put(table[prefix])
        if following < 1 << widest:
            table[prefix + byte] = following
            following += 1
        prefix = byte
        if following > 1 << width and width < widest:
            width += 1
        if clear_at is not None and place >= clear_at:
            clear_at = None
            put(256)
            table = {bytes([each]): each for each in range(256)}
            width, following = 9, 257
            groups.append((width, []))
    if prefix:
        put(table[prefix])
    packed = b""
    for number, (bits, codes) in enumerate(groups):
        value = sum(code << (bits * place) for place, code in enumerate(codes))
        full = bits if number + 1 < len(groups) and codes else -(-bits * len(codes) // 8)
        packed += value.to_bytes(full, "little")
    return b"\x1f\x9d" + bytes([0x80 | widest]) + packed


def texts() -> list[bytes]:
    draws = random.Random(0)
    numbers = "\n".join(" ".join(str(draws.randint(-20, 110)) for _ in range(10)) for _ in range(4_000)).encode()
    return [b"", b"a", b"aaaaaaaaaaaaaaaa", b"ab" * 700, bytes(range(256)) * 3, draws.randbytes(3_000), numbers]


@pytest.mark.parametrize("content", texts(), ids=lambda content: str(len(content)))
@pytest.mark.parametrize("widest", [9, 12, 16])
def test_what_was_compressed_comes_back(content: bytes, widest: int) -> None:
    assert decompressed(compressed(content, widest), 10**6) == content


@pytest.mark.parametrize("clear_at", [0, 5, 1_000, 30_000])
def test_a_cleared_table_begins_anew(clear_at: int) -> None:
    assert decompressed(compressed(texts()[-1], clear_at=clear_at), 10**6) == texts()[-1]


@pytest.mark.skipif(shutil.which("gzip") is None, reason="no gzip here")
@pytest.mark.parametrize("clear_at", [None, 30_000])
def test_gzip_reads_the_same(clear_at: int | None) -> None:
    content = texts()[-1]
    done = subprocess.run(
        ["gzip", "-dc"], input=compressed(content, clear_at=clear_at), capture_output=True, check=True
    )
    assert done.stdout == content


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "does not start"),
        (b"\x1f\x8b\x90abc", "does not start"),
        (b"\x1f\x9d\x9fabc", "codes of 31 bits"),
        (b"\x1f\x9d\x90\xff\xff\xff", "not made yet"),
    ],
)
def test_what_is_broken_is_named(content: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        decompressed(content, 10**6)


def test_no_more_is_unpacked_than_is_allowed() -> None:
    bomb = compressed(bytes(3_000_000))
    assert len(bomb) < 5_000
    assert decompressed(bomb, 3_000_000) == bytes(3_000_000)
    with pytest.raises(ValueError, match=r"unpacks to more than 2,999,999 bytes"):
        decompressed(bomb, 2_999_999)
