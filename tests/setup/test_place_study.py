"""The folder of a study by data: one for each content, named by the file."""

import os
import re
from dataclasses import replace

import pytest

from bench.config import Config
from bench.setup.compose import compose
from bench.setup.place_study import place_study, plain_name


def placed(**data: object) -> str:
    base = compose(["study=scratch"])
    config: Config = replace(base, study="all_families", by_data=True, data={"_target_": "f", "name": "table", **data})
    place_study(config)
    return config.study


def test_a_folder_is_named_by_the_file_and_its_content(tmp_path) -> None:
    one, other = tmp_path / "mine.csv", tmp_path / "sub" / "mine.csv"
    other.parent.mkdir()
    one.write_text("a,b\n1,2\n")
    other.write_text("a,b\n1,3\n")
    first, second = placed(path=str(one)), placed(path=str(other))
    assert re.fullmatch(r"all_families-mine-[0-9a-f]{8}", first)
    assert re.fullmatch(r"all_families-mine-[0-9a-f]{8}", second)
    assert first != second
    other.write_text(one.read_text())
    os.utime(other, (1, 1))
    assert placed(path=str(other)) == first


def test_options_of_the_data_count_and_null_ones_do_not(tmp_path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("a\n1\n")
    plain = placed(path=str(path))
    assert placed(path=str(path), drop=None) == plain
    assert placed(path=str(path), root="/elsewhere") == plain
    assert placed(path=str(path), drop=["a"]) != plain
    rows = tmp_path / "rows.txt"
    rows.write_text("1\n")
    split = placed(path=str(path), split=str(rows))
    rows.write_text("1\n2\n")
    assert placed(path=str(path), split=str(rows)) != split


def test_a_folder_of_pictures_counts_by_names_and_sizes(tmp_path) -> None:
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "1.png").write_bytes(b"1")
    first = placed(path=str(tmp_path / "birds"))
    assert first.startswith("all_families-birds-")
    (tmp_path / "birds" / "2.png").write_bytes(b"1")
    assert placed(path=str(tmp_path / "birds")) != first


def test_a_file_that_is_not_there_and_data_without_one_have_a_folder_too(tmp_path) -> None:
    assert placed(path=str(tmp_path / "none.csv")).startswith("all_families-none-")
    assert placed(dim=3).startswith("all_families-table-")
    assert placed(dim=3) != placed(dim=4)


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b/my data.csv.gz", "my_data"), ("../..", "data"), (".hidden", "hidden"), ("données.csv", "donn_es"),
     ("x" * 99 + ".csv", "x" * 40)],
)  # fmt: skip
def test_names_are_plain(path: str, name: str) -> None:
    assert plain_name(path) == name


def test_other_studies_stay_where_they_are() -> None:
    assert compose(["study=quick"]).study == "quick"
    assert compose(["study=all_families", "data=digits"]).study.startswith("all_families-digits-")


def test_tuning_is_asked_for_by_the_study_and_can_be_left_out() -> None:
    assert compose(["study=all_families"]).tune.settings == ["default", "tuned"]
    untuned = compose(["study=all_families", "tune=no"])
    assert untuned.tune.settings == ["default"]
    assert untuned.tune.required


def test_two_functions_and_two_folders_of_equal_sizes_have_folders_of_their_own(tmp_path) -> None:
    assert placed(function="mine:load") != placed(function="mine:other")
    assert placed(function="mine:load").startswith("all_families-mine")
    names = []
    for number in "12":
        folder = tmp_path / number / "photos"
        folder.mkdir(parents=True)
        (folder / "a.png").write_text(number)
        names.append(placed(path=str(folder)))
    assert names[0] != names[1]


def test_a_function_counts_by_its_module_and_comments_do_not(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "own_rows.py"
    module.write_text("def load():\n    return 1\n")
    first = placed(function="own_rows:load")
    assert first.startswith("all_families-own_rows")
    module.write_text("# rows\ndef load():\n    return 1\n")
    assert placed(function="own_rows:load") == first
    module.write_text("def load():\n    return 2\n")
    assert placed(function="own_rows:load") != first
    assert placed(function="no_such_module:load").startswith("all_families-no_such_module")
