import subprocess
from pathlib import Path

import pytest
import torch

from bench.record import provenance
from bench.record.provenance import device_name, git_commit


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch):
    """A checkout with one commit, taken for the project's."""

    def git(*words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "code.py").write_text("a = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    monkeypatch.setattr(provenance, "project_dir", lambda: tmp_path)
    monkeypatch.delenv("BENCH_COMMIT", raising=False)
    git_commit.cache_clear()
    yield tmp_path, git
    git_commit.cache_clear()


def test_the_commit_is_named(checkout) -> None:
    _, git = checkout
    assert git_commit() == git("rev-parse", "--short=12", "HEAD")


@pytest.mark.parametrize("change", ["bench/code.py", "bench/setup/new.py", "conf/config.yaml"])
def test_changed_code_is_marked(change: str, checkout) -> None:
    folder, git = checkout
    (folder / change).parent.mkdir(exist_ok=True)
    (folder / change).write_text("b = 2\n")
    assert git_commit() == git("rev-parse", "--short=12", "HEAD") + "+"


def test_results_are_not_code(checkout) -> None:
    folder, git = checkout
    (folder / "results").mkdir()
    (folder / "results" / "table.csv").write_text("1")
    assert git_commit() == git("rev-parse", "--short=12", "HEAD")


def test_a_checkout_without_commits_has_none(checkout) -> None:
    _, git = checkout
    git("update-ref", "-d", "HEAD")
    assert git_commit() is None


@pytest.mark.parametrize("project", [None, "/"])
def test_outside_a_checkout_there_is_none(project: str | None, checkout, monkeypatch) -> None:
    monkeypatch.setattr(provenance, "project_dir", lambda: None if project is None else Path(project))
    assert git_commit() is None


def test_a_copy_within_another_repository_has_the_commit_that_the_environment_names(checkout, monkeypatch) -> None:
    folder, _ = checkout
    (folder / "copy").mkdir()
    monkeypatch.setattr(provenance, "project_dir", lambda: folder / "copy")
    assert git_commit() is None
    git_commit.cache_clear()
    monkeypatch.setenv("BENCH_COMMIT", "0123456789ab")
    assert git_commit() == "0123456789ab"


def test_a_checkouts_own_commit_goes_before_the_environment(checkout, monkeypatch) -> None:
    _, git = checkout
    monkeypatch.setenv("BENCH_COMMIT", "0123456789ab")
    assert git_commit() == git("rev-parse", "--short=12", "HEAD")


def test_without_git_there_is_none(checkout, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None


def test_the_processor_has_a_name() -> None:
    name = device_name(torch.device("cpu"))
    assert name
    assert "\n" not in name


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_gpu_has_a_name() -> None:
    assert device_name(torch.device("cuda")) == torch.cuda.get_device_name()
