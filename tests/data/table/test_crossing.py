"""Copies of rows that a split puts on both sides: counted and named, and no warning where columns explain them."""

import numpy as np
import pytest

from bench.data.inspection import inspect
from bench.data.table.table import table

N = 600


def written(folder, columns: dict, copies: int = 0) -> str:
    """The columns as mine.csv, some of its rows, drawn at random, once more at its end."""
    rows = list(zip(*columns.values(), strict=True))
    random = np.random.default_rng(1)
    rows += [rows[place] for place in random.choice(len(rows), copies, replace=False)]
    path = folder / "mine.csv"
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return str(path)


def reals(count: int = 3, places: int = 5) -> dict:
    random = np.random.default_rng(0)
    return {f"x{place}": random.normal(size=N).round(places) for place in range(count)}


def words() -> dict:
    return {"word": np.random.default_rng(2).choice(["a", "b", "c"], N)}


def counts() -> dict:
    random = np.random.default_rng(3)
    return {f"n{place}": random.poisson(20, N) for place in range(12)}


@pytest.mark.parametrize(
    "columns",
    [reals(), {**reals(1), **words()}, {**words(), **counts()}, reals(12, 1)],
    ids=["reals", "real and words", "counts", "reals with ties"],
)
@pytest.mark.parametrize("copies", [4, 60, 300])
def test_copies_in_two_splits_are_counted_as_they_are(tmp_path, columns, copies) -> None:
    data = table("table", path=written(tmp_path, columns, copies))
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    known = {name: set(map(tuple, rows.tolist())) for name, rows in parts.items()}
    expected = [
        f"{shared} of {len(parts[split])} rows of {split} in {other}"
        for split, other in (("validation", "train"), ("test", "train"), ("test", "validation"))
        if (shared := sum(tuple(row) in known[other] for row in parts[split].tolist()))
    ]
    assert expected, "four copies of 600 rows, of which one in two crosses a split"
    (line,) = [each for each in data.warnings if "copies" in each]
    assert line.startswith(f"copies of rows stand in two splits: {', '.join(expected)} (such as row ")
    assert line.endswith(": take copies out of the file, or keep them in one split by data.split")
    assert [each for each in inspect(data).warnings if "stand in" in each] == [line], "it is said once"


def test_both_rows_of_a_pair_are_named_as_the_file_counts(tmp_path) -> None:
    columns = reals(2)
    path = tmp_path / "mine.csv"
    rows = [f"{a},{b}" for a, b in zip(*columns.values(), strict=True)]
    rows[450] = rows[7]
    path.write_text("\n".join(["x0,x1", "", *rows]))
    said = table("table", path=str(path), split="time").warnings
    assert said == (
        "copies of rows stand in two splits: 1 of 90 rows of validation in train (such as row 451 (line 453), a copy "
        "of row 8 (line 10)): take copies out of the file, or keep them in one split by data.split",
    )


def test_rows_of_few_values_meet_by_chance_and_a_note_counts_them(tmp_path) -> None:
    data = table("table", path=written(tmp_path, {**words(), "n": np.random.default_rng(4).integers(0, 9, N)}))
    assert inspect(data).warnings == ()
    note = data.notes[-1]
    assert note.startswith("rows stand in two splits, as columns of few values have it: ")
    assert "90 rows of test in train" in note


def test_columns_that_follow_from_others_explain_their_copies(tmp_path) -> None:
    """Twenty flags that three numbers decide: rows meet as those numbers do, whatever single flags say."""
    random = np.random.default_rng(5)
    first = random.integers(0, 4, (3, N))
    columns = {f"flag{place}": (first[place % 3] + place) % 4 // 2 for place in range(20)}
    assert not [line for line in table("table", path=written(tmp_path, columns)).warnings if "copies" in line]


def test_rows_without_copies_are_not_spoken_of(tmp_path) -> None:
    data = table("table", path=written(tmp_path, {**reals(), **words()}))
    assert data.warnings == ()
    assert not [note for note in data.notes if "two splits" in note]


def test_the_diagnosis_of_a_file_and_a_run_say_it(tmp_path, bench_call) -> None:
    written(tmp_path, reals(), 60)
    said = "copies of rows stand in two splits: "
    assert any(line.startswith(f"warn {said}") for line in bench_call("list", "data", "mine.csv").out.splitlines())
    planned = bench_call("run", "data=table", "data.path=mine.csv", "model=gaussian", "--dry-run")
    assert f"warning: data=table: {said}" in planned.out + planned.err
