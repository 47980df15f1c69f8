from pathlib import Path

import pytest
import torch

from bench.errors import BenchError
from bench.speed import speed as story
from bench.speed.figure import COLUMNS, Figure, Target, read_rows


@pytest.fixture
def two_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {
        "first": lambda device, results_dir: [Figure("first", f"on {device}", "s", 1.0, target=Target(2.0))],
        "second": lambda device, results_dir: [Figure("second", f"in {results_dir.name}", "s", 3.0)],
    }
    monkeypatch.setattr(story, "CASES", cases)
    monkeypatch.setattr(story, "SHORT", tuple(cases))


def test_every_case_is_stored_and_printed_when_none_is_named(two_cases: None, tmp_path: Path) -> None:
    lines = story.speed([], "cpu", tmp_path)
    rows = read_rows(tmp_path / "speed" / "cpu.csv")
    assert [(row["case"], row["what"], row["met"]) for row in rows] == [
        ("first", "on cpu", "yes"), ("second", f"in {tmp_path.name}", "")
    ]  # fmt: skip
    assert all(list(row) == list(COLUMNS) for row in rows)
    assert {row["threads"] for row in rows} == {str(torch.get_num_threads())}
    assert lines[-1] == f"table: {tmp_path / 'speed' / 'cpu.csv'}"
    assert any("on cpu" in line for line in lines)


def test_a_case_timed_again_replaces_its_rows_and_leaves_the_others(two_cases: None, tmp_path: Path) -> None:
    story.speed([], "cpu", tmp_path)
    path = tmp_path / "speed" / "cpu.csv"
    path.write_text(path.read_text().replace("on cpu", "before").replace("in ", "kept "))
    story.speed(["first"], "cpu", tmp_path)
    assert [row["what"] for row in read_rows(path)] == ["on cpu", f"kept {tmp_path.name}"]


def test_a_case_that_is_cut_short_keeps_the_figures_it_has_measured(
    two_cases: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cut_short(device, results_dir):
        yield Figure("first", "one", "s", 1.0)
        yield Figure("first", "two", "s", 2.0)
        yield Figure("first", "one", "s", 3.0)
        raise KeyboardInterrupt

    story.speed([], "cpu", tmp_path)
    monkeypatch.setitem(story.CASES, "first", cut_short)
    with pytest.raises(KeyboardInterrupt):
        story.speed(["first"], "cpu", tmp_path)
    rows = read_rows(tmp_path / "speed" / "cpu.csv")
    expected = [("two", "2"), ("one", "3"), (f"in {tmp_path.name}", "3")]
    assert [(row["what"], row["ours"]) for row in rows] == expected


def test_what_counts_operations_stands_beside_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story.Peak, "measured", lambda peak, effort: 1e9)
    figures = [
        Figure("a", "steps", "ms/step", 2.0, flops=1e6),
        Figure("a", "samples", "samples/s", 10.0, flops=1e7),
        Figure("a", "seconds", "s", 4.0, flops=2e9),
        Figure("a", "measured before", "ms/step", 2.0, flops=1e6, peak_fraction=0.25),
        Figure("a", "not timed", "ms/step", None, flops=1e6),
        Figure("a", "bytes", "MB", 1.0, flops=1e6),
        Figure("a", "uncounted", "s", 1.0),
    ]
    shares = [figure.peak_fraction for figure in story.with_peak(figures, torch.device("cpu"))]
    assert shares == [pytest.approx(0.5), pytest.approx(0.1), pytest.approx(0.5), 0.25, None, None, None]


def test_a_misspelt_case_is_named_with_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"unknown case 'overhaed'.*overhead"):
        story.speed(["overhaed"], "cpu", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_is_refused_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--device cuda"):
        story.speed([], "cuda", tmp_path)


def test_a_long_case_is_timed_only_when_it_is_named(
    two_cases: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(story, "SHORT", ("first",))
    path = tmp_path / "speed" / "cpu.csv"
    story.speed([], "cpu", tmp_path)
    assert [row["case"] for row in read_rows(path)] == ["first"]
    story.speed(["second"], "cpu", tmp_path)
    assert [row["case"] for row in read_rows(path)] == ["first", "second"]


def test_threads_are_those_asked_for(two_cases: None, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        story.speed(["first"], "cpu", tmp_path, threads=before + 1)
        (row,) = read_rows(tmp_path / "speed" / "cpu.csv")
        assert row["threads"] == str(before + 1)
    finally:
        torch.set_num_threads(before)
    with pytest.raises(BenchError, match="--threads 0"):
        story.speed(["first"], "cpu", tmp_path, threads=0)


def test_the_cases_are_those_of_the_readme() -> None:
    assert list(story.CASES) == [
        "overhead", "vae-pythae", "iwae-5000", "bounds", "annealing", "realnvp-nflows", "realnvp-normflows",
        "vae-conv-pythae", "realnvp-conv-nflows", "unet-torchcfm", "bfloat16", "picture-cost", "compiled", "pack",
        "cnf-grid", "cli", "report", "bench", "records", "many-records", "driver", "own-data", "ladder", "ladder-plane",
        "exact-likelihood", "scaling", "reach",
    ]  # fmt: skip
    assert story.CASES.keys() >= set(story.SHORT)
