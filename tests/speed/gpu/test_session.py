import csv
import re
import tarfile
from pathlib import Path

import pytest

from bench.paths import project_dir
from bench.setup.compose import compose
from bench.speed.gpu.session import CALLS, FIRST_MODELS, Step, main, session, steps
from bench.speed.speed import CASES

SCRIPTS = Path(__file__).parents[3] / "bench/speed/gpu"
OF_STEPS = [step for call in CALLS for step in steps(call, "cpu", Path("results"))]


def test_the_tests_come_first_and_each_call_fits_into_its_ten_minutes() -> None:
    assert [step.name for step in steps(1, "cuda", Path("r"))][:2] == ["machine", "tests"]
    for call in CALLS:
        assert sum(step.seconds for step in steps(call, "cuda", Path("r"))) <= 580


@pytest.mark.parametrize("step", OF_STEPS, ids=lambda step: step.name)
def test_every_command_and_path_of_a_step_exists(step: Step) -> None:
    module, *words = step.arguments[1:]
    if module == "pytest":
        assert (SCRIPTS.parents[2] / words[-1]).is_dir()
    elif words[:1] == ["speed"]:
        assert words[1] in CASES
    elif words[:1] == ["run"]:
        first = [word.partition(",")[0] for word in words[1:] if word != "-m"]  # of a grid its first cell
        assert compose(first).model["name"] in FIRST_MODELS
    else:
        assert module == "torch.utils.collect_env" or words[0] == "report"


def test_every_path_that_a_script_names_exists_and_none_is_of_one_machine() -> None:
    root = project_dir()
    assert root is not None
    scripts = sorted(SCRIPTS.glob("*.sh"))
    assert [script.name for script in scripts] == ["call1.sh", "call2.sh", "call3.sh", "host.sh", "prepare.sh"]
    for script in [*scripts, SCRIPTS / "README.md"]:
        text = script.read_text()
        for path in re.findall(r"bench/[\w/]+\.(?:sh|py)", text):
            assert (root / path).is_file(), path
        assert not re.search(r"(?<![\w.$}])/(?:work|home|root|tmp|mnt)/", text)
    for call in CALLS:
        assert f"bench.speed.gpu.session {call} " in (SCRIPTS / f"call{call}.sh").read_text()


def test_a_dry_run_prints_the_commands_and_leaves_no_files(tmp_path: Path, capsys) -> None:
    assert main(["2", str(tmp_path / "out"), "--dry-run"]) == 0
    assert "bench.cli speed ladder-plane --device cuda" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_failing_step_stops_nothing_and_a_long_one_is_interrupted(tmp_path: Path) -> None:
    waits = "import time\ntry:\n  time.sleep(60)\nexcept KeyboardInterrupt:\n  print('stopped'); raise SystemExit(130)"
    results, out = tmp_path / "results", tmp_path / "out"
    writes = f"from pathlib import Path; p = Path({str(results)!r}, 'speed'); p.mkdir(parents=True); "
    writes += "(p / 'cuda.csv').write_text('a'); print('here'); raise SystemExit(3)"
    chosen = [Step("fails", ["-c", writes], 60), Step("waits", ["-c", waits], 1.0), Step("late", ["-c", "pass"], 0.0)]
    outcomes = session(chosen, out, results, seconds=30)
    assert [(each.exit_code, each.interrupted) for each in outcomes] == [(3, False), (130, True), (None, True)]
    log = (out / "log.txt").read_text()
    assert log.index("=== fails") < log.index("\nhere\n") < log.index("=== waits") < log.index("\nstopped\n")
    rows = list(csv.DictReader((out / "session.csv").open()))
    assert [row["name"] for row in rows] == ["fails", "waits", "late"]
    assert rows[2]["exit_code"] == ""
    with tarfile.open(out / "results.tgz") as archive:
        assert "./speed/cuda.csv" in archive.getnames()
    assert sorted(path.name for path in out.iterdir()) == ["cuda.csv", "log.txt", "results.tgz", "session.csv"]
