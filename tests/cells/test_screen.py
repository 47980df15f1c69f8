"""Bars on real pseudo-terminals, lines in logs, and what remains where a terminal lacks what it should have."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.cells.bars import Bars
from bench.cells.screen import Grid, Log
from bench.machine.stage import Stage
from tests.helpers import TINY, environment
from tests.terminal import Shown, Terminal

GRID = ["run", "-m", *TINY, "model=diverging,affine", "seed=0,1", "budget.steps=60"]
CLOCK = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  "


def on_terminal(folder: Path, own_conf: Path, columns: int, *words: str, **env: str) -> Shown:
    command = [sys.executable, "-m", "bench.cli", *GRID, "--config-dir", str(own_conf), *words]
    return Terminal(folder, command, columns, **env).end()


def in_log(folder: Path, own_conf: Path, *words: str, **streams: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.cli", *GRID, "--config-dir", str(own_conf), *words]
    return subprocess.run(command, cwd=folder, env=environment(), text=True, check=False, timeout=300, **streams)  # type: ignore[call-overload,no-any-return]


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_fifty_columns_show_the_grid_and_a_line_a_run(workers: int, own_conf, tmp_path) -> None:
    # Three of each, the last one alone, and each longer than between two drawings: what is looked for is drawn.
    longer = ["seed=0,1,2", "budget.steps=3000", "train.validate_every=100", "data.train=4000", "data.test=4000"]
    longer += ["eval.sample_size=1500", "eval.trees=50"]
    shown = on_terminal(tmp_path, own_conf, 50, f"workers={workers}", *longer)
    assert shown.code == 1
    assert not shown.cursor_hidden
    assert shown.ever("runs", "/6 done", "failed")
    assert shown.ever("/6 done", "left")
    assert shown.ever("gaussian-affine-s0", "train", "━", " nats")
    runs = [sum("gaussian-" in line and "━" in line for line in frame) for frame in shown.frames]
    assert max(runs) == workers
    assert shown.ever("evaluate", "━")
    bars = [line for frame in shown.frames for line in frame if "━" in line]
    assert all(len(line) < 50 for line in bars)
    assert "━" not in shown.last, "bars are taken away"
    assert "6 runs: 3 ok, 3 diverged" in shown.last


@pytest.mark.long
def test_twenty_columns_do_not_break(own_conf, tmp_path) -> None:
    shown = on_terminal(tmp_path, own_conf, 20)
    assert shown.code == 1
    assert shown.ever("/4 done")
    assert "Traceback" not in shown.raw.decode()
    assert "4 runs: 2 ok, 2 dive" in shown.raw.decode()


@pytest.mark.long
def test_no_colour_where_it_is_not_wanted(own_conf, tmp_path) -> None:
    coloured = re.compile(rb"\x1b\[[0-9;]*3[0-9;]*m")
    plain = on_terminal(tmp_path, own_conf, 80, NO_COLOR="1")
    assert not coloured.search(plain.raw)
    assert plain.ever("/4 done", "━")


@pytest.mark.long
def test_an_encoding_without_signs_shows_letters(own_conf, tmp_path) -> None:
    words = ["model=vae,affine", "budget.parameters=200", "budget.tolerance=0.5", "seed=0"]
    shown = on_terminal(tmp_path, own_conf, 80, *words, PYTHONIOENCODING="ascii")
    assert shown.code == 0
    assert all(byte < 128 for byte in shown.raw)
    assert b"\\u" not in shown.raw
    assert shown.ever("vae", "<= ", " +- ")


@pytest.mark.long
def test_a_log_has_a_clock_and_no_bars_and_ends_with_what_is_next(own_conf, tmp_path) -> None:
    done = in_log(tmp_path, own_conf, "results_dir=a b", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert any(
        re.fullmatch(CLOCK + r"\[3/4\] \S+affine-s0\S+  train 25%  step \d+, validation nll\(exact\) \S+ nats", line)
        for line in lines
    )
    assert sum(bool(re.match(CLOCK + r"\[\d/4\] \S+  (ok|diverged)", line)) for line in lines) == 4
    closing = lines[lines.index("4 runs: 2 ok, 2 diverged") :]
    assert re.match(r"  linear_gaussian diverging, seeds 0, 1: diverged: the training loss is nan", closing[1])
    assert closing[-1] == "bench report scratch --results-dir 'a b'"


@pytest.mark.long
def test_closed_streams_cost_nothing_but_the_lines(own_conf, tmp_path) -> None:
    command = " ".join([sys.executable, "-m", "bench.cli", *GRID, "--config-dir", str(own_conf), "model=affine"])
    for closed in ("2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
        folder = tmp_path / str(len(closed))
        folder.mkdir()
        done = subprocess.run(
            f"{command} {closed}", shell=True, cwd=folder, env=environment(), capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        records = list(folder.glob("results/scratch/runs/*/*/record.json"))
        assert len(records) == 2
        assert not list(folder.glob("results/scratch/runs/*/*/error.txt"))


class Left:
    """The clock of a grid with a known rest."""

    def seconds(self) -> float:
        return 90.0


def grid(**outcomes: int) -> Grid:
    return Grid(8, Left(), Counter(outcomes))  # type: ignore[arg-type]


def test_a_grid_says_what_is_done_failed_and_left() -> None:
    assert grid(ok=3, not_applicable=1).words() == ["4/8 done", "90 s left"]
    assert grid(ok=3, failed=1, timeout=1, diverged=1).words() == ["6/8 done", "3 failed", "90 s left"]
    assert grid(ok=8).words() == ["8/8 done"]


def test_a_log_is_not_silent_for_more_than_a_minute(capsys) -> None:
    now = 0.0
    log = Log(grid(ok=1), lambda: now)
    log.begin("[2/8] a", "a")
    log.show("[2/8] a", Stage("train", 0.1, "3 nats", "step 1, validation loss"))
    assert capsys.readouterr().out == ""
    now = 61.0
    log.show("[2/8] a", Stage("evaluate", 0.3, "likelihood 3/9"))
    log.look()
    log.show("[2/8] a", Stage("evaluate", 0.4, "likelihood 4/9"))
    log.look()
    log.count()
    now = 130.0
    log.look()
    said = [re.sub(f"^{CLOCK}", "", line) for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "[2/8] a  evaluate 30%  likelihood 3/9",
        "1/8 done, 90 s left",
        "[2/8] a  evaluate 40%  likelihood 4/9",
    ]


STAGES = (
    Stage("train", 0.45, "95.123 nats", "step 1,160, validation nll(iwae-16)"),
    Stage("evaluate", 0.1, "likelihood 13/24"),
    Stage("data"),
)


@pytest.mark.parametrize("columns", [1, 4, 8, 20, 39, 50, 51, 80, 120, 200])
@pytest.mark.parametrize("name", ["digits-vae-s0", "checkerboard-flow_matching_ml-s10"])
def test_lines_fit_whatever_the_width(columns: int, name: str, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    with open(tmp_path / "tty", "w") as stream:
        bars = Bars(stream)
        bars.grid = 0.25, ["12/48 done", "2 failed", "12 min left"]
        bars.runs = {str(number): (name, stage) for number, stage in enumerate(STAGES)}
        with bars.console.capture() as capture:
            bars.console.print(bars.lines())
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).splitlines()
    assert len(lines) == 1 + len(STAGES)
    assert all(len(line) <= max(1, columns - 1) for line in lines), lines
    text = "\n".join(lines)
    if columns >= 20:
        assert "12/48 done" in text
        assert name[-3:] in text
    if columns >= 50:
        assert ["━" in line or "╸" in line for line in lines[:3]] == [True] * 3
        assert "95.123 nats" in text
        assert "2 failed" in text
        assert "12 min left" in text
    if columns >= 120:
        assert "validation nll(iwae-16) 95.123 nats" in text


def test_more_runs_than_lines_are_cut_at_the_foot(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "6")
    with open(tmp_path / "tty", "w") as stream:
        bars = Bars(stream)
        bars.runs = {str(number): (f"run-{number}", STAGES[0]) for number in range(20)}
        with bars.console.capture() as capture:
            bars.console.print(bars.lines())
    assert len(capture.get().splitlines()) == 5


def test_a_terminal_that_moves_no_cursor_gets_lines(monkeypatch, tmp_path) -> None:
    with open(tmp_path / "tty", "w") as stream:
        dumb = []
        for name in ("dumb", "xterm"):
            monkeypatch.setenv("TERM", name)
            dumb.append(Bars(stream).dumb)
    assert dumb == [True, False]
