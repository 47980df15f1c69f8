"""The user's own modules: whose they are, and what of their text counts."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.setup import sources
from bench.setup.sources import fingerprints, required_distributions, user_sources


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What a test changes of installed folders is forgotten behind it."""
    yield
    sources.is_users.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch) -> Iterator[Path]:
    """A package of a user's: an entry's module, its base, and a third file that the base imports."""
    folder = tmp_path / "mine_for_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "third.py").write_text("SCALE = 2\n")
    (folder / "base.py").write_text("from .third import SCALE\n")
    (folder / "entry.py").write_text("from .base import SCALE\n\n\ndef scale(x):\n    return SCALE * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("mine_for_test.entry")
    yield folder
    for name in [name for name in sys.modules if name.startswith("mine_for_test")]:
        del sys.modules[name]


def of_package() -> dict[str, str]:
    known = fingerprints(user_sources())
    return {name: text for name, text in known.items() if name.startswith("mine_for_test.")}


def test_every_file_of_a_users_package_is_the_users(package) -> None:
    assert of_package().keys() == {"mine_for_test.entry", "mine_for_test.base", "mine_for_test.third"}


@pytest.mark.parametrize("file", ["entry.py", "base.py", "third.py"])
def test_a_changed_line_of_any_of_them_counts_and_a_comment_does_not(file: str, package) -> None:
    before, path = of_package(), package / file
    path.write_text("# a thought\n\n" + path.read_text().replace(" * ", "  *  ") + "\n\n# another\n")
    assert of_package() == before
    path.write_text(path.read_text() + "more = 1\n")
    after = of_package()
    assert {name for name in after if after[name] != before[name]} == {f"mine_for_test.{path.stem}"}


def test_libraries_and_the_bench_are_not_the_users() -> None:
    import numpy  # noqa: F401
    import torch  # noqa: F401

    tops = {source.module.partition(".")[0] for source in user_sources()}
    assert tops.isdisjoint({"numpy", "torch", "bench", "math", "pytest", "_pytest", "hydra", "json"})
    assert "tests" in tops


def test_an_installed_package_that_the_bench_does_not_require_is_the_users(package, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sources, "site_folders", lambda: (tmp_path.resolve(),))
    sources.is_users.cache_clear()
    assert "mine_for_test.entry" in of_package()
    monkeypatch.setattr(sources, "required_modules", lambda: {"mine_for_test": True})
    sources.is_users.cache_clear()
    assert not of_package()


def test_requirements_are_followed_through_extras_and_requirements(monkeypatch) -> None:
    lines = {
        "generative-bench": ["Torch>=2", "fast; extra == 'speed'", "drawn[svg]"],
        "torch": ["sym_py", "other; extra == 'opt'"],
        "drawn": ["vector; extra == 'svg'", "raster; extra == 'png'", "torch"],
        "vector": ["lines"],
    }
    monkeypatch.setattr(sources, "requirements", lambda name: lines.get(sources.normal(name), []))
    sources.required_distributions.cache_clear()
    try:
        assert required_distributions() == {"generative-bench", "torch", "sym-py", "fast", "drawn", "vector", "lines"}
    finally:
        sources.required_distributions.cache_clear()


def test_what_is_no_python_counts_by_its_bytes(package) -> None:
    path = package / "third.py"
    before = of_package()
    path.write_bytes(b"\xff\x00 no source")
    first = of_package()
    path.write_bytes(b"\xff\x00 no other source")
    assert len({str(before), str(first), str(of_package())}) == 3
