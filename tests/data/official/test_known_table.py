"""Built-in tables, on small files in the format of the official ones."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.data.official import known_table, shuttle
from bench.data.sources import SOURCES, RemoteFile, source
from bench.errors import BenchError
from tests.data.official.files import built
from tests.helpers import ROOT

CONFIGS = {
    path.stem: config
    for path in sorted((ROOT / "conf" / "data").glob("*.yaml"))
    if (config := yaml.safe_load(path.read_text()))["_target_"].endswith("known_table")
}
DOWNLOADED = [name for name in CONFIGS if name not in known_table.WITH_SCIKIT_LEARN]
WINE = '"fixed acidity";"citric acid";"density";"quality"'


def lines(columns: int, separator: str, label: str | None = None, n: int = 120) -> list[str]:
    """Rows of numbers of two decimals, the label in the last column."""
    draws = np.random.default_rng(0)
    rows = [[f"{value:.2f}" for value in row] for row in draws.gamma(3.0, 2.0, (n, columns))]
    if label is not None:
        rows = [[*row[:-1], label[place % len(label)]] for place, row in enumerate(rows)]
    return [separator.join(row) for row in rows]


def content(name: str) -> str:
    """A small file like the official one."""
    if name.startswith("wine"):
        return "\n".join([WINE, *lines(4, ";", "567")]) + "\n"
    if name == "diamonds":
        words = [f"{row},{'Ideal' if place % 3 else 'Good'}" for place, row in enumerate(lines(3, ","))]
        return "\n".join(['"carat","depth","price","cut"', *words]) + "\n"
    names = CONFIGS[name]["names"]
    if name == "power_plant":
        return "\n".join(lines(5, "\t")) + "\n"
    rows = lines(len(names), " " if name == "shuttle" else ",", "123")
    if name == "letter":
        rows = [
            ",".join(["ABC"[place % 3], *(word[0] for word in row.split(",")[1:])]) for place, row in enumerate(rows)
        ]
    end = "\r\n" if name == "spam" else "\n"
    return end.join(rows) + end


def files(root: Path, name: str) -> list[Path]:
    """The files of a set under a data root."""
    place = source(name).place(str(root))
    place.mkdir(parents=True, exist_ok=True)
    names = ["shuttle.trn", "shuttle.tst"] if name == "shuttle" else [each.name for each in source(name).files]
    for each in names:
        (place / each).write_bytes(content(name).encode())
    return [place / each for each in names]


@pytest.fixture
def any_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as the official one."""
    monkeypatch.setattr(RemoteFile, "checksum_of", lambda self, path: self.checksum)
    monkeypatch.setattr(shuttle, "check_unpacked", lambda targets: None)


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_changed_file_is_one_line_that_names_the_remedy(name: str, tmp_path: Path) -> None:
    first, *_ = files(tmp_path, name)
    remedy = "delete it" if name == "shuttle" else f"run `bench data fetch {name} --data-root {tmp_path}`"
    with pytest.raises(BenchError, match=f"^{first} is not the official file, .*{remedy}") as error:
        built(name, tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("any_content")
@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_small_file_of_the_format_is_read(name: str, tmp_path: Path) -> None:
    paths = files(tmp_path, name)
    data = built(name, tmp_path)
    names = CONFIGS[name].get("names") or [word.strip('"') for word in content(name).splitlines()[0].split(";")]
    if name == "diamonds":
        names = ["carat", "depth", "price", "cut"]
    label = CONFIGS[name].get("label")
    assert data.space.names == tuple(each for each in names if each != label)  # type: ignore[attr-defined]
    assert sum(map(len, (data.train, data.validation, data.test))) == 120 * len(paths)
    assert (data.labels is None) == (label is None)
    assert data.files == tuple(paths)
    said = [line.partition(":")[0] for line in data.warnings]
    assert said == ["copies of rows stand in two splits"] * (len(paths) - 1), "the second file is the first again"


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_missing_file_names_the_command(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=f"is missing.*run `bench data fetch {name} --data-root {tmp_path}`"):
        built(name, tmp_path)


@pytest.mark.usefixtures("any_content")
def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    (path,) = files(tmp_path, "power_plant")
    path.write_text("\n".join(lines(4, "\t")) + "\n")
    with pytest.raises(BenchError, match=r"power-plant.txt has 4 columns, the official file 5; fetch it anew"):
        built("power_plant", tmp_path)


@pytest.mark.usefixtures("any_content")
def test_text_among_numbers_names_row_and_column(tmp_path: Path) -> None:
    (path,) = files(tmp_path, "wine_red")
    rows = path.read_text().splitlines()
    rows[7] = "x" + rows[7]
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(BenchError, match=r"winequality-red.csv: row 7 .*column fixed acidity"):
        built("wine_red", tmp_path)


@pytest.mark.parametrize(("name", "rows", "dim", "classes"), [("breast_cancer", 569, 30, 2), ("wine", 178, 13, 3)])
def test_tables_of_scikit_learn_need_no_download(name: str, rows: int, dim: int, classes: int, tmp_path: Path) -> None:
    data = built(name, tmp_path)
    assert sum(map(len, (data.train, data.validation, data.test))) == rows
    assert data.spec.event_shape == (dim,)
    assert data.labels is not None
    assert {*data.labels[0].tolist()} == set(range(classes))


@pytest.mark.usefixtures("any_content")
def test_the_rows_of_two_files_stand_one_after_another(tmp_path: Path) -> None:
    first, second = files(tmp_path, "shuttle")
    second.write_text("\n".join(lines(10, " ", "345", n=60)) + "\n")
    data = built("shuttle", tmp_path)
    assert data.labels is not None
    counts = np.bincount(np.concatenate([part.numpy() for part in data.labels]))
    assert counts.tolist() == [40, 40, 60, 20, 20]
    assert len(first.read_text().splitlines()) == 120


def test_every_built_in_set_has_address_terms_and_checksum() -> None:
    for row in SOURCES:
        assert row.terms
        for file in row.files:
            assert row.origin.startswith(("http://", "https://"))
            algorithm, _, digest = file.checksum.partition(":")
            assert len(digest) == {"md5": 32, "sha256": 64}[algorithm]
    held = {each for row in SOURCES for each in (row.name, *row.holds)}
    assert {config["source"] for config in CONFIGS.values()} <= held
