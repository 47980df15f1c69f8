"""Signs in letters, where an encoding has none."""

import io

from bench.signs import plain_signs


def written(text: str, encoding: str) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=plain_signs())
    stream.write(text)
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined, no-any-return]


def test_signs_of_tables_are_written_in_letters() -> None:
    assert written("≤ 3.8 ± 1.2 · 10⁻⁷ ▲", "ascii") == "<= 3.8 +- 1.2 * 10^-^7 ^"
    assert written("漢", "ascii") == "\\u6f22"


def test_what_an_encoding_has_stays() -> None:
    assert written("≤ 3.8 ± 1.2", "utf-8") == "≤ 3.8 ± 1.2"
    assert written("≤ 3.8 ± 1.2", "latin-1") == "<= 3.8 ± 1.2"
