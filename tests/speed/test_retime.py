"""Step times of a study's entries: a row a run, entries in turn, a busy machine refused or marked."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.machine.clock import Neighbours
from bench.record.steps import STEPS, StepTime, read_steps
from bench.run import run
from bench.setup.compose import compose
from bench.speed import retime as module
from bench.speed.retime import retime, timed_entries, trained_rows
from tests.helpers import TINY, cell_in, files_under

FLOW = ["model=realnvp", "model.layers=2", "model.width=8"]
MADE = [
    FLOW,
    [*FLOW, "seed=1"],
    [*FLOW, "budget.rung=0.5", "train.optimiser.learning_rate=0.01"],
    [*FLOW, "model.layers=3"],
    ["model=cnf", "model.width=6", "budget.steps=4"],
    ["model=gaussian"],
]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """Runs of three entries that train, one of them with three runs, and of one that is fitted."""
    root = tmp_path_factory.mktemp("results")
    for words in MADE:
        given = [*TINY, "budget.parameters=null", *words]
        cell = replace(cell_in(compose(given), root), command=" ".join(["bench", "run", *given]))
        assert run(cell, lambda history, share: None)["status"] == "ok"
    return root


@pytest.fixture
def short(monkeypatch) -> None:
    """Two rounds of four steps, and a glance at the machine."""
    monkeypatch.setattr(module, "ROUNDS", 2)
    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)


def timed(results: Path, **options: bool) -> tuple[dict[str, StepTime], list[str]]:
    lines: list[str] = []
    assert retime("scratch", results, busy=options.get("busy", True), say=lines.append) == 0
    return read_steps(results / "scratch" / STEPS), lines


def test_runs_that_differ_in_seed_rate_or_rung_share_a_measurement_and_fitted_ones_have_none(results, short) -> None:
    before = files_under(results)
    times, lines = timed(results)
    assert files_under(results) - before == {f"scratch/{STEPS}"}
    assert len(times) == 5
    by_step = sorted((one.model, one.milliseconds) for one in times.values())
    assert len(set(by_step)) == 3
    assert [model for model, _ in by_step] == ["cnf"] + ["realnvp"] * 4
    assert len(lines) == 3 + 1
    for one in times.values():
        assert 0 < one.low <= one.high
        assert one.milliseconds > 0
        assert one.steps == 2 + 2 + 2 * 4, "two to size the blocks, the rest of the first block, two rounds"
        assert one.threads == 1
        assert one.device
        assert (one.evaluations is not None) == (one.model == "cnf")


def test_an_entry_of_two_phases_is_timed_in_both_by_their_shares(tmp_path, monkeypatch) -> None:
    """A step of the first phase evaluates the field once, one of the second 12 times, along two steps of the solver."""
    monkeypatch.setattr(module, "ROUNDS", 8)
    monkeypatch.setattr(module, "BLOCK", 10)
    words = [*TINY, "budget.parameters=null", "model=flow_matching_ml", "model.width=6", "model.matched=0.6"]
    cell = replace(cell_in(compose(words), tmp_path), command=" ".join(["bench", "run", *words]))
    assert run(cell, lambda history, share: None)["status"] == "ok"
    ((entry,),) = timed_entries(trained_rows(tmp_path / "scratch")).values()
    module.take_turns([entry])
    (one,) = entry.times(False)
    assert len(entry.blocks) == len(entry.evaluations) == 1 + 8
    assert entry.evaluations[1:5] == [1.0] * 4, "blocks of ten steps of a hundred; the first warms up"
    assert min(entry.evaluations[6:]) > 2
    assert one.evaluations == pytest.approx(sum(entry.evaluations[1:]) / 8)
    first, second = sum(entry.blocks[1:5]) / 4, sum(entry.blocks[6:]) / 3
    assert first < one.milliseconds < second


def test_entries_of_one_data_set_take_turns(results) -> None:
    (group,) = timed_entries(trained_rows(results / "scratch")).values()
    assert [len(entry.runs) for entry in group] in ([3, 1, 1], [1, 3, 1], [1, 1, 3])
    for entry in group:
        assert entry.config.train.optimiser.warmup == 0
        assert entry.config.train.optimiser.final == 1


def test_a_machine_that_others_use_is_refused_or_marked(results, short, monkeypatch) -> None:
    monkeypatch.setattr(Neighbours, "shared", lambda self: True)
    with pytest.raises(BenchError, match="another process uses the machine") as raised:
        retime("scratch", results, busy=False, say=print)
    assert "--busy" in str(raised.value)
    times, lines = timed(results, busy=True)
    assert {one.shared_machine for one in times.values()} == {True}
    assert all("others used the machine" in line for line in lines[:-1])


def test_a_quiet_machine_is_not_marked(results, short, monkeypatch) -> None:
    monkeypatch.setattr(Neighbours, "shared", lambda self: False)
    assert {one.shared_machine for one in timed(results, busy=False)[0].values()} == {False}


def test_an_entry_that_cannot_be_timed_is_said_and_the_others_are(results, short, monkeypatch) -> None:
    begin = module.Timed.begin

    def refusing(self, dataset, device) -> None:
        if self.config.model["name"] == "cnf":
            raise BenchError("out of order")
        begin(self, dataset, device)

    monkeypatch.setattr(module.Timed, "begin", refusing)
    lines: list[str] = []
    assert retime("scratch", results, busy=True, say=lines.append) == 1
    assert "linear_gaussian cnf of width 6: not timed: out of order" in lines
    assert len(read_steps(results / "scratch" / STEPS)) == 4


def test_a_study_without_steps_is_refused(tmp_path) -> None:
    with pytest.raises(BenchError, match="no row of it took a step"):
        retime("none", tmp_path, busy=True, say=print)
    assert not list(tmp_path.iterdir())


def test_the_command_refuses_a_study_that_is_not_there_in_one_line(bench_call) -> None:
    answer = bench_call("retime", "nothing")
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "make some with: bench run study=nothing" in answer.err
