"""The format of `compress`, files that end in .Z: LZW with codes of 9 to 16 bits (Welch 1984)."""

MAGIC = b"\x1f\x9d"
CLEAR = 256


def decompressed(content: bytes, largest: int) -> bytes:
    """What a .Z file holds.

    Codes are packed from their lowest bit on, in groups of eight of equal width: a group that a wider code or a cleared
    table ends early is filled up.

    Args:
        content: of the file.
        largest: bytes that it may hold. The table is no larger: each word of it was put out once, but for its end.

    Raises:
        ValueError: it is not in the format, broken, or holds more.
    """
    if len(content) < 3 or not content.startswith(MAGIC):
        raise ValueError("does not start like a .Z file")
    widest, block_mode = content[2] & 0x1F, bool(content[2] & 0x80)
    if not 9 <= widest <= 16:
        raise ValueError(f"has codes of {widest} bits")
    table = [bytes([byte]) for byte in range(256)] + ([b""] if block_mode else [])
    start = len(table)
    pieces: list[bytes] = []
    previous, size = b"", 0
    width, position, group = 9, 24, 24
    while position + width <= 8 * len(content):
        first = position // 8
        code = (int.from_bytes(content[first : first + 4], "little") >> (position % 8)) & ((1 << width) - 1)
        position += width
        if code == CLEAR and block_mode:
            del table[start:]
            previous = b""
            position = group = after_group(position, group, width)
            width = 9
            continue
        if code < len(table):
            piece = table[code]
        elif code == len(table) and previous:
            piece = previous + previous[:1]
        else:
            raise ValueError("has a code that was not made yet")
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise ValueError(f"unpacks to more than {largest:,} bytes")
        if previous and len(table) < 1 << widest:
            table.append(previous + piece[:1])
        previous = piece
        if len(table) >= 1 << width and width < widest:
            position = group = after_group(position, group, width)
            width += 1
    return b"".join(pieces)


def after_group(position: int, group: int, width: int) -> int:
    """The first bit after the group of eight codes that began at bit `group`, of which some were read."""
    size = 8 * width
    return group + -(-(position - group) // size) * size
