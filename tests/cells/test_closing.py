"""The last lines of a sweep."""

import shlex
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.cells.closing import Swept, command_of, counts_line, failure_lines, next_lines, report_command
from bench.cells.order import Order


def bad(path: Path, seed: int, status: str, error: str, model: str = "vae") -> tuple[Order, dict[str, Any]]:
    place = {"data": "digits", "model": model}
    order = SimpleNamespace(
        setting=SimpleNamespace(place=place), seed=seed, folder=SimpleNamespace(path=path / f"{model}-{seed}")
    )
    return order, {"status": status, "error": error}  # type: ignore[return-value]


def test_failures_are_told_by_kind_with_a_traceback(tmp_path) -> None:
    (tmp_path / "vae-1").mkdir()
    (tmp_path / "vae-1" / "error.txt").write_text("Traceback")
    runs = [bad(tmp_path, 1, "failed", "ValueError: no"), bad(tmp_path, 0, "failed", "ValueError: no")]
    runs += [bad(tmp_path, 0, "diverged", "the loss is nan\x1b[31m at step 3", "cnf")]
    assert list(failure_lines(runs)) == [
        "  digits vae, seeds 0, 1: failed: ValueError: no",
        f"    traceback: {tmp_path / 'vae-1' / 'error.txt'}",
        "  digits cnf, seed 0: diverged: the loss is nan\ufffd[31m at step 3",
    ]


def test_of_a_thousand_kinds_some_are_told(tmp_path) -> None:
    lines = list(failure_lines(bad(tmp_path, seed, "failed", f"error {seed}" + "x" * 999) for seed in range(1000)))
    assert len(lines) == 21
    assert max(map(len, lines)) < 260
    assert lines[-1] == "  and 980 kinds more; records in runs/ say all"


def test_how_to_go_on_is_by_what_happened(tmp_path) -> None:
    command = "bench run study=quick"
    assert list(next_lines([], command)) == []
    failed = list(next_lines([bad(tmp_path, 0, "failed", "")], command))
    assert failed[-1] == command
    timeout = list(next_lines([bad(tmp_path, 0, "timeout", "")], command))
    assert command in timeout
    assert "budget.timeout_seconds" in timeout[-1]
    (diverged,) = next_lines([bad(tmp_path, 0, "diverged", "")], command)
    assert "train.optimiser.learning_rate=" in diverged


def test_commands_can_be_pasted() -> None:
    words = ["data=table", "data.path=my file.csv", "grid=[{a: [1]}]", "x=$HOME", "y='"]
    command = command_of(words, True, Path("my conf"))
    assert shlex.split(command) == ["bench", "run", "-m", "--config-dir", "my conf", *words]
    assert report_command("quick", "results") == "bench report quick"
    assert shlex.split(report_command("my study", "a b")) == ["bench", "report", "my study", "--results-dir", "a b"]


def test_counts_are_in_the_order_of_statuses() -> None:
    assert counts_line(Swept(Counter(failed=1, ok=2))) == "3 runs: 2 ok, 1 failed"
