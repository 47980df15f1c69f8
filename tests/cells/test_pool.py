"""Processes of a pool: their messages, what they print, how they end; forked and spawned."""

import sys
import time
from pathlib import Path

import pytest

from bench.cells.pool import Pool
from bench.cells.process import KEPT_OUTPUT, Event, Process
from tests.helpers import TINY, records


@pytest.fixture(params=[False, True], ids=["forked", "spawned"])
def pool(request):
    one = Pool(spawn=request.param)
    yield one
    one.end()


def events_of(pool: Pool, process: Process) -> list[Event]:
    """All events of a process, its end the last."""
    events: list[Event] = []
    while not events or events[-1].message is not None:
        events += [event for event in pool.events(1.0) if event.process is process]
    return events


def test_a_task_that_nobody_knows_is_a_message_and_an_end(pool) -> None:
    process = pool.start({"do": "nothing"})
    *messages, end = events_of(pool, process)
    assert [message.message for message in messages] == [{"raised": "KeyError('nothing')"}]
    assert (end.message, process.status) == (None, 0)


def test_planning_in_a_process(pool) -> None:
    task = {"do": "plan", "arguments": [*TINY, "model=gaussian"], "multirun": False, "config_dir": None, "only": None}
    process = pool.start(task)
    kinds = [next(iter(event.message)) for event in events_of(pool, process) if event.message]
    assert kinds == ["setting", "planned"]


def test_a_killed_process_ends_with_the_signal(pool, rough_conf) -> None:
    sleeps = [*TINY, "model=unbuilt", "model.way=sleep"]  # it would not end by itself
    process = pool.start(
        {"do": "plan", "arguments": sleeps, "multirun": False, "config_dir": str(rough_conf), "only": [0]}
    )
    process.kill()
    events_of(pool, process)
    assert process.status == -9


def test_output_is_kept_at_both_ends() -> None:
    process = Process(1, 0, 0)
    for number in range(30_000):
        process.keep(f"{number}\n".encode())
    text = process.printed()
    assert text.startswith("0\n1\n2\n")
    assert text.endswith("29998\n29999\n")
    assert "bytes left out" in text
    assert len(text) < KEPT_OUTPUT + 100


def test_messages_come_whole_however_they_are_cut() -> None:
    process = Process(1, 0, 0)
    content = b'{"say": "one"}\n{"say": "two"}\n'
    found = [message for place in range(len(content)) for message in process.lines(content[place : place + 1])]
    assert found == [{"say": "one"}, {"say": "two"}]


def test_a_cell_takes_hundredths_of_a_second_of_forking() -> None:
    pool = Pool(spawn=False)
    events_of(pool, pool.start({"do": "nothing"}))  # the server has started
    began = time.monotonic()
    for _ in range(5):
        events_of(pool, pool.start({"do": "nothing"}))
    pool.end()
    assert (time.monotonic() - began) / 5 < 0.15 * 3, "0.02 to 0.06 on an idle machine; three times the limit when busy"


@pytest.mark.skipif(sys.platform != "linux", reason="names of files in /proc")
def test_the_folder_of_the_call_is_not_searched_for_modules(tmp_path: Path, monkeypatch, bench_call) -> None:
    """A file named like a library's module breaks nothing and is not executed."""
    for name in ("pandas", "statistics", "numpy", "json", "torch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('executed')\n")
    assert bench_call("run", *TINY, "model=gaussian").code == 0
    assert {record["status"] for record in records(tmp_path / "results/scratch").values()} == {"ok"}
