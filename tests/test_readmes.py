"""The READMEs: every marked number is the study's own; links and paths exist; the front page is short."""

import ast
import re
import subprocess
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from bench import DataSpec, config
from bench.record.store import table_rows
from bench.report.readme import REPRODUCED, TABLE, fill, reproduced, values_of

ROOT = Path(__file__).resolve().parent.parent
READMES = sorted(
    path
    for path in (ROOT / "README.md", *ROOT.glob("bench/**/*.md"), *ROOT.glob("results/**/*.md"))
    if path.name in {"README.md", "CHANGELOG.md"}
)
UNCOMMITTED = {"smoke", "scratch"}
"""Studies that git ignores: CI makes the first."""

VALUES = {study: values for study, values in values_of(ROOT / "results").items() if study not in UNCOMMITTED}
STUDIES = sorted(VALUES)


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_marked_number_is_stale(path: Path) -> None:
    text = path.read_text()
    filled, changed = fill(text, VALUES, path.parent.name)
    stale = [
        f"{one!r} should be {other!r}"
        for one, other in zip(text.splitlines(), filled.splitlines(), strict=True)
        if one != other
    ]
    assert not changed, "\n".join([*stale, "bench report --readme writes them"])


def test_published_numbers_stand_beside_ours_as_they_are_printed() -> None:
    text = (ROOT / "results" / "README.md").read_text()
    block = REPRODUCED.search(text)
    assert block is not None
    assert len(block[2].splitlines()) > 80
    assert reproduced(text, ROOT / "results") == (text, 0), "bench report --readme prints them anew"


@pytest.mark.parametrize("path", [ROOT / "README.md", *(ROOT / "results" / study / "README.md" for study in STUDIES)])
def test_no_interval_stands_unmarked(path: Path) -> None:
    assert TABLE.search(path.read_text()), "no table"
    prose = TABLE.sub("", path.read_text())
    assert not re.findall(r"± [\d.,]*\d(?![\d.,]|(?:\*\*| [†§])*<!--)", prose)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_how_it_is_made(study: str) -> None:
    text = (ROOT / "results" / study / "README.md").read_text()
    assert not re.search(r"^\|", TABLE.sub("", text), re.MULTILINE), "a table without addresses"
    assert f"bench run study={study}" in text
    assert f"bench report {study}" in text


@pytest.mark.parametrize("study", STUDIES)
def test_the_command_of_a_row_as_it_comes_asks_for_no_trials(study: str) -> None:
    plain = [row for row in table_rows(ROOT / "results" / study) if row.get("setting") == config.DEFAULT]
    tuned = yaml.safe_load((ROOT / "conf" / "study" / f"{study}.yaml").read_text())["grid"]
    if any(config.TUNED in one for product in tuned for one in product.get(config.SETTINGS, ())):
        assert [row["command"] for row in plain if f"{config.SETTINGS}=[{config.DEFAULT}]" not in row["command"]] == []


def test_the_front_page_is_short() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1_300


def tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    return set(listed.stdout.splitlines())


@pytest.mark.parametrize("path", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A picture is in git; another link is too, or the paragraph names the command that writes its target."""
    files = tracked()
    for paragraph in path.read_text().split("\n\n"):
        for picture, target in re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", paragraph):
            if re.match(r"https?:|#", target):
                continue
            name = str((path.parent / target.partition("#")[0]).resolve().relative_to(ROOT))
            there = name in files or any(file.startswith(f"{name.rstrip('/')}/") for file in files)
            written = not picture and name.startswith("results/") and f"bench report {name.split('/')[1]}" in paragraph
            assert there or written, f"{path}: {target}"


def test_every_room_that_bench_readme_names_exists() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    questions = re.findall(r"^\| .*\? \| `([\w/.]+)` \|$", text, re.MULTILINE)
    assert len(questions) >= 20
    missing = [name for name in re.findall(r"`((?:bench|conf|tests)/[\w/.]+\w)`", text) if not (ROOT / name).exists()]
    assert not missing


def room(path: Path) -> str:
    """A file's folder in the package, or the file where it lies at the package's root."""
    parts = path.relative_to(ROOT / "bench").parts
    return f"{parts[0]}/" if len(parts) > 1 else parts[0]


def imported(path: Path) -> set[str]:
    """Rooms that a file imports, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bench":
            names = [node.module] if node.module != "bench" else [f"bench.{alias.name}" for alias in node.names]
            for name in map(str, names):
                top = name.split(".")[1]
                rooms.add(f"{top}/" if (ROOT / "bench" / top).is_dir() else f"{top}.py")
    return rooms


def test_the_picture_of_the_rooms_is_that_of_the_imports() -> None:
    picture = (ROOT / "bench" / "README.md").read_text().split("```")[1]
    drawn = [re.findall(r"\b[a-z]+(?:/|\.py)(?= |$)", line) for line in picture.splitlines()]
    line_of = {name: number for number, names in enumerate(drawn) for name in names}
    words = max(line_of.values())
    doors = {ROOT / "bench" / "__init__.py", ROOT / "bench" / "__main__.py"}
    files = [path for path in sorted((ROOT / "bench").rglob("*.py")) if path not in doors]
    assert {room(path) for path in files} == line_of.keys()
    up = [
        f"{path.relative_to(ROOT)} imports {other}"
        for path in files
        for other in imported(path) - {room(path)}
        if not (line_of[room(path)] < line_of[other] or line_of[room(path)] == line_of[other] == words)
    ]
    assert not up, "\n".join(up)


def dotted(schema: type, prefix: str = "") -> list[str]:
    """Every option of a dataclass, those of its groups with the group's name before them."""
    hints, names = get_type_hints(schema), []
    for item in fields(schema):
        hint = hints[item.name]
        name = f"{prefix}{item.name}"
        names += dotted(hint, f"{name}.") if is_dataclass(hint) else [name]
    return names


def test_every_option_is_explained_and_no_other() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    explained = re.findall(r"^\| `([\w.]+)` \| .+ \| .+ \|$", text, re.MULTILINE)
    assert sorted(explained) == sorted(dotted(config.Config))


def test_every_field_of_a_data_spec_is_explained_and_no_other() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    table = text.partition("gets a `DataSpec`")[2].partition("Events come flat")[0]
    explained = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert sorted(explained) == sorted([*(item.name for item in fields(DataSpec)), "dim"])


def test_the_data_set_of_the_reference_works() -> None:
    """The example under "How to add" builds a data set whose splits are disjoint parts of 3,000 draws."""
    text = (ROOT / "bench" / "README.md").read_text()
    example = re.search(r"```python\n(import torch\n.+?)```", text, re.DOTALL)
    assert example
    names: dict[str, Any] = {}
    exec(example[1], names)
    data = names["mine"]("mine", scale=2.0)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [2_000, 500, 500]


def test_committed_results_stay_small() -> None:
    listed = subprocess.run(["git", "ls-files", "-z", "results"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert sum(path.stat().st_size for path in files) < 15_000_000
