"""Commands on a stored run import what they need, and nothing before their arguments are known to be right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import environment

HEAVY = ("torch", "pandas", "scipy", "sklearn", "matplotlib", "hydra", "torch._dynamo", "torch._inductor")


def imported(words: list[str], folder: Path) -> tuple[int, set[str], str]:
    """The exit code of a command in a process of its own, which of `HEAVY` it imported, and its errors."""
    code = (
        "import json, sys\nfrom bench.cli import main\n"
        f"code = main({words!r})\nprint(json.dumps([code, sorted(set({HEAVY!r}) & set(sys.modules))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    code, names = json.loads(done.stdout.splitlines()[-1])
    return code, set(names), done.stderr


def test_a_stored_run_samples_with_torch_alone_and_reads_a_csv_with_pandas(shelf, tmp_path: Path) -> None:
    run = str(shelf["flow"])
    assert imported(["sample", run, "-n", "5", "--out", "x.csv"], tmp_path)[:2] == (0, {"torch"})
    assert imported(["score", run, "x.csv"], tmp_path)[:2] == (0, {"torch", "pandas"})
    assert {path.name for path in tmp_path.iterdir()} == {"x.csv", "x.scores.csv"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sample", "nowhere", "--out", "x.csv"], "no run nowhere"),
        (["sample", "RUN", "--out", "x.txt"], "give a name that ends with"),
        (["sample", "RUN", "-n", "0", "--out", "x.csv"], "n=0: ask for one sample or more"),
        (["sample", "RUN", "--temperature", "-1", "--out", "x.csv"], "temperature=-1: give a number above 0"),
        (["score", "RUN", "nothing.csv"], "nothing.csv: no such file"),
    ],
)
def test_a_mistake_is_told_before_anything_heavy_is_imported(shelf, tmp_path: Path, words, says: str) -> None:
    run = str(shelf["flow"])
    code, names, errors = imported([run if word == "RUN" else word for word in words], tmp_path)
    assert (code, names) == (2, set())
    assert says in errors
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_read_is_not_written_over(shelf, bench_call, tmp_path: Path) -> None:
    assert bench_call("sample", shelf["flow"], "-n", 5, "--out", "x.csv").code == 0
    before = (tmp_path / "x.csv").read_bytes()
    for command in ("score", "encode", "reconstruct"):
        answer = bench_call(command, shelf["flow"], "x.csv", "--out", tmp_path / "x.csv")
        assert (answer.code, (tmp_path / "x.csv").read_bytes()) == (2, before)
        assert "is the file that is read" in answer.err
