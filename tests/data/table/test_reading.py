"""Small files as strangers make them: what is read, and the one line that names what is wrong."""

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.data.table import second_look
from bench.data.table.frame import Form, Words
from bench.data.table.reading import of_frame, read
from bench.data.table.table import table
from bench.errors import BenchError

ROWS = [[f"{value:.5f}" for value in row] for row in np.random.default_rng(0).normal(size=(120, 3))]
HEAD = ["a", "b", "c"]


def written(folder: Path, rows: list[list[str]], name: str = "mine.csv", delimiter: str = ",") -> Path:
    path = folder / name
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def changed(row: int, column: int, value: str) -> list[list[str]]:
    """The table with another value; rows count from 1 below the header."""
    rows = [HEAD, *[list(each) for each in ROWS]]
    rows[row][column] = value
    return rows


def with_column(name: str, values: list[str]) -> list[list[str]]:
    return [[*HEAD, name], *([*row, value] for row, value in zip(ROWS, values, strict=True))]


def refused(path: Path, **options) -> str:
    with pytest.raises(BenchError) as refusal:
        table("table", path=str(path), **options)
    line = str(refusal.value)
    assert "\n" not in line
    assert path.name in line
    return line


def numbered(start: int) -> list[str]:
    return [str(start + place) for place in range(len(ROWS))]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (changed(17, 1, "abc"), "mine.csv: row 17 (line 18), column b is 'abc', text among numbers; mend it"),
        (changed(1, 1, "abc"), "row 1 (line 2), column b is 'abc', text among numbers"),
        (
            changed(17, 1, "NaN"),
            "row 17 (line 18), column b is missing (rows that lack a value: 1 of 120); give data.missing=drop",
        ),
        (changed(17, 2, ""), "row 17 (line 18), column c is missing"),
        (changed(17, 0, "?"), "row 17 (line 18), column a is missing"),
        (changed(17, 1, "-inf"), "row 17 (line 18), column b is -inf; leave the row out, or fill it in"),
        (changed(17, 1, '"x'), "row 17 (line 18), column 2 begins a quotation that never ends; close it"),
        ([HEAD], "mine.csv has no row below its header"),
        ([HEAD, *ROWS[:1]], "mine.csv: of 1 row, split at random, seed 0, train gets 1, where at least 10 are needed"),
        ([HEAD, *ROWS[:30]], "mine.csv: of 30 rows, split at random, seed 0, test gets 4, where at least 10"),
        (ROWS, "row 1 (line 1), column 1 is '0.12573' where a name should stand: the header is missing"),
        (
            with_column("colour", ["red", "blue"] * 60)[1:],
            "row 1 (line 1), column 1 is '0.12573' where a name should stand: the header is missing; add one, or give",
        ),
        ([[str(n), "red" if n % 2 else "blue"] for n in range(120)], "column 2 is 'blue' where a name should stand"),
        ([["small", "red"], ["large", "blue"]] * 60, "column 1 is 'small' where a name should stand"),
        ([["a", "b", "a"], *ROWS], "the header (line 1) has the name 'a' twice, in columns 1 and 3; rename one"),
        ([HEAD, *ROWS[:50], HEAD, *ROWS[50:]], "row 51 (line 52), column a is 'a': the header stands there again"),
        (
            [HEAD, *ROWS[:50], ["1"] * 4, *ROWS[50:]],
            "row 51 (line 52) has 4 values for 3 columns, the last of them '1'",
        ),
        ([HEAD, *ROWS[:50], ["1"] * 2, *ROWS[50:]], "row 51 (line 52) has 2 values for 3 columns"),
        ([HEAD, *([f"r{n}", *row] for n, row in enumerate(ROWS))], "the header may lack the name of the first column"),
        (with_column("name", [f"n{n}" for n in range(120)]), "row 1 (line 2), column name is 'n0', one of 120 words"),
        (with_column("day", [f"2024-{1 + n // 28}-{1 + n % 28}" for n in range(120)]), "one of 120 dates; a category"),
        (with_column("gone", [""] * 120), "row 1 (line 2), column gone: no row has a value; leave the column out"),
        (
            with_column("sum", [str(float(a) + float(b)) for a, b, _ in ROWS]),
            "columns a, b, sum are linearly dependent",
        ),
        ([["a", "b"], *[["1", "x"]] * 90], "mine.csv: every column is constant"),
        (
            with_column("price", [f'"{1 + n},{500 + n}"' for n in range(120)]),
            "row 1 (line 2), column price is '1,500', with a comma between thousands or before the fraction",
        ),
        (
            with_column("price", [f'"{1 + n},{500 + n}.91"' for n in range(120)]),
            "column price is '1,500.91', with a comma between thousands; write 1234.5 without commas",
        ),
        (
            [HEAD, *([value.replace(".", ",") for value in row] for row in ROWS)],
            "row 1 (line 2) has 6 values for 3 columns, the last of them '64042'; a decimal comma may be taken",
        ),
        (
            [HEAD, *([f'"{value.replace(".", ",")}"' for value in row] for row in ROWS)],
            "row 1 (line 2), column a is '0,12573', a decimal comma; give data.decimal=comma",
        ),
    ],
)
def test_what_is_wrong_is_named_by_file_row_and_column(tmp_path, rows, message) -> None:
    assert message in refused(written(tmp_path, rows))


@pytest.mark.parametrize(("delimiter", "word"), [(";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_another_delimiter_is_named_and_then_read(tmp_path, delimiter, word) -> None:
    path = written(tmp_path, [HEAD, *ROWS], delimiter=delimiter)
    assert f"is one column by comma and 3 by {word}; give data.delimiter={word}" in refused(path)
    assert table("table", path=str(path), delimiter=word).spec.dim == 3


def test_columns_aligned_by_spaces_and_a_short_row_hide_no_delimiter(tmp_path) -> None:
    path = tmp_path / "aligned.dat"
    path.write_text("".join("  " + "   ".join(row) + "\n" for row in [HEAD, *ROWS]))
    assert "is one column by comma and 3 by space; give data.delimiter=space" in refused(path)
    assert table("table", path=str(path), delimiter="space").spec.dim == 3
    short = written(tmp_path, [HEAD, *ROWS[:10], ROWS[10][:2], *ROWS[11:]], "short.csv", ";")
    assert "give data.delimiter=semicolon" in refused(short)
    assert "row 11 (line 12) has 2 values for 3 columns" in refused(short, delimiter=";")


def test_rows_that_end_with_a_delimiter_and_a_comma_in_one_column_are_told(tmp_path) -> None:
    path = tmp_path / "trailing.csv"
    path.write_text("a,b,c\n" + "".join(",".join(row) + ",\n" for row in ROWS))
    assert "rows may end with a delimiter: take it out, or end the header with one too" in refused(path)
    path.write_text("x\n" + "".join(f"0,{n}5\n" for n in range(100, 160)))
    assert "a decimal comma may be taken for the delimiter" in refused(path)


def test_labels_and_columns_have_remedies_that_work(tmp_path) -> None:
    many = written(tmp_path, [[*HEAD, "y"], *([*row, f"k{n}"] for n, row in enumerate(ROWS))], "many.csv")
    assert "leave data.label out, or merge rare ones" in refused(many, label="y")
    some = written(tmp_path, [[*HEAD, "y"], *([*row, "" if n == 5 else f"k{n % 2}"] for n, row in enumerate(ROWS))])
    message = refused(some, label="y")
    assert "row 6 (line 7), column y is missing; give data.missing=drop" in message
    assert table("table", path=str(some), label="y", missing="drop").spec.dim == 3
    assert "no column is left" in refused(many, columns=[])


def test_decimal_commas_are_read_where_they_are_asked_for(tmp_path) -> None:
    point = table("table", path=str(written(tmp_path, [HEAD, *ROWS])))
    rows = [HEAD, *([value.replace(".", ",") for value in row] for row in ROWS)]
    path = written(tmp_path, rows, "comma.csv", ";")
    assert "column a is '0,12573', a decimal comma" in refused(path, delimiter="semicolon")
    comma = table("table", path=str(path), delimiter=";", decimal=",")
    assert (comma.train == point.train).all()
    quoted = written(tmp_path, [HEAD, *([f'"{value.replace(".", ",")}"' for value in row] for row in ROWS)], "q.csv")
    assert (table("table", path=str(quoted), decimal="comma").train == point.train).all()


POINT = "with a point between thousands or before the fraction; write 1234,5 without points, or leave data.decimal"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"{1 + n}.{100 + n}" for n in range(120)], f"row 1 (line 2), column n is '1.100', {POINT}"),
        ([f"1.{100 + n},5" for n in range(120)], f"row 1 (line 2), column n is '1.100,5', {POINT}"),
        ([*(f"{n},5" for n in range(119)), "1.5"], f"row 120 (line 121), column n is '1.5', {POINT}"),
        ([*(str(n * n) for n in range(60)), *["2.500"] * 60], f"row 61 (line 62), column n is '2.500', {POINT}"),
        (["0.5", "1.5", "2.5"] * 40, f"row 1 (line 2), column n is '0.5', {POINT}"),
    ],
)
def test_points_beside_a_decimal_comma_are_never_guessed(tmp_path, values, message) -> None:
    rows = with_column("n", values)
    rows = [rows[0], *([value.replace(".", ",") for value in row[:3]] + row[3:] for row in rows[1:])]
    assert message in refused(written(tmp_path, rows, delimiter=";"), delimiter="semicolon", decimal="comma")


def test_points_in_words_are_no_numbers_beside_a_decimal_comma(tmp_path) -> None:
    rows = [["n", "day", "version"], *([f"{n},5", f"0{n % 5 + 1}.02.2020", f"1.{n % 3}.0"] for n in range(120))]
    path = written(tmp_path, rows, delimiter=";")
    data = table("table", path=str(path), delimiter="semicolon", decimal="comma")
    assert [column.kind for column in data.space.columns] == ["real", "category", "category"]


def test_thousands_and_a_decimal_comma_are_told_apart(tmp_path) -> None:
    rows = [["n"], *([f'"1.{100 + n},5"'] for n in range(120))]
    assert "a decimal comma; give data.decimal=comma and take points between thousands out" in refused(
        written(tmp_path, rows)
    )


@pytest.mark.parametrize("word", ["NA ", " NA", '" NA "', "  ", '" "', "? ", "null  "])
@pytest.mark.parametrize("text", [False, True])
def test_blanks_around_a_missing_value_are_no_part_of_it(tmp_path, word, text) -> None:
    values = ["x", "y", "z"] * 40 if text else [f"{value:.4f}" for value in np.random.default_rng(1).normal(size=120)]
    values[16] = word
    path = written(tmp_path, with_column("d", values))
    assert (
        "row 17 (line 18), column d is missing (rows that lack a value: 1 of 120); give data.missing=drop"
        in refused(path)
    )
    assert len(read(path).columns) == 4
    dropped = table("table", path=str(path), missing="drop")
    assert dropped.space.columns[3].words == (("x", "y", "z") if text else ())


@pytest.mark.parametrize("blank", ["", "   ", '""', "NA", '" "'])
@pytest.mark.parametrize("text", [False, True])
def test_a_blank_line_between_the_rows_of_one_column_is_a_missing_value(tmp_path, blank, text) -> None:
    values = [["x", "y", "z"][n % 3] if text else row[0] for n, row in enumerate(ROWS)]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["", "a", *values[:16], blank, *values[16:], "", "  ", ""]))
    assert (
        "row 17 (line 19), column a is missing (rows that lack a value: 1 of 121); give data.missing=drop"
        in refused(path)
    )
    data = table("table", path=str(path), missing="drop")
    assert len(data.train) + len(data.validation) + len(data.test) == 120
    path.write_text("\n".join(["", "a", *values[:16], blank, *values[16:50], "1,2", *values[50:]]))
    assert "row 52 (line 54) has 2 values for 1 column" in refused(path)


def test_blank_lines_of_several_columns_are_no_rows(tmp_path) -> None:
    rows = [HEAD, *ROWS[:16], [""], *ROWS[16:], [""]]
    assert read(written(tmp_path, rows)).rows == 120
    rows[17] = ['""']
    assert "row 17 (line 18) has 1 values for 3 columns" in refused(written(tmp_path, rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "mine.csv is empty; give a table with rows"),
        (b"\n\n", "mine.csv is empty"),
        (
            b"sep=;\na;b\n1;2\n",
            "row 1 (line 1) says 'sep=;', which is no header: take the line out, and give data",
        ),
        ("a,città\n1,x\n".encode("latin-1"), "the header (line 1), column 2 has the byte 0xe0, which is not utf-8"),
        ("a,b\n1,x\n2,è\n".encode("latin-1"), "row 2 (line 3), column 2 has the byte 0xe8, which is not utf-8"),
        ("a,b\n1,2\n".encode("utf-16"), "the file is no utf-8 text; give data.encoding=utf-16"),
        (b"a,b\n1,2\n3,4\0\n" + b"5,6\n" * 300, "line 3, column 2 has a NUL byte; take it out"),
        (bytes(range(256)), "row 1, column 1: the file is no utf-8 text; give a .csv, .tsv, .npy"),
    ],
)
def test_files_that_are_no_such_text(tmp_path, content, message) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    assert message in refused(path)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_other_encodings_are_read_where_they_are_asked_for(tmp_path, encoding) -> None:
    path = tmp_path / "mine.csv"
    text = "a,città\n" + "".join(f"{n * n},{'è' if n % 3 else 'à'}\n" for n in range(100))
    path.write_bytes(text.encode(encoding))
    option = {} if encoding == "utf-8-sig" else {"encoding": encoding}
    data = table("table", path=str(path), **option)
    assert data.space.names == ("a", "città")
    assert data.space.columns[1].words == ("à", "è")


def test_columns_without_a_name_that_number_the_rows_or_are_empty_are_left_out(tmp_path) -> None:
    rows = [["", *HEAD, ""], *([place, *row, ""] for place, row in zip(numbered(0), ROWS, strict=True))]
    data = table("table", path=str(written(tmp_path, rows)))
    assert data.space.names == ("a", "b", "c")
    assert data.notes[2:] == (
        "column1 has no name and numbers the rows: left out",
        "column5 has no name and is empty: left out",
    )


def test_a_named_column_that_numbers_the_rows_is_warned_of(tmp_path) -> None:
    data = table("table", path=str(written(tmp_path, with_column("id", numbered(1)))))
    assert data.warnings == ("id seems to number the rows, which is no data: leave it out by data.drop=[id]",)


def test_rows_with_missing_values_are_left_out_where_that_is_asked_for_and_counted(tmp_path) -> None:
    path = written(tmp_path, changed(17, 1, "NA"))
    data = table("table", path=str(path), missing="drop")
    said = "1 of 120 rows have a missing value and are left out"
    assert said in data.notes
    assert said in data.warnings
    assert len(data.train) + len(data.validation) + len(data.test) == 119
    assert table("table", path=str(path), drop=["b"]).spec.dim == 2, "a column that is not used has no say"


def test_a_short_row_is_no_missing_value(tmp_path) -> None:
    path = written(tmp_path, [HEAD, *ROWS[:50], ["1", "2"], *ROWS[50:]])
    assert "row 51 (line 52) has 2 values" in refused(path, missing="drop")


def test_columns_that_are_not_used_may_hold_anything(tmp_path) -> None:
    path = written(tmp_path, changed(17, 1, "abc"))
    assert table("table", path=str(path), drop=["b"]).space.names == ("a", "c")
    assert table("table", path=str(path), columns=["c", "a"]).space.names == ("a", "c")
    assert "did you mean" in refused(path, columns=["a", "x"])
    assert "no column is left" in refused(path, drop=HEAD)


def test_lines_count_quoted_breaks_and_blank_lines(tmp_path) -> None:
    rows = with_column("note", ['"two\nlines"' if n % 2 else "one" for n in range(120)])
    rows[100][0] = "abc"
    path = written(tmp_path, [*rows[:2], [""], *rows[2:]])
    # 99 rows above it, of which 49 have two lines; the header; and a blank line, which is no row.
    assert "row 100 (line 151), column a is 'abc'" in refused(path)


@pytest.mark.parametrize("extra", [[], ["note"], ["one column"]])
def test_the_line_of_a_row_is_the_same_however_it_is_looked_for(tmp_path, extra) -> None:
    rows = [["", ""], HEAD, *ROWS[:3], [""], *ROWS[3:6], ["", "", ""], *ROWS[6:9], ["", "  "], [" "], *ROWS[9:12]]
    rows = [row[:1] for row in rows[1:]] if extra == ["one column"] else rows[1:]
    rows = [*rows, ['"a', '1"'] if extra == ["note"] else ["1"], *ROWS[:3]]
    path = written(tmp_path, rows)
    form = Form()
    for place, (line, _) in enumerate(second_look.rows(path, form, True)):
        assert second_look.line_of(path, form, True, place) == line
    quick = second_look.line_of_plain(path, form, 5)
    assert quick == (None if extra == ["one column"] else 7)


def test_text_far_down_is_found_in_its_piece(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("bench.data.table.text.VALUES_AT_ONCE", 3_000)
    rows = [*ROWS] * 40
    rows[3_333] = ["1", "x", "2"]
    assert "row 3334 (line 3335), column b is 'x', text among numbers" in refused(written(tmp_path, [HEAD, *rows]))
    rows[3_333] = ["1", "", "2", "3"]
    assert "row 3334 (line 3335) has 4 values" in refused(written(tmp_path, [HEAD, *rows]))


def test_gzipped_files_are_read_and_broken_ones_named(tmp_path) -> None:
    plain = written(tmp_path, [HEAD, *ROWS])
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert (table("table", path=str(packed)).train == table("table", path=str(plain)).train).all()
    packed.write_bytes(packed.read_bytes()[:300])
    assert "packed.csv.gz cannot be read" in refused(packed)
    packed.write_bytes(plain.read_bytes())
    assert "Not a gzipped file" in refused(packed)


def test_arrays_are_tables_of_numbered_columns(tmp_path) -> None:
    array = np.asarray(ROWS, dtype=np.float64)
    np.save(tmp_path / "mine.npy", array)
    np.savez(tmp_path / "mine.npz", x=array.astype(np.float32))
    rows = [["column1", "column2", "column3"], *ROWS]
    text = table("table", path=str(written(tmp_path, rows)))
    assert (table("table", path=str(tmp_path / "mine.npy")).train == text.train).all()
    assert table("table", path=str(tmp_path / "mine.npz")).space.names == text.space.names


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((5, 2, 3))}, "give two axes, or data=array data.path=mine.npz for events of any shape"),
        ({"x": np.zeros(5)}, "has the shape (5,)"),
        ({"x": np.zeros((5, 0))}, "has the shape (5, 0)"),
        ({"x": np.zeros((5, 2)), "y": np.zeros(5)}, "holds 2 arrays (x, y); give one"),
        ({"x": np.array([["a"]])}, "holds <U1; give real numbers"),
        ({"x": np.array([[1, "a"]], dtype=object)}, "mine.npz: holds pickled objects, which are never loaded"),
    ],
)
def test_arrays_that_are_no_tables(tmp_path, arrays, message) -> None:
    np.savez(tmp_path / "mine.npz", **arrays)
    assert message in refused(tmp_path / "mine.npz")


def test_infinite_and_missing_numbers_of_arrays_are_named(tmp_path) -> None:
    array = np.random.default_rng(0).normal(size=(100, 2))
    array[40, 1] = np.inf
    np.save(tmp_path / "mine.npy", array)
    assert refused(tmp_path / "mine.npy").startswith("mine.npy: row 41, column column2 is inf")
    array[40, 1] = np.nan
    np.save(tmp_path / "mine.npy", array)
    assert refused(tmp_path / "mine.npy").startswith("mine.npy: row 41, column column2 is missing")


def test_parquet_needs_an_extra(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    path = tmp_path / "mine.parquet"
    path.write_bytes(b"PAR1")
    assert "needs pyarrow, which is not installed; install the extra" in refused(path)


def test_a_parquet_file_is_the_table_that_its_csv_is(tmp_path) -> None:
    """Written by pyarrow itself: real numbers, whole ones, words, dictionaries, truth, decimals and what is missing."""
    draws = np.random.default_rng(0)
    columns = {
        "height": draws.normal(170, 8, 90).round(4),
        "age": draws.integers(18, 60, 90),
        "place": draws.choice(["north", "south"], 90),
        "grown": draws.integers(0, 2, 90).astype(bool),
    }
    frame = pd.DataFrame(columns).astype({"age": "Int64"})
    frame.loc[3, "age"] = None
    frame.to_csv(tmp_path / "mine.csv", index=False)
    frame["place"] = frame["place"].astype("category")
    frame["height"] = [Decimal(str(value)) for value in frame["height"]]
    frame.to_parquet(tmp_path / "mine.parquet")
    mine, plain = read(tmp_path / "mine.parquet"), read(tmp_path / "mine.csv")
    assert list(mine.columns) == list(plain.columns)
    assert mine.missing().tolist() == plain.missing().tolist()
    for name, values in plain.arrays().items():
        np.testing.assert_array_equal(mine.arrays()[name], values)
    tables = [table("table", path=str(tmp_path / name), missing="drop") for name in ("mine.parquet", "mine.csv")]
    assert tables[0].spec == tables[1].spec
    assert torch.equal(tables[0].train, tables[1].train)


def test_a_parquet_file_that_is_cut_is_one_line(tmp_path) -> None:
    pd.DataFrame({"a": np.arange(99.0)}).to_parquet(tmp_path / "mine.parquet")
    content = (tmp_path / "mine.parquet").read_bytes()
    (tmp_path / "mine.parquet").write_bytes(content[: len(content) // 2])
    assert refused(tmp_path / "mine.parquet").startswith("mine.parquet cannot be read")


@pytest.mark.parametrize(
    ("lines", "advice"),
    [
        (["a;b", "0,12;0,33", "1,5;-2,25"], "2 by semicolon; give data.delimiter=semicolon data.decimal=comma"),
        (["a;b", "1;2", "3;4"], "2 by semicolon; give data.delimiter=semicolon"),
        (["a b c", "0.1 2 3", "4 5e-3 6"], "3 by space; give data.delimiter=space"),
        (["a b", "0,1 2", "4 5,5"], "2 by space; give data.delimiter=space data.decimal=comma"),
    ],
)
def test_a_file_by_another_delimiter_is_told_all_that_it_needs(tmp_path, lines: list[str], advice: str) -> None:
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert refused(tmp_path / "mine.csv").endswith(f"one column by comma and {advice}")


@pytest.mark.parametrize("text", ['note\n"a\nb"\n"c d"\n', 'note\n"a\rb"\nc\n', '"my\nnote"\na\nb\n'])
def test_a_value_may_span_lines_in_a_file_of_one_column(tmp_path, text: str) -> None:
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8", newline="")
    assert len(read(tmp_path / "mine.csv").columns) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("blank", ["", "\n"])
def test_a_name_that_spans_lines_costs_no_row(tmp_path, end: str, blank: str) -> None:
    text = f'"my{end}{end}note",b{end}{blank}1,2{end}3,4{end}5,6{end}'
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8", newline="")
    found = read(tmp_path / "mine.csv")
    assert found.columns["b"].tolist() == [2, 4, 6]
    assert found.line_of is not None
    assert found.line_of(0) == 4 + len(blank)


def test_words_with_spaces_are_one_column(tmp_path) -> None:
    (tmp_path / "mine.csv").write_text("home town\nNew York\nLos Angeles\n", encoding="utf-8")
    assert list(read(tmp_path / "mine.csv").columns) == ["home town"]


def test_a_column_without_a_name_is_dropped_by_the_name_that_is_shown(tmp_path) -> None:
    path = written(tmp_path, [["", *HEAD], *([word, *row] for word, row in zip("ab" * 60, ROWS, strict=True))])
    assert table("table", path=str(path), drop=["column1"]).spec.dim == 3


def test_decimals_of_a_frame_are_numbers_and_lists_are_refused(tmp_path) -> None:
    frame = pd.DataFrame({"price": [Decimal("1.25"), None, Decimal("3")], "tags": [[1], [2], [3]]})
    price = of_frame(tmp_path / "mine.parquet", frame[["price"]]).arrays()["price"]
    assert price[[0, 2]].tolist() == [1.25, 3.0]
    assert np.isnan(price[1])
    with pytest.raises(BenchError, match=r"mine\.parquet: column tags holds values of list; give one"):
        of_frame(tmp_path / "mine.parquet", frame)


def test_a_frame_of_pandas_is_a_table(tmp_path) -> None:
    frame = pd.DataFrame(
        {"a": [1, 2], "b": pd.array([1.5, None], dtype="Float64"), "c": ["x", None], "d": [True, False]}
    )
    read_ = of_frame(tmp_path / "mine.parquet", frame)
    arrays = read_.arrays()
    assert arrays["a"].tolist() == [1.0, 2.0]
    assert np.isnan(arrays["b"]).tolist() == [False, True]
    assert arrays["c"].tolist() == ["x", ""]
    assert arrays["d"].tolist() == ["True", "False"]
    assert read_.missing().tolist() == [False, True]
    with pytest.raises(BenchError, match="has the name a twice"):
        of_frame(tmp_path / "mine.parquet", pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_names_of_files_say_their_format(tmp_path) -> None:
    assert "its name says no format; give one of .csv" in refused(written(tmp_path, [HEAD, *ROWS], "mine.xls"))
    assert "no such file" in refused(tmp_path / "mine.csv")
    assert "a folder" in refused(tmp_path)
    data = table("table", path=str(written(tmp_path, [HEAD, *ROWS], "mine.tsv", "\t")))
    assert data.spec.dim == 3


def test_unknown_ways_of_writing_are_refused() -> None:
    with pytest.raises(BenchError, match="unknown delimiter 'semi'"):
        Form(delimiter="semi")
    with pytest.raises(BenchError, match="unknown decimal mark"):
        Form(decimal="dot")


def test_a_column_is_read_as_words_where_that_is_asked_for(tmp_path) -> None:
    frame = read(written(tmp_path, with_column("code", ["1", "02"] * 60)), as_words=["code"])
    assert isinstance(frame.columns["code"], Words)
    assert frame.columns["code"].words == ["1", "02"]


def test_years_beside_words_and_a_word_that_stands_again_are_names(tmp_path) -> None:
    years = [["country", "2019", "2020"], *([f"c{n % 7}", *row[:2]] for n, row in enumerate(ROWS))]
    assert table("table", path=str(written(tmp_path, years))).space.names == ("country", "2019", "2020")
    again = [["kind", "a", "b"], *(["kind" if n % 3 else "other", *row[:2]] for n, row in enumerate(ROWS))]
    assert table("table", path=str(written(tmp_path, again))).space.names == ("kind", "a", "b")


def test_a_header_of_numbers_is_taken_where_that_is_asked_for(tmp_path) -> None:
    rows = [["2019", "2020", "2021"], *ROWS]
    path = written(tmp_path, rows)
    assert "the header is missing" in refused(path)
    assert table("table", path=str(path), header=True).space.names == ("2019", "2020", "2021")
    assert table("table", path=str(written(tmp_path, ROWS)), header=False).space.names[0] == "column1"
