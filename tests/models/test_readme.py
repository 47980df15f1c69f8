"""bench/models/README.md is the reference of entries: what it says of them is what they are."""

import re
from pathlib import Path

import pytest
import yaml

from bench.models.entry import Entry
from tests.helpers import ROOT

README = (ROOT / "bench" / "models" / "README.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", README, flags=re.MULTILINE | re.DOTALL))
CONFIGS = {path.stem: path for path in sorted((ROOT / "conf" / "model").glob("*.yaml"))}


def options(path: Path) -> dict[str, object]:
    """An entry's options and their defaults, as its YAML has them."""
    return {
        key: value
        for key, value in yaml.safe_load(path.read_text()).items()
        if key not in {"_target_", "name", "tuning"}
    }


def described(section: str) -> dict[str, object]:
    """The options that a section lists, with their defaults."""
    pairs = re.findall(r"^- `(\w+)` = `([^`]*)`:", section, flags=re.MULTILINE)
    return {name: yaml.safe_load(default) for name, default in pairs}


def test_every_entry_has_one_section() -> None:
    assert sorted(re.findall(r"^### `(\w+)`$", README, flags=re.MULTILINE)) == sorted(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_section_has_every_option_with_the_default_of_the_yaml(name: str) -> None:
    assert described(SECTIONS[name]) == options(CONFIGS[name])


def test_every_class_attribute_stands_in_the_table_with_its_default() -> None:
    attributes = {name: getattr(Entry, name) for name in Entry.__annotations__}
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) \|", README.rpartition("| attribute |")[2], flags=re.MULTILINE))
    assert rows.keys() == attributes.keys()
    for name, value in attributes.items():
        shown = ", ".join(sorted(value)) if isinstance(value, frozenset) else f"`{value!r}`".replace("'", '"')
        assert rows[name] == shown, name
