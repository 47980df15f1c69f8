"""Records of a stranger: each spoils its own row at most, and nothing outside the study."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.record.runs import run_path
from bench.record.store import RunFolder
from bench.report.collect import collect
from bench.report.frames import summary, table
from bench.report.report import report
from bench.report.reproduce import reproduce
from bench.report.study import load
from tests.helpers import environment, files_under
from tests.report.synthetic import record, write_run

GOOD = record("toy", "cnf", 0)


def study_with(folder: Path, **changes: Any) -> Path:
    """A study of one ordinary run and one whose record has these changes; the folder of the second."""
    write_run(folder, GOOD)
    path = write_run(folder, record("toy", "vae", 0))
    change_record(path, changes)
    return path


def change_record(path: Path, changes: dict[str, Any]) -> None:
    """Changes a record as who knows nothing of checksums would."""
    content = json.loads((path / "record.json").read_text())
    del content["checksum"]
    (path / "record.json").write_text(json.dumps(content | changes))


def bare(folder: Path, **changes: Any) -> Path:
    """A study of one run that has a likelihood, a bound, and nothing else that is drawn."""
    made = {"run_id": "a", "status": "ok", "data": "toy", "model": "vae", "seed": 0}
    run = RunFolder(folder / "runs" / "a")
    run.write("config.yaml", "seed: 0\n")
    run.write_record(made | {"nll_nats": 1.5, "nll_is_bound": True} | changes)
    return run.path


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"data": "../../../x"}, "which is no name"),
    ({"seed": 10**400}, "a number of 401 digits"),
    ({"model": None}, "model is missing"),
    ({"nll_nats": float("inf")}, "nll_nats is not finite"),
    ({"train_seconds": 1e300}, "beyond"),
    ({"k_curve": "abc"}, "k_curve is 'abc'"),
    ({"noise_curve": {"12": 1}}, "noise_curve is"),
    ({"k_curve": [[1, 2]] * 2_000}, "k_curve is"),
    ({"own": "x" * 6_000_000}, "more than 5,000,000"),
]


@pytest.mark.parametrize(("changes", "reason"), BROKEN)
def test_what_no_run_writes_is_a_line(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    path = study_with(tmp_path / "s", **changes)
    (warning,) = collect(tmp_path / "s").warnings
    assert str(path / "record.json") in warning
    assert reason in warning
    assert warning.isprintable()
    assert [run["model"] for run in load(tmp_path / "s").runs] == ["cnf"]


def test_a_record_that_is_broken_leaves_the_report_of_the_others(tmp_path: Path, capsys) -> None:
    bare(tmp_path / "s")
    for number, (changes, _) in enumerate(BROKEN):
        run = tmp_path / "s" / "runs" / f"broken{number}"
        run.mkdir()
        made = record("toy", "vae", number, run_id=run.name) | changes
        (run / "record.json").write_text(json.dumps(made))
    assert "1 run: 1 ok" in report("s", tmp_path)
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == len(BROKEN)
    assert all(f"broken{number}/record.json" in warning for number, warning in enumerate(warnings))
    assert files_under(tmp_path) == {"s", *(f"s/{name}" for name in files_under(tmp_path / "s"))}


def test_what_is_only_odd_has_its_row(tmp_path: Path, capsys) -> None:
    odd: list[dict[str, Any]] = [
        {"data": 2024},
        {"data": False},
        {"model": "a$\\frac{b$"},
        {"model": "_hidden"},
        {"model": "w" * 150},
        {"command": "bench run 'model=vae"},
        {"error": "x" * 200_000},
        {"nll_nats": 5e-324, "recon_mse": 5e-324},
        {"train_seconds": -5.0, "train_flops": -1},
        {"train_flops": 10**20},
        {"own": {"a": [1, None]}, "=own": "=1", "own\ud800": "\ud800"},
        {"model": "oracle"},
        {"model": "truth"},
    ]
    for seed, changes in enumerate(odd):
        path = write_run(tmp_path / "s", record("toy", "vae", seed, run_id=f"odd{seed}"))
        change_record(path, changes)
    assert f"{len(odd)} runs: {len(odd)} ok" in report("s", tmp_path)
    assert capsys.readouterr().err == ""
    assert collect(tmp_path / "s").warnings == []
    runs = table("s", tmp_path)
    assert len(runs) == len(odd)
    assert {"2024", "False", "toy"} == set(runs["data"]) == set(summary("s", tmp_path)["data"])


def test_a_picture_of_an_odd_data_set_stays_in_the_study(tmp_path: Path) -> None:
    bare(tmp_path / "s", data=".. a$b .")
    report("s", tmp_path)
    pictures = {path.name for path in (tmp_path / "s" / "plots").glob("*.png")}
    assert sum("nll-..-a-b-.-" in name for name in pictures) == 1
    page = (tmp_path / "s" / "report.html").read_text()
    assert all(f"plots/{name}" in page for name in pictures)


def test_an_open_quote_in_a_command_does_not_stop_reproduce(tmp_path: Path) -> None:
    run = record("mnist", "realnvp", 0, bits_per_dim=2.0, command="bench run 'x")
    write_run(tmp_path / "s", record("digits", "vae", 0, run_id="x"))
    RunFolder(run_path(tmp_path / "s" / "runs", run["run_id"])).write_record(run)
    collect(tmp_path / "s")
    assert any("bits_per_dim" in line for line in reproduce("s", tmp_path))


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: \xff\n", "not UTF-8 at byte 3"),
        (BOMB.encode(), "has an alias"),
        (b"!!python/object/apply:os.system [id]\n", "has the tag"),
        (b"[" * 100_000, "nested more than 30 times"),
        (b"x: 1\n" * 300_000, "1,500,000 bytes, more than 1,000,000"),
    ],
)
def test_a_broken_configuration_leaves_the_row(content: bytes, reason: str, tmp_path: Path) -> None:
    (study_with(tmp_path / "s") / "config.yaml").write_bytes(content)
    (warning,) = collect(tmp_path / "s").warnings
    assert f"config.yaml cannot be read ({reason}" in warning
    assert len(load(tmp_path / "s").runs) == 2


def test_odd_values_of_a_configuration_become_text(tmp_path: Path) -> None:
    path = study_with(tmp_path / "s")
    for seed, day in ((1, "2024-01-01"), (2, "2024-01-02")):
        other = write_run(tmp_path / "s", record("toy", "vae", seed))
        (other / "config.yaml").write_text(f"model: {{day: {day}}}\n2024: x\n~: y\n")
    assert collect(tmp_path / "s").warnings == []
    assert {run["variant"] for run in load(tmp_path / "s").runs if run["seed"]} == {
        'day="2024-01-01"',
        'day="2024-01-02"',
    }
    assert path.exists()


def test_a_reference_to_the_environment_is_never_resolved(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MY_SECRET", "12345678")
    reference = "${oc.env:MY_SECRET}"
    for run_id, path in (("a", "x"), ("b", reference)):
        run = bare(tmp_path / "s", command=f"bench run model.path={path}", note=path).rename(
            run_path(tmp_path / "s" / "runs", run_id)
        )
        change_record(run, {"run_id": run_id})
        (run / "config.yaml").write_text(f"model: {{path: '{path}'}}\n")
    report("s", tmp_path)
    for name in ("table.csv", "summary.csv", "summary.md", "summary.tex", "report.html"):
        assert "12345678" not in (tmp_path / "s" / name).read_text()
    assert reference in (tmp_path / "s" / "table.csv").read_text()


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "link": lambda path: path.symlink_to(path.parent.parent.parent.parent / "outside"),
    "device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", REPLACEMENTS)
@pytest.mark.parametrize("name", ["record.json", "config.yaml", "history.csv", "samples.npz", "density.npz"])
def test_only_plain_files_are_opened(name: str, kind: str, tmp_path: Path) -> None:
    path = study_with(tmp_path / "s") / name
    shutil.copy(path, tmp_path / "outside")
    path.unlink()
    REPLACEMENTS[kind](path)
    (warning,) = collect(tmp_path / "s").warnings
    assert str(path) in warning
    assert "not a plain file" in warning or "a link, which is not followed" in warning
    assert len(load(tmp_path / "s").runs) == (1 if name == "record.json" else 2)


def test_a_run_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path = study_with(tmp_path / "s")
    path.rename(tmp_path / path.name)
    path.symlink_to(tmp_path / path.name)
    (warning,) = collect(tmp_path / "s").warnings
    assert f"{path} is a link, which is not followed; left out" in warning
    assert [run["model"] for run in load(tmp_path / "s").runs] == ["cnf"]


def test_runs_that_are_a_link_are_not_followed(tmp_path: Path) -> None:
    study_with(tmp_path / "s")
    (tmp_path / "s" / "runs").rename(tmp_path / "elsewhere")
    (tmp_path / "s" / "runs").symlink_to(tmp_path / "elsewhere")
    collected = collect(tmp_path / "s")
    assert collected.finished == 0
    assert "is a link" in collected.warnings[0]


def test_a_row_that_would_lead_through_a_link_is_left_out(tmp_path: Path) -> None:
    """The files of the row `a+01234567` are those under runs/a."""
    path = study_with(tmp_path / "s")
    (tmp_path / "s" / "runs" / "a").symlink_to(tmp_path)
    for name in ("a+01234567", "b"):
        run = write_run(tmp_path / "s", record("toy", "odd", 0, run_id=name))
        assert run.exists()
    (path / "evaluations" / "x").mkdir(parents=True)
    warnings = collect(tmp_path / "s").warnings
    assert [warning.partition(" ")[0].rpartition("/")[2] for warning in warnings] == ["a", "a+01234567"]
    assert {run["run_id"] for run in load(tmp_path / "s").runs} == {GOOD["run_id"], path.name, "b"}


def test_nothing_is_written_or_deleted_through_a_link(tmp_path: Path) -> None:
    bare(tmp_path / "s")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "mine.png").write_text("mine")
    (tmp_path / "s" / "plots").symlink_to(tmp_path / "pictures")
    with pytest.raises(BenchError, match="plots is a link, which is not followed; remove it"):
        report("s", tmp_path)
    assert files_under(tmp_path / "pictures") == {"mine.png"}
    (tmp_path / "s" / "plots").unlink()
    (tmp_path / "s" / "summary.md").unlink()
    (tmp_path / "s" / "summary.md").symlink_to(tmp_path / "pictures" / "mine.png")
    report("s", tmp_path)
    assert (tmp_path / "pictures" / "mine.png").read_text() == "mine"
    assert not (tmp_path / "s" / "summary.md").is_symlink()


def test_a_folder_called_like_a_stale_picture_stays(tmp_path: Path) -> None:
    bare(tmp_path / "s")
    (tmp_path / "s" / "plots" / "old.png").mkdir(parents=True)
    report("s", tmp_path)
    assert (tmp_path / "s" / "plots" / "old.png").is_dir()


def test_formulas_and_html_are_inert(tmp_path: Path) -> None:
    formula = "=cmd|' /C calc'!A0"
    bare(tmp_path / "s", error=formula, model="<script>alert(1)<script>", **{"@own": "+1+1"})
    report("s", tmp_path)
    assert formula in {run["error"] for run in load(tmp_path / "s").runs}
    with open(tmp_path / "s" / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["error"] for row in rows] == [f"'{formula}"]
    assert [row["'@own"] for row in rows] == ["'+1+1"]
    for name in ("summary.md", "report.html"):
        assert "<script>alert" not in (tmp_path / "s" / name).read_text()
        assert "&lt;script&gt;alert" in (tmp_path / "s" / name).read_text()


def test_a_long_message_of_an_older_table_is_read_and_cut(tmp_path: Path) -> None:
    bare(tmp_path / "s", status="failed")
    collect(tmp_path / "s")
    path = tmp_path / "s" / "table.csv"
    path.write_text(path.read_text().replace(",failed,,", f",failed,{'x' * 200_000},", 1))
    shutil.rmtree(tmp_path / "s" / "runs")
    assert "1 run: 1 failed" in report("s", tmp_path)
    assert "(cut, 200,000 characters)" in (tmp_path / "s" / "report.html").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="permission bits do not bind root")
def test_a_run_without_permission_is_named(tmp_path: Path) -> None:
    path = study_with(tmp_path / "s")
    path.chmod(0)
    try:
        (warning,) = collect(tmp_path / "s").warnings
    finally:
        path.chmod(0o700)
    assert "Permission denied" in warning


def test_a_run_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = study_with(tmp_path / "s")

    def refuse(file: Any, *rest: Any, real: Any = os.lstat, **named: Any) -> Any:
        if Path(file).parent == path:
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, *rest, **named)

    monkeypatch.setattr(os, "lstat", refuse)
    (warning,) = collect(tmp_path / "s").warnings
    assert str(path / "record.json") in warning
    assert "Permission denied" in warning


def command(folder: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """`bench` in a process of its own, in `folder`, with these variables of the environment."""
    return subprocess.run(
        [sys.executable, "-m", "bench.cli", *words],
        cwd=folder,
        env=environment() | variables,
        capture_output=True,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_neither_backend_nor_locale_matters(variables: dict[str, str], tmp_path: Path) -> None:
    """The model is named in Greek; a bound has ≤ before its number."""
    bare(tmp_path / "s", model="μοντέλο")
    report("s", tmp_path)
    names = ("table.csv", "summary.md", "report.html")
    before = {name: (tmp_path / "s" / name).read_bytes() for name in names}
    answer = command(tmp_path, "report", "s", "--results-dir", ".", **variables)
    assert answer.returncode == 0, answer.stderr
    assert b"1 run: 1 ok" in answer.stdout
    assert {name: (tmp_path / "s" / name).read_bytes() for name in names} == before
    assert all("μοντέλο".encode() in content for content in before.values())


@pytest.mark.parametrize("words", [["report", "s", "--results-dir", "."], ["list", "metrics"]])
def test_nothing_of_the_folder_of_the_call_is_run(words: list[str], tmp_path: Path) -> None:
    bare(tmp_path / "s")
    for module in ("pandas", "statistics", "numpy", "yaml", "matplotlib", "jinja2", "csv", "zipfile"):
        (tmp_path / f"{module}.py").write_text("open('executed', 'w').close()\nraise RuntimeError('of the user')\n")
    (tmp_path / "matplotlibrc").write_bytes(b"\xff")
    answer = command(tmp_path, *words)
    assert answer.returncode == 0, answer.stderr
    assert not (tmp_path / "executed").exists()


def test_modules_of_the_user_are_found_behind_all_others(tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("raise RuntimeError('of the user')\n")
    (tmp_path / "mine.py").write_text("import statistics\nfrom tests.own_entries import Affine as Mine\n")
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("_target_: mine.Mine\nname: mine\nwidth: 4\n")
    answer = command(tmp_path, "run", "--config-dir", "conf", "model=mine", "data=moons", "--cfg", "job")
    assert answer.returncode == 0, answer.stderr
    assert b"_target_: mine.Mine" in answer.stdout
