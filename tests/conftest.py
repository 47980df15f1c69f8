"""One thread a process keeps two cores even; the same random state begins every test."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test begins from the same random state."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def own_conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's configuration folder: one YAML for each entry of `tests.own_entries`, named in snake case."""
    from bench.models.entry import Entry
    from tests import own_entries

    conf = tmp_path_factory.mktemp("conf")
    (conf / "model").mkdir()
    for name, value in vars(own_entries).items():
        if isinstance(value, type) and issubclass(value, Entry) and value is not Entry:
            file = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
            text = f"# {value.__doc__}\n_target_: tests.own_entries.{name}\nname: {file}\nwidth: 4\n"
            (conf / "model" / f"{file}.yaml").write_text(text)
    return conf


@pytest.fixture(autouse=True)
def module_path(monkeypatch) -> None:
    """The module path as it was: `main` takes the folder of the call off it, in which the tests' own modules lie."""
    monkeypatch.setattr(sys, "path", sys.path[:])


@pytest.fixture
def bench_call(tmp_path, monkeypatch, capsys) -> Callable:
    """Calls `bench` in this process, from an empty folder: the exit code and what it printed."""
    from bench.cli import main
    from tests.helpers import Answer

    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return Answer(code, *capsys.readouterr())

    return call
