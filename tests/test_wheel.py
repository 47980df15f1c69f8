"""The wheel carries the configuration and the templates, and works far from the checkout."""

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers import ROOT, TINY_BUDGET, TINY_DATA, TINY_EVAL

pytestmark = pytest.mark.long

# Not by find_spec: looking for pip switches setuptools' distutils off, without which Inductor does not start.
if not {"hatchling", "pip"} <= {found.name for found in importlib.metadata.distributions()}:
    pytest.skip("building a wheel needs hatchling and pip", allow_module_level=True)


def call(*words: str, cwd: Path, path: Path | None = None) -> str:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", *words],
        cwd=cwd,
        env=inherited | {"OMP_NUM_THREADS": "1"} | ({} if path is None else {"PYTHONPATH": str(path)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    call("pip", "wheel", *quiet, "--wheel-dir", str(folder), str(ROOT), cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder that holds the installed package and nothing else."""
    target = wheel.parent / "site"
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--target",
        str(target),
    ]
    call("pip", "install", *options, str(wheel), cwd=wheel.parent)
    return target


def test_every_file_of_the_configuration_and_every_template_is_in_it(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"bench/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    wanted |= {str(path.relative_to(ROOT)) for path in (ROOT / "bench").rglob("*.py")}
    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "bench" / "report" / "templates").iterdir()}
    assert "bench/conf/config.yaml" in wanted
    classifiers = {
        str(path.relative_to(ROOT)) for path in (ROOT / "bench" / "metrics" / "features").glob("*.safetensors")
    }
    assert templates
    assert classifiers
    assert wanted | templates | classifiers <= held
    assert not [name for name in held if name.startswith(("tests/", "results/", "conf/"))]


def test_the_command_works_far_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = call("bench.cli", "list", "models", cwd=tmp_path, path=installed)
    assert {line.split()[0] for line in where.splitlines()} >= {"vae", "realnvp", "cnf"}
    tiny = [*TINY_DATA, *TINY_BUDGET, *TINY_EVAL, "model=vae", "budget.parameters=null", "model.width=6"]
    out = call("bench.cli", "run", *tiny, cwd=tmp_path, path=installed)
    assert "1 runs: 1 ok" in out
    (path,) = (tmp_path / "results" / "scratch" / "runs").glob("*/*/record.json")
    record = json.loads(path.read_text())
    assert record["status"] == "ok"
    here = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    assert (record["git_commit"] or "").rstrip("+") == here.stdout.strip(), (
        "of the checkout that the wheel was built from"
    )
