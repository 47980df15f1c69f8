"""Floors that runs of a study leave to each other: equal to those measured, never those of other inputs."""

from pathlib import Path

import pytest
import torch

from bench.data.digits import digits
from bench.errors import CannotWrite
from bench.metrics.kept import kept
from bench.metrics.samples import sample_quality
from bench.record.store import Record


class Measure:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Record:
        self.calls += 1
        return {"number": 0.1 + self.calls}


POINTS = torch.arange(6.0).reshape(3, 2)


def test_equal_inputs_are_measured_once(tmp_path: Path) -> None:
    measure = Measure()
    first = kept(tmp_path, [POINTS], (1, "a"), measure)
    assert kept(tmp_path, [POINTS.clone()], (1, "a"), measure) == first == {"number": 1.1}
    assert measure.calls == 1


def test_other_inputs_are_measured_anew(tmp_path: Path) -> None:
    measure = Measure()
    kept(tmp_path, [POINTS], (1, "a"), measure)
    changed = POINTS.clone()
    changed[0, 0] = 1e-30
    for examples, settings in (
        ([changed], (1, "a")),
        ([POINTS.double()], (1, "a")),
        ([POINTS.reshape(2, 3)], (1, "a")),
        ([POINTS, POINTS], (1, "a")),
        ([POINTS], (2, "a")),
    ):
        before = measure.calls
        kept(tmp_path, examples, settings, measure)
        assert measure.calls == before + 1
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        kept(tmp_path, [POINTS], (1, "a"), measure)
    finally:
        torch.set_num_threads(threads)
    assert measure.calls == 7


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"number": 1', '{"number": "1"}', '{"number": 1, "number": 2}', "\x00"]
)
def test_a_file_that_cannot_be_read_is_written_anew(tmp_path: Path, content: str) -> None:
    measure = Measure()
    kept(tmp_path, [POINTS], None, measure)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert kept(tmp_path, [POINTS], None, measure) == {"number": 2.1}
    assert kept(tmp_path, [POINTS], None, measure) == {"number": 2.1}


def test_without_a_folder_nothing_is_kept() -> None:
    measure = Measure()
    assert kept(None, [POINTS], None, measure) != kept(None, [POINTS], None, measure)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "floors").write_text("a file")
    with pytest.raises(CannotWrite, match="floors"):
        kept(tmp_path / "floors", [POINTS], None, Measure())


def test_sample_quality_is_equal_with_kept_floors(tmp_path: Path) -> None:
    dataset = digits("digits")
    real = dataset.space.to_data(dataset.fixed(dataset.test[:200], 1))

    def quality(scale: float, folder: Path | None) -> Record:
        return sample_quality(
            scale * real.flip(0), real, dataset, projections=16, trees=5, batch_rows=500, seed=0, floors_folder=folder
        )

    quality(0.5, tmp_path)  # another model's run
    assert quality(0.9, tmp_path) == quality(0.9, None)
    assert len(list(tmp_path.iterdir())) == 1
