"""An installed package brings a model, a data set and a study by the entry point group `bench.conf`."""

import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from bench.record.runs import run_path
from tests.helpers import ROOT, TINY_EVAL, records

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "brought-bench"
version = "0.1"
[project.entry-points."bench.conf"]
brought = "brought_bench.conf"
"""
"""The ten lines of a package."""

MODULE = """
import torch
from bench import DataSpec, Dataset
from bench.data.spaces import Identity
from bench.models.gaussian import Gaussian


class Brought(Gaussian):
    pass


def points(name):
    x = torch.randn(900, 2, generator=torch.Generator().manual_seed(0))
    return Dataset(name, DataSpec((2,)), Identity(), x[:600], x[600:750], x[750:])
"""

FILES = {
    "pyproject.toml": PROJECT,
    "brought_bench/__init__.py": "",
    "brought_bench/parts.py": MODULE,
    "brought_bench/conf/model/brought.yaml": "# Of a package\n_target_: brought_bench.parts.Brought\nwidth: 1\n",
    "brought_bench/conf/data/brought_points.yaml": "# Points of a package\n_target_: brought_bench.parts.points\n",
    "brought_bench/conf/study/brought_study.yaml": (
        "# @package _global_\n# A study of a package\nstudy: brought_study\n"
        "grid:\n  - {model: [brought], data: [brought_points], seed: [0]}\n"
    ),
}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def by_hand(folder: Path, name: str = "brought-bench", value: str = "brought_bench.conf", **files: str) -> Path:
    """The package as an installer leaves it."""
    package = {path: text for path, text in FILES.items() if path != "pyproject.toml"}
    info = f"{name.replace('-', '_')}-0.1.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n",
        f"{info}/entry_points.txt": f"[bench.conf]\nbrought = {value}\n",
    }
    return written(folder, package | about | files)


@pytest.fixture
def installed(tmp_path_factory, monkeypatch) -> Path:
    """A folder on the path that holds the package."""
    folder = by_hand(tmp_path_factory.mktemp("site"))
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_models_data_and_studies_of_a_package_are_listed_and_run(installed, bench_call, tmp_path) -> None:
    for what, line in (
        ("models", "Of a package"),
        ("data", "Points of a package"),
        ("studies", "A study of a p"),
    ):
        assert line in bench_call("list", what).out
    assert "brought_bench.parts" not in sys.modules
    assert bench_call("check", "brought_points").out.splitlines()[-1] == "brought_points: sound, 0 warnings"
    answer = bench_call("run", "study=brought_study", *TINY_EVAL)
    assert answer.code == 0, answer.err
    ((run, record),) = records(tmp_path / "results/brought_study").items()
    assert (record["model"], record["data"], record["status"]) == ("brought", "brought_points", "ok")
    sources = run_path(tmp_path / "results/brought_study/runs", run) / "sources"
    assert any("parts" in path.name for path in sources.rglob("*"))


def refused(bench_call, *words: str) -> str:
    answer = bench_call("list", "models", *words)
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    return line


def test_a_name_of_the_projects_is_refused_with_the_package(tmp_path_factory, monkeypatch, bench_call) -> None:
    folder = by_hand(tmp_path_factory.mktemp("site"), **{"brought_bench/conf/model/vae.yaml": "# Mine\n"})
    monkeypatch.syspath_prepend(str(folder))
    name = "brought-bench"
    assert refused(bench_call) == (
        f"bench: the package {name} brings conf/model/vae.yaml, which the project has too; uninstall {name}"
    )


def test_a_name_of_another_package_is_refused(installed, tmp_path_factory, monkeypatch, bench_call) -> None:
    other = by_hand(tmp_path_factory.mktemp("other"), "later-bench", "later_bench")
    written(other, {"later_bench/model/brought.yaml": "# Another\n"})
    monkeypatch.syspath_prepend(str(other))
    assert "brings conf/model/brought.yaml, which the package " in refused(bench_call)


def test_an_entry_point_without_a_folder_is_refused(tmp_path_factory, monkeypatch, bench_call) -> None:
    folder = by_hand(tmp_path_factory.mktemp("site"), value="brought_bench.nowhere")
    monkeypatch.syspath_prepend(str(folder))
    assert "the package brought-bench: its entry point bench.conf names brought_bench.nowhere" in refused(bench_call)


def test_a_users_file_of_a_packages_name_is_refused(installed, bench_call, tmp_path) -> None:
    written(tmp_path, {"conf/model/brought.yaml": "# Mine\n"})
    line = refused(bench_call, "--config-dir", "conf")
    assert line.endswith("conf/model/brought.yaml has the name of a file of the package brought-bench; rename it")


@pytest.mark.long
@pytest.mark.skipif(
    not {"hatchling", "pip"} <= {found.name for found in distributions()}, reason="building needs hatchling and pip"
)
def test_a_wheel_of_ten_lines_brings_them(tmp_path: Path) -> None:
    package = written(tmp_path / "package", FILES)
    assert len(PROJECT.strip().splitlines()) <= 10
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*words: str, path: str | None = None) -> str:
        environment = plain | {"OMP_NUM_THREADS": "1"} | ({} if path is None else {"PYTHONPATH": path})
        command = [sys.executable, "-P", "-m", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    call("pip", "wheel", *quiet, "--wheel-dir", "wheels", str(package))
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    call("pip", "install", *quiet, "--target", "site", str(wheel))
    path = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    out = call("bench.cli", "run", "model=brought", "data=brought_points", *TINY_EVAL, path=path)
    assert "1 runs: 1 ok" in out
