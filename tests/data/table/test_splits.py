"""The rows of the splits of a table: at random, in order, by a column, by a file, and with labels."""

import numpy as np
import pytest
import torch

from bench.data.table.table import table
from bench.errors import BenchError

N = 400


def written(folder, **columns) -> str:
    """A table whose column `n` numbers the rows by thousands, so that a row can be told."""
    columns = {"n": [1_000.5 + row + 0.001 * row**2 for row in range(N)], **columns}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = folder / "mine.csv"
    path.write_text("\n".join(lines))
    return str(path)


def rows_of(data, part: str) -> list[int]:
    """The numbers of the rows of a split."""
    units = data.space.to_units(getattr(data, part))["n"]
    known = np.array([1_000.5 + row + 0.001 * row**2 for row in range(N)])
    return np.abs(units[:, None] - known).argmin(1).tolist()


def parts(data) -> tuple[list[int], list[int], list[int]]:
    return rows_of(data, "train"), rows_of(data, "validation"), rows_of(data, "test")


def refused(path: str, **options) -> str:
    with pytest.raises(BenchError) as refusal:
        table("table", path=path, **options)
    return str(refusal.value)


def test_by_default_seventy_and_twice_fifteen_percent_are_drawn_by_a_seed(tmp_path) -> None:
    path = written(tmp_path)
    first, again, other = (parts(table("table", path=path, seed=seed)) for seed in (0, 0, 1))
    assert [len(part) for part in first] == [280, 60, 60]
    assert sorted(row for part in first for row in part) == list(range(N)), "each row in one split"
    assert first == again
    assert first != other


def test_fractions(tmp_path) -> None:
    path = written(tmp_path)
    data = table("table", path=path, split=[0.5, 0.25, 0.25])
    assert [len(part) for part in parts(data)] == [200, 100, 100]
    assert "give three fractions of the sum 1" in refused(path, split=[0.5, 0.25, 0.2])
    assert "give three fractions of the sum 1" in refused(path, split=[0.5, 0.5])
    assert "test gets 4, where at least 10 are needed" in refused(path, split=[0.98, 0.01, 0.01])


def test_time_keeps_the_order_of_the_rows(tmp_path) -> None:
    train, validation, test = parts(table("table", path=written(tmp_path), split="time"))
    assert sorted(train) == list(range(280))
    assert sorted(validation) == list(range(280, 340))
    assert sorted(test) == list(range(340, 400))
    assert train != sorted(train), "the first rows of a split stand for all of it"


def test_a_column_called_time_is_one_like_any_other_where_the_rows_are_ordered(tmp_path) -> None:
    values = [row * 0.37 % 1 for row in range(N)]
    data = table("table", path=written(tmp_path, time=values), split="time")
    assert data.space.names == ("n", "time")
    alone = table("table", path=written(tmp_path, time=values), split="time", drop=["time"])
    assert alone.space.names == ("n",)


def test_the_resolution_of_ties_is_fitted_on_training_rows(tmp_path) -> None:
    """One finer row of the test split changes nothing of the space."""
    values = [round(row * 0.37 % 5, 1) for row in range(N)]
    finer = [*values[:-1], 0.123456789]
    spaces = [
        table("table", path=written(tmp_path, x=x), split="time", columns=["x"], ties="dequantise").space
        for x in (values, finer)
    ]
    assert spaces[0].columns == spaces[1].columns
    assert spaces[0].columns[0].step == pytest.approx(0.1)


def test_a_column_says_the_split_and_is_no_part_of_an_event(tmp_path) -> None:
    words = [("train", "Train", "VAL", "test")[row % 4] for row in range(N)]
    data = table("table", path=written(tmp_path, part=words), split="part")
    assert data.space.names == ("n",)
    train, validation, test = parts(data)
    assert {row % 4 for row in train} == {0, 1}
    assert {row % 4 for row in validation} == {2}
    assert {row % 4 for row in test} == {3}
    numbers = table("table", path=written(tmp_path, part=[row % 3 for row in range(N)]), split="part")
    assert {row % 3 for row in rows_of(numbers, "test")} == {2}


def test_a_column_with_another_word_or_an_empty_split_is_refused(tmp_path) -> None:
    words = ["train" if row % 2 else "val" for row in range(N)]
    assert "mine.csv: of 400 rows, split by column part, test gets 0" in refused(
        written(tmp_path, part=words), split="part"
    )
    words[7] = "held"
    path = written(tmp_path, part=words)
    assert "mine.csv: row 8 (line 9), column part is 'held'; data.split takes train" in refused(path, split="part")
    assert "did you mean part" in refused(path, split="prt")


def test_a_file_of_row_numbers(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path)
    np.savez("rows.npz", train=np.arange(0, 200), validation=np.arange(200, 220), test=np.arange(300, 340))
    data = table("table", path=path, split="rows.npz")
    assert [sorted(part) for part in parts(data)] == [
        list(range(200)),
        list(range(200, 220)),
        list(range(300, 340)),
    ]
    assert [file.name for file in data.files] == ["mine.csv", "rows.npz"]
    lines = ["row,split", *(f"{row},{('train', 'validation', 'test')[row // 150]}" for row in range(N))]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    assert sorted(rows_of(table("table", path=path, split="rows.csv"), "test")) == list(range(300, 400))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (range(199, 260), "rows.npz names row 199 twice"),
        (range(350, 401), "rows.npz names row 400; the rows of mine.csv are 0 to 399"),
        ([], "test gets 0, where at least 10 are needed"),
    ],
)
def test_row_numbers_that_cannot_be(tmp_path, monkeypatch, rows, message) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(
        "rows.npz", train=np.arange(0, 200), validation=np.arange(260, 300), test=np.asarray(list(rows), dtype=int)
    )
    assert message in refused(written(tmp_path), split="rows.npz")


def test_row_numbers_are_those_of_the_file_where_rows_are_left_out(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, other=["" if row in (3, 250) else 0.5 + row**1.5 for row in range(N)])
    np.savez("rows.npz", train=np.arange(0, 200), validation=np.arange(200, 260), test=np.arange(260, 400))
    train, validation, test = parts(table("table", path=path, split="rows.npz", missing="drop"))
    assert sorted(train) == [row for row in range(200) if row != 3]
    assert sorted(validation) == [row for row in range(200, 260) if row != 250]
    assert sorted(test) == list(range(260, 400))


def test_missing_files_and_arrays(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path)
    assert "data.split=rows.npz: no such file" in refused(path, split="rows.npz")
    np.savez("rows.npz", train=np.arange(10))
    assert "give train, validation and test" in refused(path, split="rows.npz")


def test_labels_are_in_every_split_in_their_share_and_no_part_of_an_event(tmp_path) -> None:
    words = [("common", "common", "common", "rare")[row % 4] if row > 9 else "few" for row in range(N)]
    data = table("table", path=written(tmp_path, kind=words), label="kind")
    assert data.space.names == ("n",)
    assert data.labels is not None
    assert "label kind (3 classes)" in data.notes[0]
    for part in data.labels:
        assert set(part.tolist()) == {0, 1, 2}
    share = float((data.labels[0] == 2).float().mean())
    assert share == pytest.approx(98 / 400, abs=0.01)
    train = torch.tensor(rows_of(data, "train"))
    assert ((data.labels[0] == 1) == (train <= 9)).all(), "labels stand beside their rows"
    assert table("table", path=written(tmp_path, kind=words), label="kind", labelled=12).spec.classes == 3


def test_labels_that_cannot_be(tmp_path) -> None:
    words = ["a" if row % 2 else "b" for row in range(N)]
    words[40] = "c"
    path = written(tmp_path, kind=words)
    assert "mine.csv: row 41 (line 42), column kind is 'c', a label that stands once" in refused(path, label="kind")
    assert "did you mean kind" in refused(path, label="kinds")
    assert "data.labelled=5: mine.csv has no labels" in refused(path, labelled=5, drop=["kind"])
    words[40] = ""
    assert "row 41 (line 42), column kind is missing" in refused(written(tmp_path, kind=words), label="kind")
    assert "one of 400 words; a category has at most 50" in refused(path, label="n")


@pytest.mark.parametrize(("part", "first"), [("test", 341), ("validation", 281)])
@pytest.mark.parametrize("split", ["time", "part"])
def test_labels_of_no_training_row_are_named(tmp_path, part, first, split) -> None:
    columns = {"n": range(400), "kind": ["a", "b"] * 200}
    columns["part"] = ["train"] * 280 + ["validation"] * 60 + ["test"] * 60
    columns["kind"] = ["c" if n in (first - 1, first + 3) else word for n, word in enumerate(columns["kind"])]
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(BenchError) as refusal:
        table("table", path=str(path), label="kind", split=split, drop=["part"])
    assert str(refusal.value) == (
        f"mine.csv: row {first} (line {first + 1}), column kind is 'c', a label of {part} that no training row has; "
        "give another data.split, leave such rows out, or merge labels"
    )
