"""What a configuration may name."""

from pathlib import Path

import pytest

from bench import trusted
from bench.errors import BenchError
from bench.trusted import TRUSTED, check_trusted


@pytest.mark.parametrize(
    "module", ["os", "sys", "subprocess", "shutil", "torch.hub", "numpy", "importlib.util", "builtins"]
)
def test_modules_of_python_and_its_packages_are_refused(module: str) -> None:
    with pytest.raises(BenchError, match=rf"^model=x: {module} is neither .* set BENCH_TRUST={module.split('.')[0]}$"):
        check_trusted(module, "model=x")


def test_the_bench_own_folders_and_what_is_nowhere_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "of_mine").mkdir()
    (tmp_path / "of_mine/entry.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "single.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("bench.models.vae", "of_mine.entry", "single", "no_such_module_anywhere", "tests.own_entries"):
        check_trusted(module, "model=x")


def test_a_package_that_says_so_and_one_that_the_user_names_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted, "declared", lambda: frozenset({"numpy"}))
    check_trusted("numpy.random", "data=x")
    monkeypatch.setenv(TRUSTED, "scipy,sklearn")
    check_trusted("sklearn.datasets", "data=x")
    with pytest.raises(BenchError):
        check_trusted("pandas", "data=x")


def test_a_package_declares_itself_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.conf]\ntheirs = theirs.entries\n")
    monkeypatch.syspath_prepend(tmp_path)
    trusted.declared.cache_clear()
    try:
        assert "theirs" in trusted.declared()
    finally:
        monkeypatch.undo()
        trusted.declared.cache_clear()


@pytest.mark.parametrize(
    "words",
    [
        ["model._target_=os.system"],
        ["data._target_=subprocess.Popen"],
        ["launch._target_=shutil.rmtree"],
        ["+track._target_=os.remove"],
        ["data=python", "data.function=os:system"],
        ["data._target_=bench.import_module"],
        ["data._target_=bench.cli.main"],
        ["data._target_=bench.data.fetch.urlopen"],
    ],
)
def test_no_command_reaches_them(words: list[str], bench_call) -> None:
    answer = bench_call("run", "model=gaussian", "data=moons", *words)
    assert answer.code == 2
    assert "set BENCH_TRUST=" in answer.err
    assert len(answer.err.splitlines()) == 1
