"""bench/data/README.md is the reference of data sets: what it says of their options is what they are."""

import inspect
import re
from collections.abc import Callable

import pytest
import yaml

from bench.data.array import array
from bench.data.averaged import averaged_images
from bench.data.digits import digits
from bench.data.images import idx_images
from bench.data.linear_gaussian import linear_gaussian
from bench.data.official.bsds300 import bsds300
from bench.data.official.cifar10 import cifar10
from bench.data.official.gas import gas
from bench.data.official.hepmass import hepmass
from bench.data.official.known_table import known_table
from bench.data.official.miniboone import miniboone
from bench.data.official.patches import photograph_patches
from bench.data.official.power import power
from bench.data.permuted import permuted_digits
from bench.data.picture_folder import images
from bench.data.python import python
from bench.data.table.table import table
from bench.data.toy import toy
from tests.helpers import ROOT

README = (ROOT / "bench" / "data" / "README.md").read_text()
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", README, flags=re.MULTILINE | re.DOTALL))
FUNCTIONS: dict[str, Callable[..., object] | tuple[Callable[..., object], ...]] = {
    "Toys": toy,
    "`linear_gaussian`": linear_gaussian,
    "Digits": digits,
    "Permuted digits": permuted_digits,
    "MNIST and its kin": idx_images,
    "CIFAR-10": cifar10,
    "Averaged MNIST": averaged_images,
    "A table of your own": table,
    "Arrays of your own": array,
    "Pictures of your own": images,
    "A function of your own": python,
    "Built-in tables": known_table,
    "Tables of the MAF paper": (power, gas, hepmass, miniboone, bsds300),
    "Patches of photographs": photograph_patches,
}
DESCRIBED = [(title, f) for title, of in FUNCTIONS.items() for f in (of if isinstance(of, tuple) else (of,))]
CONFIGS = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf" / "data").glob("*.yaml"))]


def test_the_table_has_every_data_set() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \|", README.partition("\n## ")[0], flags=re.MULTILINE)) == sorted(
        c["name"] for c in CONFIGS
    )


def test_every_data_set_comes_from_a_described_function() -> None:
    targets = {f"{function.__module__}.{function.__qualname__}" for _, function in DESCRIBED}
    assert {config["_target_"] for config in CONFIGS} == targets


@pytest.mark.parametrize(("title", "function"), DESCRIBED)
def test_a_section_has_every_option_with_its_default(title: str, function: Callable[..., object]) -> None:
    pairs = re.findall(r"^- `(\w+)`(?: = `([^`]*)`)?:", SECTIONS[title], flags=re.MULTILINE)
    described = {name: yaml.safe_load(default) if default else inspect.Parameter.empty for name, default in pairs}
    parameters = inspect.signature(function).parameters
    assert described == {name: option.default for name, option in parameters.items() if name != "name"}
