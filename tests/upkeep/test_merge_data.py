"""`bench merge` brings runs of the data that a study has, and refuses other content under the same names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.record.key import short
from bench.record.runs import run_path, run_paths
from bench.record.store import RunFolder


def run(data: str, content: str | None = "own", **more: Any) -> dict[str, Any]:
    """What the record of a run says of its data."""
    record = {"status": "ok", "study": "scratch", "data": data, "data_hash": content, "test_hash": content}
    return {**record, **more}


FIRST, SECOND = {"fold": 0}, {"fold": 1}
BY_SEED = {"varies": "fold"}

TOGETHER = {
    "a data set each, of one named study": ([run("moons", study="wide")], [run("circles", study="wide")]),
    "other examples to train on": ([run("moons")], [run("moons", "more", test_hash="own")]),
    "a run that ended before its data were known": ([run("moons")], [run("moons", short(None), test_hash=None)]),
    "runs of before there were hashes": ([run("moons")], [run("moons", None)]),
    "a fold each, by the words of the command": ([run("digits", **FIRST)], [run("digits", "other", **SECOND)]),
    "a fold each, by the seed": ([run("digits", **FIRST, **BY_SEED)], [run("digits", **SECOND, **BY_SEED)]),
}
APART = {
    "no data set in common": ([run("moons")], [run("circles")], "moons", "circles"),
    "other content": ([run("moons")], [run("moons", "other")], "moons", "moons of other content"),
    "other content beside the same": (
        [run("moons"), run("circles")],
        [run("moons"), run("circles", "other")],
        "circles",
        "circles of other content",
    ),
    "one fold of other content": (
        [run("digits", **FIRST), run("digits", "one", **SECOND)],
        [run("digits", **FIRST), run("digits", "other", **SECOND)],
        "digits",
        "digits of other content",
    ),
    "by the seed other folds, whose content is that of all": (
        [run("digits", **FIRST, **BY_SEED)],
        [run("digits", "other", **SECOND, **BY_SEED)],
        "digits",
        "digits of other content",
    ),
}


@pytest.fixture
def studies(tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    def write(*records: list[dict[str, Any]]) -> tuple[Path, Path]:
        into, source = tmp_path / "results/scratch", tmp_path / "elsewhere/scratch"
        for number, (study, runs) in enumerate(zip((into, source), records, strict=True)):
            for place, record in enumerate(runs):
                name = f"{record['data']}-affine-s{place}-{number:08}"
                RunFolder(run_path(study / "runs", name)).write_record({**record, "run_id": name})
        return into, source

    return write


@pytest.mark.parametrize("name", TOGETHER)
def test_data_of_one_study_come_together(name: str, studies: Callable, bench_call: Callable) -> None:
    into, source = studies(*TOGETHER[name])
    answer = bench_call("merge", into, source)
    assert answer.code == 0, answer
    assert len(run_paths(into / "runs")) == sum(map(len, TOGETHER[name]))


@pytest.mark.parametrize("name", APART)
def test_data_of_two_studies_stay_apart(name: str, studies: Callable, bench_call: Callable, tmp_path: Path) -> None:
    ours, theirs, own, others = APART[name]
    into, source = studies(ours, theirs)
    answer = bench_call("merge", into, source)
    two = "two studies; nothing was brought, name two folders of one study\n"
    assert (answer.code, answer.err) == (2, f"bench: {into} has runs of {own}, {source} of {others}: {two}")
    assert len(run_paths(into / "runs")) == len(ours)
    assert bench_call("merge", tmp_path / "empty", source).code == 0
