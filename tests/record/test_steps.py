from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.steps import STEPS, StepTime, read_steps, steps_csv

TIMES = [
    StepTime("d-cnf-s0-1", "d", "cnf", 8, 2.0, 1.9, 2.1, 20.0, 300, "a processor, of one maker", 1, True, "now", None),
    StepTime("d-vae-s0-2", "d", "vae", 64, 0.1234567890123, 0.1, 0.2, None, 302, "=cpu", 2, None, "now", "abc+"),
]


def test_times_read_back_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / STEPS).write_text(steps_csv(TIMES))
    assert read_steps(tmp_path / STEPS) == {time.run_id: time for time in TIMES}


def test_a_study_that_was_not_timed_has_none(tmp_path: Path) -> None:
    assert read_steps(tmp_path / STEPS) == {}


def test_seconds_are_steps_times_the_step_in_proportion_to_field_evaluations() -> None:
    cnf, vae = TIMES
    assert cnf.seconds(100, 30.0) == pytest.approx(100 * 0.002 * 1.5)
    assert cnf.seconds(100, None) == pytest.approx(0.2)
    assert vae.seconds(1000, None) == pytest.approx(0.1234567890123)


@pytest.mark.parametrize(
    "text",
    [
        "run_id,step\n",
        steps_csv(TIMES).replace("2.0,1.9", "nan,1.9"),
        steps_csv(TIMES).replace("2.0,1.9", "-2.0,1.9"),
        steps_csv(TIMES).replace("True", "Truth"),
        steps_csv(TIMES) + "one,cell\n",
        "\0",
    ],
)
def test_another_file_is_refused_in_one_line_that_says_what_to_do(text: str, tmp_path: Path) -> None:
    (tmp_path / STEPS).write_text(text)
    with pytest.raises(BenchError, match="make it anew with: bench retime") as raised:
        read_steps(tmp_path / STEPS)
    assert "\n" not in str(raised.value)
