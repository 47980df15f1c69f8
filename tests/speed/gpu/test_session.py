import csv
from pathlib import Path

from bench.speed.gpu.session import Step, session, steps


def test_the_session_holds_the_tests_the_timings_and_the_studies(tmp_path: Path) -> None:
    chosen = steps(tmp_path, ["a", "b"])
    cases = ["speed-ladder-plane", "speed-ladder", "speed-pack", "speed-compiled"]
    assert [step.name for step in chosen] == ["surroundings", "tests", *cases, "speed", "study-a", "study-b"]
    assert all(str(tmp_path / "results") in " ".join(step.arguments) for step in chosen[2:])


def test_a_failing_step_stops_nothing_and_a_long_one_is_interrupted(tmp_path: Path) -> None:
    waits = "import time\ntry:\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('stopped'); raise SystemExit(130)"
    chosen = [
        Step("fails", ["-c", "print('here'); raise SystemExit(3)"]),
        Step("waits", ["-c", waits]),
        Step("late", ["-c", "pass"]),
    ]
    outcomes = session(chosen, tmp_path / "out", seconds=1.5)
    assert [(each.exit_code, each.interrupted) for each in outcomes] == [(3, False), (130, True), (None, True)]
    assert (tmp_path / "out" / "fails.log").read_text() == "here\n"
    assert (tmp_path / "out" / "waits.log").read_text() == "stopped\n"
    rows = list(csv.DictReader((tmp_path / "out" / "session.csv").open()))
    assert [row["name"] for row in rows] == ["fails", "waits", "late"]
    assert rows[2]["exit_code"] == ""
